package hostile_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

// hangEnds is how long the players of a room whose game does not come back wait for its end: the limit of a step is 2 s.
const hangEnds = 3 * time.Second

func TestGameHangs(t *testing.T) {
	for i := 0; i < len(callbacks); i += 3 { // a fourth goroutine that does not come back, and the node takes nothing new
		node, others := neighbourhood(t)
		for _, in := range callbacks[i:min(i+3, len(callbacks))] {
			others.Case(t, games, "a "+in+" that blocks", func(t *testing.T) string {
				g, second := visit(t, node, rogue.Options{Harm: "block", In: in})
				g.ripens(t)
				g.stir(t, second)
				return g.failed(t, node, hangEnds)
			})
		}
		others.MoveOut()
		if code := node.Stop(t); code != 0 {
			t.Errorf("the node ended with %d after SIGTERM", code)
		}
	}
}

func TestGameIsSlow(t *testing.T) {
	node, others := neighbourhood(t)
	others.Case(t, games, "New that blocks", func(t *testing.T) string {
		_, err := rig.CreateRoom(t.Context(), node, "rogue", rogue.Options{Harm: "block", In: "new"})
		return refusal(t, err, 504)
	})
	others.Case(t, games, "30 ms Step", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "slow", In: "step", MS: 30})
		g.plays(t)
		return "the room goes on"
	})
	others.Case(t, games, "1 s Step", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "slow", In: "step", MS: 1000})
		g.ripens(t)
		time.Sleep(2 * time.Second)
		from := g.tick()
		rig.Eventually(t, 10*time.Second, "the room goes on", func() bool { return g.tick() > from })
		return "the room goes on, a tick a second"
	})
	others.Case(t, games, "2.5 s Step", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "slow", In: "step", MS: 2500})
		g.ripens(t)
		return g.failed(t, node, hangEnds)
	})
	others.Case(t, games, "New that blocks, 10 s later", func(t *testing.T) string {
		rig.Eventually(t, 15*time.Second, "a second fault file", func() bool {
			found, _ := filepath.Glob(filepath.Join(node.Data, "faults", "*.fault"))
			return len(found) == 2
		})
		return "4012, a fault file"
	})
}

func TestGameLoops(t *testing.T) {
	for _, in := range []string{"step", "view", "join"} { // each takes a processor for good: a node of its own
		node, others := neighbourhood(t)
		others.Case(t, games, "for {} in "+in, func(t *testing.T) string {
			g, second := visit(t, node, rogue.Options{Harm: "loop", In: in})
			g.ripens(t)
			g.stir(t, second)
			return g.failed(t, node, hangEnds)
		})
		others.MoveOut()
		if code := node.Stop(t); code != 0 {
			t.Errorf("the node ended with %d after SIGTERM", code)
		}
	}
}
