package hostile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

// What no process survives: the room that did it is known afterwards, and every other comes back.
func TestGameEndsTheProcess(t *testing.T) {
	for _, c := range []struct{ harm, in, says string }{
		{"recurse", "step", "stack overflow"},
		{"recurse", "new", "stack overflow"},
		{"cycle", "step", "stack overflow"},
		{"goroutine-panic", "step", "in a goroutine of its own"},
		{"map-race", "step", "concurrent map writes"},
	} {
		t.Run(c.harm+" in "+c.in, func(t *testing.T) {
			node, others := neighbourhood(t)
			honest := others.Rooms()
			if c.in == "new" {
				_, err := rig.CreateRoom(t.Context(), node, "rogue", rogue.Options{Harm: c.harm, In: c.in})
				if err == nil {
					t.Error("the room was made")
				}
			} else {
				visit(t, node, rogue.Options{Harm: c.harm, In: c.in})
			}
			select {
			case <-node.Ended():
			case <-time.After(20 * time.Second):
				t.Fatal("the process goes on")
			}
			node.Restart(t)
			if !strings.Contains(node.Output(), c.says) {
				t.Errorf("nothing says %q", c.says)
			}
			w := others.Watch(t, func() { time.Sleep(2 * time.Second) })
			if len(w.Silent) > 0 || w.HashMismatches > 0 {
				t.Errorf("neighbours did not come back: %q; %d hashes differ", w.Silent, w.HashMismatches)
			}
			for _, id := range honest {
				if d := node.Room(t, id); d.State != "running" {
					t.Errorf("room %s of honest people is %s: %s", id, d.State, d.Text)
				}
			}
			w = others.Watch(t, func() { time.Sleep(2 * time.Second) })
			w.Unharmed(t)
		})
	}
}

// A process that is killed while a room is in its Step says nothing against the room.
func TestKilledInStep(t *testing.T) {
	node, others := neighbourhood(t)
	g, _ := visit(t, node, rogue.Options{Harm: "slow", In: "step", MS: 45})
	g.plays(t)
	node.Kill()
	node.Restart(t)
	rig.Eventually(t, 10*time.Second, "the slow room is back", func() bool { return node.Room(t, g.room).State == "running" })
	w := others.Watch(t, func() { time.Sleep(2 * time.Second) })
	if len(w.Silent) > 0 {
		t.Errorf("neighbours did not come back: %q", w.Silent)
	}
}
