package hostile_test

import (
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside/loadtest/swarm"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

var besideRooms = flag.Int("beside", 7, "`rooms` of eight players beside the one that does harm; 63 is what docs/BENCHMARKS.md measures")

// One room loops for good while many others play: it ends within 3 s, and nobody beside it is cut off or shown a wrong state. How
// even their frames were is logged.
func TestLoopBesideManyRooms(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the real process")
	}
	node := rig.Start(t, rig.Options{Args: []string{"-limit-ip", "0", "-log-level", "warn"}})
	var (
		measuring sync.Once
		began     = make(chan struct{})
		report    *swarm.Report
		err       error
		done      sync.WaitGroup
	)
	done.Go(func() {
		report, err = swarm.Run(t.Context(), swarm.Config{
			URL: node.URL, Game: "arena", Rooms: *besideRooms, Players: 8, Duration: 4 * time.Second, Delivered: 0.9,
			Progress: func(p swarm.Progress) {
				if p.Phase == "measuring" {
					measuring.Do(func() { close(began) })
				}
			},
		})
	})
	defer done.Wait()
	select {
	case <-began:
	case <-time.After(time.Minute):
		t.Fatal("nothing is measured")
	}
	g, _ := visit(t, node, rogue.Options{Harm: "loop", In: "step"})
	looping := time.Now().Add(harmAfter * 50 * time.Millisecond) // at the earliest
	got := g.failed(t, node, harmAfter*50*time.Millisecond+hangEnds)
	took := time.Since(looping)
	done.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range report.Errors {
		t.Errorf("beside it: %s", e)
	}
	t.Logf("%d rooms of 8 beside it: frame gap p50 %.1f ms, p99 %.1f ms, max %.1f ms; %d states, %d hashes; the room that loops ended after %.2f s with %s",
		*besideRooms, report.FrameGapMS.P50, report.FrameGapMS.P99, report.FrameGapMS.Max, report.Frames, report.HashChecks, took.Seconds(), got)
}

// One room takes 30 ms for each tick while many others play: nobody beside it is cut off or shown a wrong state. How much less even
// their frames were than without it is logged.
func TestSlowBesideManyRooms(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the real process")
	}
	node := rig.Start(t, rig.Options{Args: []string{"-limit-ip", "0", "-log-level", "warn"}})
	play := func() *swarm.Report {
		r, err := swarm.Run(t.Context(), swarm.Config{URL: node.URL, Game: "arena", Rooms: *besideRooms, Players: 8, Duration: 4 * time.Second, Delivered: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Errors {
			t.Errorf("beside it: %s", e)
		}
		return r
	}
	quiet := play()
	g, _ := visit(t, node, rogue.Options{Harm: "slow", In: "step", MS: 30})
	before := g.tick()
	harmed := play()
	made := g.tick() - before
	if made < 40 {
		t.Errorf("the slow room made %d ticks meanwhile: nothing was harmed", made)
	}
	t.Logf("%d rooms of 8 beside one that takes 30 ms a tick: frame gap p99 %.1f ms, max %.1f ms; without it %.1f and %.1f ms; the slow room made %d ticks",
		*besideRooms, harmed.FrameGapMS.P99, harmed.FrameGapMS.Max, quiet.FrameGapMS.P99, quiet.FrameGapMS.Max, made)
}
