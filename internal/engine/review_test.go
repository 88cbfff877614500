package engine

import (
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// 4100 for unacknowledged events says "resume": the session must still be there, and its events with it.
func TestTooManyEventsCanBeResumed(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.send(ada, wire.AppendPing(nil, wire.Ping{}))
	b.ticks(settleSeconds*20 + 2)
	for range maxOutbox / 64 {
		ada.session.outbox.event(b.room.tick, 0, make([]byte, 64))
	}
	b.ticks(3)
	if ada.closed != wire.CloseSlow {
		t.Fatalf("closed with %v, want 4100", ada.closed)
	}
	b.resume(ada, wire.Resume{Epoch: 1, Tick: ada.state.Tick, EventSeq: ada.eventSeq})
	if ada.session == nil {
		t.Fatalf("resume after 4100: %+v", ada.outcome)
	}
	b.ticks(20)
	if ada.session == nil || len(ada.events) < maxOutbox/64 {
		t.Errorf("%d events came, closed %v", len(ada.events), ada.closed)
	}
}

// in_seq is the newest input that the state includes, also where states are rarer than ticks.
func TestInSeqIsThatOfTheState(t *testing.T) {
	def := dotDefinition()
	def.SendHz = 5
	b := newBench(t, def, Config{})
	c := b.join(0, "Ada")
	b.ticks(4)
	for range 30 {
		b.input(c, 1, 0, 0)
		b.send(c, wire.AppendResync(nil, wire.Resync{Tick: 1, Reason: 1})) // a snapshot of an older view now and then
		b.tick()
		if got := c.dot(0)[0]; uint32(got) != c.inSeq {
			t.Fatalf("tick %d: the state shows %d inputs, in_seq says %d", c.state.Tick, got, c.inSeq)
		}
	}
	if c.inSeq == 0 {
		t.Fatal("no input was used")
	}
}

// Bots stay within the room's places, which may be fewer than the game's.
func TestBotsStayWithinTheRoom(t *testing.T) {
	def := dotDefinition()
	def.Bots = 6
	b := newBench(t, def, Config{Places: 3})
	c := b.join(0, "Ada")
	b.ticks(10)
	if people, bots := b.room.Count(); people != 1 || bots != 2 {
		t.Errorf("%d people, %d bots in a room of three", people, bots)
	}
	for slot := range c.roster {
		if slot > 2 {
			t.Errorf("somebody sits in slot %d of a room of three", slot)
		}
	}
}

// What piles up while the node stands still is not held against the players.
func TestStallDoesNotCloseAnybody(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.join(0, "Ada")
	b.room.Missed(20 * 20) // 20 s
	for seq := range uint32(400) {
		b.send(c, wire.AppendInput(nil, seq+1, 0, 0, []int32{1, 0, 0}))
	}
	flood := wire.CloseCode(0)
	for seq := uint32(401); flood == 0 && seq < 10_000; seq++ {
		flood = b.room.Receive(c.session, wire.AppendInput(nil, seq, 0, 0, []int32{1, 0, 0}))
	}
	if flood != wire.CloseRate {
		t.Errorf("a flood got %v, want 4006", flood)
	}
}

// A game that fails while its state is encoded leaves the checkpoint before, whole.
func TestCheckpointSurvivesAFailedOne(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{Seed: 3})
	b.join(0, "Ada")
	b.ticks(45)
	game := &failingState{dotGame: b.room.driver.Game.(*dotGame)}
	b.room.driver.Game = game
	b.ticks(25)
	end := b.room.Ended()
	if end == nil || end.Fault == nil {
		t.Fatalf("the room goes on: %+v", end)
	}
	prog, err := room.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Restore(Config{ID: "testroom", Program: prog, Seed: 3}, end.Fault.Checkpoint)
	if err != nil {
		t.Fatalf("the fault's checkpoint cannot be restored: %v", err)
	}
	if err := r.Replay(end.Fault.Records); err != nil || r.TickNow() != end.Fault.Tick {
		t.Errorf("replay ends at tick %d (%v), the fault was at %d", r.TickNow(), err, end.Fault.Tick)
	}
}

type failingState struct{ *dotGame }

func (g *failingState) State() any { panic("no state today") }

// A text of a game that no frame can hold is cut.
func TestLongTextsAreCut(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.room.close(ada.session, wire.CloseKicked, strings.Repeat("ä", 2000))
	text := b.room.closings[0].Text
	if len(text) > wire.MaxText || !strings.HasPrefix(text, "ää") {
		t.Errorf("a closing with a text of %d bytes", len(text))
	}
}

// Who is kicked in the tick of the join hears no event before WELCOME.
func TestNoEventBeforeWelcome(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.client()
	b.room.Join(Join{Conn: c.conn, Seat: Seat{ID: 1, Name: "Ada"}, Token: "t", NewSecret: secretOf(1)})
	b.room.Tick(1)
	s := b.room.Outcomes()[0].Session
	b.room.FlushEvents(s, c)
	if len(c.frames) != 0 {
		t.Errorf("frames %v before WELCOME", c.frames)
	}
}
