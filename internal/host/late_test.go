package host

import (
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

// A room that could not be restored is remembered for its players, for a while, and gives way to one of its name.
func TestLateRoom(t *testing.T) {
	r := newRig(t, Goroutine, func(c *Config) { c.Journal = newLedger() })
	r.assign(Assignment{Room: "a", Game: "dots", Seed: 1, Epoch: 2, Restore: true})
	r.town.await(t, "ended a 2 4200 nothing was kept", 1)
	r.host.Assign(nil, []string{"a"})
	come := func() wire.CloseCode {
		c := r.dial("a")
		c.hello(token("a", 0), nil)
		return c.untilClosed()
	}
	if got := come(); got != wire.CloseLost {
		t.Errorf("a player who comes late is told %d, want %d", got, wire.CloseLost)
	}
	r.host.forgetLate()
	if _, status, _ := r.host.enter(t.Context(), "a"); status != 0 {
		t.Errorf("forgotten at once: %d", status)
	} else {
		r.host.exit()
		r.host.stats.Connections.Add(-1)
	}
	r.host.mu.Lock()
	r.host.late["a"].endedAt -= int64(lateFor)
	r.host.mu.Unlock()
	r.host.forgetLate()
	if _, status, _ := r.host.enter(t.Context(), "a"); status != 404 {
		t.Errorf("after its time: %d, want 404", status)
	}
}
