//go:build linux

package machine_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/ringside-server/ringside/loadtest/swarm"
)

// A process that stands still for five seconds goes on where it was: what it missed is left out, nobody is sent away, and every
// state is what it should be.
func TestStandsStill(t *testing.T) {
	n := start(t, setup{})
	const still = 5 * time.Second
	began := make(chan struct{})
	stopped := make(chan error, 1)
	go func() { // ends before Run does
		<-began
		stopped <- n.pause(still)
	}()
	first := true
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	report, err := swarm.Run(ctx, swarm.Config{
		URL: n.url, Game: "arena", Rooms: 2, Players: 4, Duration: 12 * time.Second, Delivered: 0.3, Seed: 7,
		Progress: func(p swarm.Progress) {
			if p.Phase == "measuring" && p.Elapsed > 2*time.Second && first {
				first = false
				close(began)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if first {
		t.Fatal("the measurement ended before the process was stopped")
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if report.JoinErrors+report.Disconnects > 0 || report.HashMismatches+report.DecodeErrors > 0 || len(report.Errors) > 0 {
		t.Errorf("%d joins failed, %d disconnects, %d hashes differ, %d states cannot be read, errors %q",
			report.JoinErrors, report.Disconnects, report.HashMismatches, report.DecodeErrors, report.Errors)
	}
	if report.HashChecks == 0 || report.FrameGapMS.Max < 4000 {
		t.Errorf("%d hashes, the longest gap %v ms: was the process stopped at all?", report.HashChecks, report.FrameGapMS.Max)
	}
	for _, code := range []string{"4011", "4100", "4200", "1006"} {
		if got := n.metric(`ringside_closes_total{code="` + code + `"}`); got > 0 {
			t.Errorf("%v connections were closed with %s", got, code)
		}
	}
	// 8 bots saw at most 7 s of 20 Hz and what two ticks make up for; five seconds more would be 800 states.
	if most := uint64(8 * 20 * 8); report.Frames > most {
		t.Errorf("%d states, want %d at most: it made up for what it missed", report.Frames, most)
	}
	if late := n.metric("ringside_ticks_late_total"); late < 2*20*4 {
		t.Errorf("%v ticks were late or left out, want those of five seconds", late)
	}
}

// pause stops the process for a while.
func (n *server) pause(d time.Duration) error {
	if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	over := time.NewTimer(d)
	defer over.Stop()
	<-over.C
	return n.cmd.Process.Signal(syscall.SIGCONT)
}
