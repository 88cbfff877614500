package pressure

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestReliefGoesOneStepAfterTheOther(t *testing.T) {
	var got []string
	r := Relief{
		Weigh:        func(on bool) { got = append(got, fmt.Sprint("weigh ", on)) },
		EndGreediest: func(Usage) bool { got = append(got, "end"); return true },
		Collect:      func() { got = append(got, "collect") },
		Die:          func(Usage) { got = append(got, "die") },
	}
	begin := time.Unix(0, 0)
	for _, s := range []struct {
		what       string
		at         time.Duration
		live, held uint64
		want       []string
		urgent     bool
	}{
		{"at rest", 0, 100, 200, nil, false},
		{"garbage", 1, 100, 850, []string{"weigh true"}, true},
		{"live memory near the limit", 2, 919, 950, nil, true},
		{"above the bound", 3, 921, 950, []string{"end"}, true},
		{"again at once", 4, 921, 950, nil, true},
		{"not better after a second", time.Second + 3, 930, 950, []string{"end", "collect"}, true},
		{"beyond the limit", time.Second + 4, 930, 1001, []string{"die"}, true},
		{"over", time.Minute, 100, 200, []string{"weigh false"}, false},
	} {
		got = nil
		urgent := r.Look(Usage{Live: s.live, Held: s.held, Limit: 1000}, begin.Add(s.at))
		if !slices.Equal(got, s.want) || urgent != s.urgent {
			t.Errorf("%s: %q, urgent %v; want %q, %v", s.what, got, urgent, s.want, s.urgent)
		}
	}
	if r.Look(Usage{Live: 1, Held: 1 << 50}, begin) {
		t.Error("urgent without a limit")
	}
}

// What lives is counted anew while there is too much of it, but less and less often if that does not help.
func TestReliefCollectsLessAndLessOften(t *testing.T) {
	collected := 0
	cycles := uint64(1)
	r := Relief{
		Weigh: func(bool) {}, EndGreediest: func(Usage) bool { return false }, Die: func(Usage) {},
		Collect: func() { collected++; cycles++ },
	}
	now := time.Unix(0, 0)
	run := func(live uint64, d time.Duration) int {
		collected = 0
		for end := now.Add(d); now.Before(end); now = now.Add(25 * time.Millisecond) {
			r.Look(Usage{Live: live, Held: live, Limit: 1000, Cycles: cycles}, now)
		}
		return collected
	}
	if got := run(700, time.Minute); got != 0 {
		t.Errorf("%d collections while there is enough", got)
	}
	if got := run(900, 10*time.Second); got != 3 {
		t.Errorf("%d collections in the first ten seconds, want 3: after 1, 2 and 4", got)
	}
	if got := run(900, 10*time.Minute); got < 9 || got > 13 {
		t.Errorf("%d collections in ten minutes, want one a minute", got)
	}
	run(700, time.Second)
	if got := run(900, 10*time.Second); got != 3 {
		t.Errorf("%d collections when it is too much again, want 3", got)
	}
}
