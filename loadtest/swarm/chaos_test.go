package swarm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A fakeVictim harms a fakeServer: all its sockets die, and for a while nobody is let in.
type fakeVictim struct {
	s     *fakeServer
	down  time.Duration
	lose  bool // the rooms, as a server that keeps nothing
	fails error
}

func (v *fakeVictim) Harm(context.Context) error {
	v.s.away.Store(true)
	v.s.dropAll()
	return nil
}

func (v *fakeVictim) Restart(ctx context.Context) (time.Time, error) {
	if v.fails != nil {
		return time.Time{}, v.fails
	}
	pause(ctx, v.down)
	v.s.back(v.lose)
	return time.Now(), nil
}

func chaos(t *testing.T, v *fakeVictim, trials int) (*Report, error) {
	t.Helper()
	v.s.quiet = true
	return Run(t.Context(), Config{
		URL: v.s.URL, Game: "fake", Rooms: 2, Players: 2, Seed: 1, warmUp: 300 * time.Millisecond, Timeline: true,
		Chaos: &Chaos{Kind: "kill", Trials: trials, Victim: v, between: 700 * time.Millisecond, giveUp: 1500 * time.Millisecond},
	})
}

func TestChaosEverybodyComesBack(t *testing.T) {
	t.Parallel()
	r, err := chaos(t, &fakeVictim{s: newFakeServer(t, true), down: 200 * time.Millisecond}, 2)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Chaos
	if len(r.Errors) != 0 || c.Trials != 2 || c.SeatsLost != 0 || c.RoomsLost != 0 || c.OwnerOverlaps != 0 || c.InputsLost != 0 {
		t.Errorf("errors %q, chaos %+v", r.Errors, c)
	}
	if c.BackMS.Max > 1100 || c.BackMS.P50 <= 0 || c.GapMS.Max < 200 || c.GapMS.Max > 1500 || r.HashMismatches != 0 || r.HashChecks == 0 {
		t.Errorf("chaos %+v, %d hashes", c, r.HashChecks)
	}
	if c.TicksLostMax != restoredTicks || c.PlayLostSMax != restoredTicks/20. {
		t.Errorf("%d ticks lost (%v s), the server forgets %d", c.TicksLostMax, c.PlayLostSMax, restoredTicks)
	}
	var page strings.Builder
	if err := r.WriteHTML(&page, Machine{CPU: "abacus", Command: "go run <x>"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"all checks passed", "abacus", "go run &lt;x&gt;", "<svg", ">kill</text>", ">all back</text>", "seats lost", "polyline"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, bad := range []string{"NaN", "Inf", "http://", "https://", "<script", "ZgotmplZ"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestChaosRoomsThatEnd(t *testing.T) {
	t.Parallel()
	r, err := chaos(t, &fakeVictim{s: newFakeServer(t, true), lose: true}, 3)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(r.Errors, "\n")
	if c := r.Chaos; c.Trials != 1 || c.SeatsLost != 4 || c.RoomsLost != 2 || !strings.Contains(all, "4 × its seat is lost: not back 1.5s after") ||
		!strings.Contains(all, "4 of 4 seats and 2 of 2 rooms did not survive the kill") || !strings.Contains(all, "404") {
		t.Errorf("chaos %+v, errors:\n%s", c, all)
	}
}

func TestChaosServerThatStaysAway(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such file")
	r, err := chaos(t, &fakeVictim{s: newFakeServer(t, true), fails: broken}, 1)
	if !errors.Is(err, broken) || r == nil || r.Chaos.Trials != 0 {
		t.Errorf("report %+v, %v", r, err)
	}
	if _, err := Run(t.Context(), Config{URL: "http://x", Game: "y", Chaos: &Chaos{}}); !errors.Is(err, ErrConfig) {
		t.Errorf("chaos without a victim: %v", err)
	}
}
