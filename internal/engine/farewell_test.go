package engine

import (
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

// An event of the tick in which a player is kicked still reaches that player.
func TestKickedPlayerHearsTheLastEvent(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.tick()
	s := ada.session
	b.send(ada, wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: wire.AppendString(wire.AppendArrayLen(nil, 1), "kick me")}))
	b.room.Tick(b.clock)
	closings := b.room.Closings()
	if len(closings) != 1 || closings[0].Code != wire.CloseKicked || closings[0].Last != s {
		t.Fatalf("closings %+v, want ada's", closings)
	}
	before := len(ada.events)
	b.room.FlushEvents(s, ada)
	if len(ada.events) != before+1 || len(ada.replies) != 1 {
		t.Errorf("ada was told %d events and %d replies on the way out, want one of each", len(ada.events)-before, len(ada.replies))
	}
}

// Bots do not stay in a room that everybody has left: it may not tick again.
func TestBotsLeaveWithTheLastPerson(t *testing.T) {
	def := dotDefinition()
	def.Bots = 4
	b := newBench(t, def, Config{})
	ada := b.join(0, "Ada")
	b.ticks(5)
	b.send(ada, wire.AppendLeave(nil))
	b.tick()
	if _, bots := b.room.Count(); bots != 0 {
		t.Errorf("%d bots in the tick in which the last person left", bots)
	}
}

// A frame sent before WELCOME came says nothing of whether it arrived: the token still opens the session.
func TestFrameBeforeWelcomeSpendsNothing(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	first := b.client()
	join := Join{Conn: first.conn, Seat: Seat{ID: 100, Name: "Ada"}, Token: "token", NewSecret: secretOf(1)}
	b.room.Join(join)
	b.room.Tick(1)
	s := b.room.Outcomes()[0].Session
	if code := b.room.Receive(s, wire.AppendPing(nil, wire.Ping{})); code != 0 {
		t.Fatal(code)
	}
	b.room.Lost(s, first.conn) // before anything was flushed
	second := b.client()
	join.Conn = second.conn
	b.room.Join(join)
	b.tick()
	if second.session == nil {
		t.Errorf("the token is spent: %+v", second.outcome)
	}
}
