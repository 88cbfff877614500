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

var besideRooms = flag.Int("beside", 7, "`rooms` of eight players beside the one that loops; 63 is what docs/BENCHMARKS.md measures")

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
