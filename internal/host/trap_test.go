package host

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringside-server/ringside/room"
)

// A trap makes a callback of a game not come back until its test releases it.
type trap struct {
	tb       testing.TB
	where    atomic.Pointer[string] // the callback
	how      how
	hung     chan struct{} // closed when somebody is in it
	released atomic.Bool
	gate     chan struct{} // closed with released
	once     sync.Once
	snooze   atomic.Int64 // nanoseconds that each Step takes
}

type how int

const (
	spin how = iota
	block
	leave // ends its goroutine
)

func newTrap(tb testing.TB, how how) *trap {
	t := &trap{tb: tb, how: how, hung: make(chan struct{}), gate: make(chan struct{})}
	tb.Cleanup(t.release) // before the rig is closed, for it is made later
	return t
}

func (t *trap) release() {
	if !t.released.Swap(true) {
		close(t.gate)
	}
}

func (t *trap) arm(where string) { t.where.Store(&where) }

// pass is every callback's first line.
func (t *trap) pass(where string) {
	if at := t.where.Load(); at == nil || *at != where || t.released.Load() {
		return
	}
	t.once.Do(func() { close(t.hung) })
	switch t.how {
	case spin:
		for !t.released.Load() {
		}
	case block:
		<-t.gate
	case leave:
		runtime.Goexit()
	}
}

// await waits until somebody hangs in it.
func (t *trap) await() {
	t.tb.Helper()
	select {
	case <-t.hung:
	case <-time.After(patience):
		t.tb.Fatal("nobody came into the trap")
	}
}

// A trapGame is dots with a trap in every callback.
type trapGame struct {
	dotGame
	t *trap
}

var (
	_ room.Awayer = (*trapGame)(nil)
	_ room.Caller = (*trapGame)(nil)
)

func trapProgram(tb testing.TB, t *trap, change func(*room.Definition)) *room.Program {
	return dotProgram(tb, "traps", func(d *room.Definition) {
		d.Messages = []room.AnyMessage{room.Message("order", 50, (*trapGame).order)}
		d.New = func(*room.Room, json.RawMessage) (room.Game, error) {
			t.pass("New")
			return &trapGame{t: t}, nil
		}
		if change != nil {
			change(d)
		}
	})
}

func (g *trapGame) State() any {
	g.t.pass("State")
	return g.dotGame.State()
}

func (g *trapGame) Join(r *room.Room, p *room.Player) error {
	g.t.pass("Join")
	return g.dotGame.Join(r, p)
}

func (g *trapGame) Leave(r *room.Room, p *room.Player, why room.Reason) {
	g.t.pass("Leave")
	g.dotGame.Leave(r, p, why)
}

func (g *trapGame) Away(*room.Room, *room.Player) { g.t.pass("Away") }
func (g *trapGame) Back(*room.Room, *room.Player) { g.t.pass("Back") }

func (g *trapGame) Step(r *room.Room) {
	g.t.pass("Step")
	time.Sleep(time.Duration(g.t.snooze.Load()))
	g.dotGame.Step(r)
}

func (g *trapGame) View(r *room.Room, v *room.View) {
	g.dotGame.View(r, v)
	g.t.pass("View")
	for slot := range g.s.Dots.All() { // what was given up may still write
		dots.Put(v, 500+slot, dotView{})
	}
}

func (g *trapGame) order(r *room.Room, p *room.Player, o order) error {
	g.t.pass("Message")
	if o.What == orderSay {
		r.Call(1, func(context.Context) ([]byte, error) { return nil, nil })
	}
	return nil
}

func (g *trapGame) Done(*room.Room, uint32, []byte, error) { g.t.pass("Done") }

// trapped is a rig with a room of traps, a.
func trapped(tb testing.TB, b Backend, t *trap, change func(*Config)) *rig {
	tb.Helper()
	r := newRig(tb, b, func(c *Config) {
		c.Games = append(c.Games, trapProgram(tb, t, nil))
		if change != nil {
			change(c)
		}
	})
	tb.Cleanup(t.release)
	r.assign(Assignment{Room: "a", Game: "traps", Seed: 1})
	r.town.await(tb, "started a", 1)
	return r
}

// neighbours opens rooms in all slots, with a player in each.
func (r *rig) neighbours() []*client {
	r.tb.Helper()
	var list []*client
	for _, id := range []string{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10"} {
		r.open(id)
		list = append(list, r.join(id, 0))
	}
	return list
}

// inFlight waits until the room of traps is nobody's but its pilot's.
func (r *rig) inFlight(t *trap) {
	r.tb.Helper()
	t.await()
	eventually(r.tb, "the flight", func() bool { return r.host.lookup("a").aloft.Load() != 0 })
}

func (h *Host) lookup(id string) *hosted {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rooms[id]
}
