package arena

import (
	"encoding/json"

	"github.com/ringside-server/ringside/room"
)

// In is what players send in every tick. A tick without input repeats the last one for a while, as if the keys were still
// down.
type In struct {
	DX, DY int8   `ring:"-1..1"`
	Aim    uint16 `ring:"angle"`
	Fire   bool
}

// What players are told once.
type (
	hitEvent struct { // to the one who shot and the one who was hit
		By, Who int `ring:"owner"`
		HP      int // what is left
	}
	killEvent struct {
		By, Who int `ring:"owner"`
	}
	roundEvent struct {
		Number int
		Winner int `ring:"owner"` // -1: nobody scored
		Score  int
	}
	emoteEvent struct {
		Who  int `ring:"owner"`
		Kind int
	}
)

// What players may ask for.
type emote struct {
	Kind int `ring:"0..7"`
}

// What players see is the state itself: Ship, Shot, Kit and Round, but for their fields tagged "-".
var (
	keys = room.Input[In](room.OnePerTick)

	ships  = room.Kind[Ship]("ship")
	shots  = room.Kind[Shot]("shot")
	kits   = room.Kind[Kit]("kit")
	rounds = room.Kind[Round]("round")

	hits      = room.Event[hitEvent]("hit")
	kills     = room.Event[killEvent]("kill")
	roundEnds = room.Event[roundEvent]("round")
	emotes    = room.Event[emoteEvent]("emote")
)

// Definition is the game, as ringside.WithGame takes it.
var Definition = room.Definition{
	Name:         "arena",
	Version:      1,
	StateVersion: 1,
	TickHz:       20,
	MaxPlayers:   16,
	Bots:         4,
	Kinds:        []room.AnyKind{ships, shots, kits, rounds},
	Input:        keys,
	Messages:     []room.AnyMessage{room.Message("emote", 2, (*Game).emote)},
	Events:       []room.AnyEvent{hits, kills, roundEnds, emotes},
	New:          newGame,
}

// options are what the creator of a room may ask for.
type options struct {
	Rounds int `json:"rounds" ring:"0..1000"`  // the room ends after so many rounds; 0: never
	RoundS int `json:"round_s" ring:"5..3600"` // seconds in a round
	Size   int `json:"size" ring:"200..20000"` // the side of the square, in units
}

// A Game is one arena.
type Game struct {
	opt options
	s   State
}

// State is all that must survive.
type State struct {
	Round Round
	Ships room.Table[Ship] // by slot
	Shots room.Table[Shot]
	Kits  [kitCount]Kit
}

func newGame(r *room.Room, raw json.RawMessage) (room.Game, error) {
	g := &Game{opt: options{RoundS: 120, Size: 1000}}
	if err := room.Options(raw, &g.opt); err != nil {
		return nil, err
	}
	g.s.Round.Size = int32(g.opt.Size) * unit
	for i := range g.s.Kits {
		g.placeKit(r, &g.s.Kits[i])
	}
	g.startRound(r)
	return g, nil
}

// State implements room.Game.
func (g *Game) State() any { return &g.s }

// Join gives a player a ship.
func (g *Game) Join(r *room.Room, p *room.Player) error {
	g.launch(r, g.s.Ships.Put(p.Slot, Ship{Owner: p.Slot}))
	return nil
}

// Leave takes the ship away, and its shots: the next player of this slot shall not score with them.
func (g *Game) Leave(_ *room.Room, p *room.Player, _ room.Reason) {
	g.s.Ships.Delete(p.Slot)
	for id, s := range g.s.Shots.All() {
		if s.Owner == p.Slot {
			g.s.Shots.Delete(id)
		}
	}
}

// Step is one twentieth of a second.
func (g *Game) Step(r *room.Room) {
	for p := range r.Players() {
		s := g.s.Ships.Get(p.Slot)
		g.listen(r, p, s)
		g.steer(r, s)
	}
	g.moveShots(r)
	g.giveKits(r)
	for range r.Due() { // there is one timer: the round's
		g.endRound(r)
	}
}

// holdTicks is how long a ship goes on as it was told when no input comes.
const holdTicks = 10

// listen is where a ship is told what to do: by its player, or by the bot that is one.
func (g *Game) listen(r *room.Room, p *room.Player, s *Ship) {
	if p.Bot {
		s.Told = g.s.think(s, r.Tick(), r.Rand())
		return
	}
	if in, ok := keys.Next(p); ok {
		s.Told, s.Untold = in, 0
		return
	}
	if s.Untold++; s.Untold >= holdTicks || p.Away() {
		s.Told = In{Aim: s.Told.Aim}
	}
}

// View shows everything to everybody.
func (g *Game) View(_ *room.Room, v *room.View) {
	rounds.Put(v, 0, g.s.Round)
	for slot, s := range g.s.Ships.All() {
		ships.Put(v, slot, *s)
	}
	for id, s := range g.s.Shots.All() {
		shots.Put(v, id, *s)
	}
	for i, k := range g.s.Kits {
		if k.Back == 0 {
			kits.Put(v, i, k)
		}
	}
}

// emote is the message: a small picture over the ship, for everybody.
func (g *Game) emote(r *room.Room, p *room.Player, m emote) error {
	emotes.Broadcast(r, emoteEvent{Who: p.Slot, Kind: m.Kind})
	return nil
}
