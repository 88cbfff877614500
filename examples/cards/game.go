package cards

import (
	"encoding/json"

	"github.com/ringside-server/ringside/room"
)

const seats = 4

// What everybody sees: the table (one, with id 0) and the seats. What one player sees: the hand, one entity a card.
type (
	tableView struct {
		Phase    Phase
		Round    int
		Top      string `ring:"text(5)"` // the card to play on, "" before the first round
		Suit     int    // the suit asked for: that of Top, or what the player of an eight named
		Turn     int    `ring:"owner"` // whose turn it is
		Deadline uint32 // the tick in which it is over; 0: nobody is waited for
		Stock    int    // cards left to draw
	}
	seatView struct {
		Owner int `ring:"owner"`
		Cards int
		Score int
	}
	handView struct {
		Name string `ring:"text(5)"`
		Fits bool   // may be played now
	}
)

// What everybody is told.
type (
	playedEvent struct {
		Seat int    `ring:"owner"`
		Card string `ring:"text(5)"`
		Suit int
	}
	drewEvent struct {
		Seat int `ring:"owner"`
	}
	passedEvent struct {
		Seat int `ring:"owner"`
	}
	roundEvent struct {
		Number int
		Winner int `ring:"owner"`
		Points int
	}
)

// What players may ask for: play a card (Suit counts for an eight only), draw one, or pass after drawing.
type (
	playRequest struct {
		Card int `ring:"0..51"`
		Suit int `ring:"0..3"`
	}
	drawRequest struct{}
	passRequest struct{}
)

var (
	tables    = room.Kind[tableView]("table")
	seatKinds = room.Kind[seatView]("seat")
	hands     = room.Kind[handView]("hand") // the id is the card

	played = room.Event[playedEvent]("played")
	drew   = room.Event[drewEvent]("drew")
	passed = room.Event[passedEvent]("passed")
	ended  = room.Event[roundEvent]("round")
)

// Definition is the game, as ringside.WithGame takes it.
var Definition = room.Definition{
	Name:         "cards",
	Version:      1,
	StateVersion: 1,
	TickHz:       10,
	MaxPlayers:   seats,
	Bots:         seats,
	Quiet:        true,
	Sleeps:       true, // between moves there is nothing to do
	Kinds:        []room.AnyKind{tables, seatKinds, hands},
	Messages: []room.AnyMessage{
		room.Message("play", 5, (*Game).play),
		room.Message("draw", 5, (*Game).draw),
		room.Message("pass", 5, (*Game).pass),
		room.HostLock,
		room.HostKick,
	},
	Events: []room.AnyEvent{played, drew, passed, ended},
	New:    newGame,
}

// options are what the creator of a room may ask for.
type options struct {
	Rounds int `json:"rounds" ring:"0..1000"` // the room ends after so many rounds; 0: never
	TurnS  int `json:"turn_s" ring:"5..600"`  // seconds a player has for a turn
}

// A Game is one table.
type Game struct {
	opt options
	s   State
}

// State is all that must survive.
type State struct {
	Phase     Phase
	Round     int
	Seats     [seats]Seat
	Stock     []Card // face down, drawn from the end
	Pile      []Card // face up, played on the end
	Suit      int    // asked for
	Turn      int    // the seat
	TurnStart uint32 // the tick
	Deadline  uint32 // when the clock runs out; 0: it stands
	Drawn     bool   // the seat whose turn it is has drawn
	Stuck     int    // seats in a row that could neither play nor draw
}

// A Phase is what the table is doing.
type Phase uint8

// The phases: nobody has come yet; a round is on; the cards of the last one lie open for a moment.
const (
	Waiting Phase = iota
	Playing
	Between
)

// A Seat is one side of the table.
type Seat struct {
	Hand  []Card // sorted
	Score int
	Slow  bool // let the clock run out: is waited for less, until the next move
}

func newGame(_ *room.Room, raw json.RawMessage) (room.Game, error) {
	g := &Game{opt: options{TurnS: 20}}
	return g, room.Options(raw, &g.opt)
}

// State implements room.Game.
func (g *Game) State() any { return &g.s }

// Join seats a player, who finds the cards of the bot that sat there. The first person starts the game.
func (g *Game) Join(r *room.Room, p *room.Player) error {
	g.s.Seats[p.Slot].Slow = false
	switch {
	case p.Bot: // bots come with people; they need no invitation
	case g.s.Phase == Waiting:
		g.deal(r)
	case g.s.Deadline == 0:
		g.wind(r)
	}
	g.rewind(r, p.Slot)
	return nil
}

// Leave leaves the hand on the seat; the clock plays it until somebody sits down.
func (g *Game) Leave(r *room.Room, p *room.Player, _ room.Reason) { g.rewind(r, p.Slot) }

// Away is told that a player's connection is lost: nobody waits long for the absent.
func (g *Game) Away(r *room.Room, p *room.Player) { g.rewind(r, p.Slot) }

// Back is told that it is there again in time.
func (g *Game) Back(r *room.Room, p *room.Player) {
	g.s.Seats[p.Slot].Slow = false
	g.rewind(r, p.Slot)
}

var _ room.Awayer = (*Game)(nil)

// Step has nothing to do but to look at the clock: players act by messages. It counts nothing, for the room Sleeps.
func (g *Game) Step(r *room.Room) {
	for range r.Due() { // there is one timer, see wait
		g.timeUp(r)
	}
}

// View shows the table to everybody and each hand to its player.
func (g *Game) View(r *room.Room, v *room.View) {
	s := &g.s
	t := tableView{Phase: s.Phase, Round: s.Round, Suit: s.Suit, Turn: s.Turn, Deadline: s.Deadline, Stock: len(s.Stock)}
	if s.Phase != Waiting {
		t.Top = s.top().String()
	}
	tables.Put(v, 0, t)
	for i, seat := range s.Seats {
		seatKinds.Put(v, i, seatView{Owner: i, Cards: len(seat.Hand), Score: seat.Score})
	}
	for p := range r.Players() {
		if p.Bot {
			continue
		}
		myTurn := s.Phase == Playing && s.Turn == p.Slot
		for _, c := range s.Seats[p.Slot].Hand {
			hands.Put(v.Only(p), int(c), handView{Name: c.String(), Fits: myTurn && c.Fits(s.top(), s.Suit)})
		}
	}
}

// top is the card to play on.
func (s *State) top() Card { return s.Pile[len(s.Pile)-1] }
