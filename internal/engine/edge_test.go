package engine

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// What a game does in the Leave of a player it kicked, and in the Join of a bot it added, is released like all else.
func TestEffectsOfEffectsAreReleased(t *testing.T) {
	def := dotDefinition()
	game := &kicker{}
	def.New = func(*room.Room, json.RawMessage) (room.Game, error) { return game, nil }
	def.Messages = nil
	b := newBench(t, def, Config{})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	before := len(ada.events)
	game.kick, game.bot = 1, true
	b.tick()
	if bob.closed != wire.CloseKicked {
		t.Fatalf("bob was closed with %v", bob.closed)
	}
	b.ticks(2)
	if got := len(ada.events) - before; got != 2 {
		t.Errorf("ada heard %d events of a player who was kicked and a bot that came, want 2", got)
	}
}

// A kicker greets who comes and who goes.
type kicker struct {
	dotGame
	kick int
	bot  bool
}

func (g *kicker) Leave(r *room.Room, p *room.Player, why room.Reason) {
	g.dotGame.Leave(r, p, why)
	greets.Broadcast(r, greeting{p.Slot})
}

func (g *kicker) Step(r *room.Room) {
	g.dotGame.Step(r)
	if p := r.Player(g.kick); g.kick > 0 && p != nil {
		r.Kick(p, "out")
	}
	if g.kick = 0; g.bot {
		r.AddBot("Bo")
		g.bot = false
	}
}

// The token of a session whose seat is given up in this very tick is refused; the room goes on.
func TestTokenComesBackWhenTheGraceEnds(t *testing.T) {
	refused := 0
	for late := range 4 {
		def := dotDefinition()
		def.Grace = time.Second
		b := newBench(t, def, Config{})
		c := b.join(0, "Ada") // WELCOME was lost: nothing is heard, the token is not spent
		b.room.Lost(c.session, c.conn)
		c.session = nil
		b.ticks(19 + late)
		d := b.client()
		b.room.Join(Join{Conn: d.conn, Seat: Seat{ID: 100, Slot: 0, PlayerID: "Ada", Name: "Ada"}, Token: "token-Ada", NewSecret: secretOf(d.conn)})
		b.tick()
		switch end := b.room.Ended(); {
		case end != nil:
			t.Fatalf("%d ticks after the loss the room ended: %s", 20+late, end.Fault.Panic)
		case d.outcome == nil:
			t.Errorf("%d ticks after the loss: no answer", 20+late)
		case d.session == nil && d.outcome.Code == wire.CloseToken:
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("refused in %d of 4 ticks, want 1", refused)
	}
}

// A game may call its bots what it likes: the roster stays readable and the checkpoint can be restored.
func TestBotsWithOddNames(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("漢", 200), "\xff\xfe", strings.Repeat("x", 127) + "é"} {
		def := dotDefinition()
		game := &namer{name: name}
		def.New = func(*room.Room, json.RawMessage) (room.Game, error) { return game, nil }
		def.Messages = nil
		b := newBench(t, def, Config{})
		c := b.join(0, "Ada")
		b.ticks(3)
		e, ok := c.roster[7]
		if !ok || !utf8.ValidString(e.Name) || len(e.Name) > wire.MaxName || !strings.HasPrefix(name, e.Name) {
			t.Errorf("bot %q stands in the roster as %q, %v", name, e.Name, ok)
		}
		checkpoint, err := b.room.AppendCheckpoint(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(Config{ID: "testroom", Program: b.room.prog}, checkpoint); err != nil {
			t.Errorf("bot %q: %v", name, err)
		}
	}
}

type namer struct {
	dotGame
	name string
}

func (g *namer) Step(r *room.Room) {
	g.dotGame.Step(r)
	if r.Tick() == 2 {
		r.AddBot(g.name)
	}
}

// A long refusal reaches the player as text.
func TestRefusalIsCutBetweenCharacters(t *testing.T) {
	def := dotDefinition()
	def.Messages = []room.AnyMessage{room.Message("grumble", 5, func(*dotGame, *room.Room, *room.Player, secret) error {
		return errors.New("x" + strings.Repeat("漢", 400))
	})}
	b := newBench(t, def, Config{})
	c := b.join(0, "Ada")
	b.send(c, wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: []byte{0x91, 1}}))
	b.tick()
	if len(c.replies) != 1 || !utf8.Valid(c.replies[0].Payload) || len(c.replies[0].Payload) < maxReplyText-3 {
		t.Errorf("replies %+v", c.replies)
	}
}
