package engine

import (
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

func TestViewsThatAllHaveAcknowledgedAreForgotten(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	play := func(n int, who ...*client) {
		for range n {
			for _, c := range who {
				b.input(c, 1, 0, 0)
			}
			b.tick()
		}
	}
	kept := func(tick uint32) bool { return b.room.history.Find(1, tick) != nil }
	play(20, ada, bob)
	if now := b.room.TickNow(); kept(now-5) || !kept(now-1) {
		t.Errorf("of acknowledged views the fifth is kept: %v, the one before the newest: %v", kept(now-5), kept(now-1))
	}
	// One whose connection is gone holds what it acknowledged last, or something that was under way.
	held := wire.Resume{Epoch: 1, Tick: ada.state.Tick - 1, EventSeq: ada.eventSeq}
	b.room.Lost(ada.session, ada.conn)
	ada.session = nil
	play(20, bob)
	if !kept(held.Tick) {
		t.Fatalf("tick %d is not kept for a player who is away", held.Tick)
	}
	b.resume(ada, held)
	if ada.welcome.Resumed != wire.ResumedDelta {
		t.Errorf("resumed with %d, want a delta", ada.welcome.Resumed)
	}
	play(3, ada, bob)
	if kept(held.Tick) {
		t.Error("the view of the absence is kept after it was made up for")
	}
	// One who acknowledges nothing keeps all there is room for.
	before := b.room.TickNow()
	play(10, bob)
	if !kept(before) {
		t.Error("a view that ada has not acknowledged is forgotten")
	}
}
