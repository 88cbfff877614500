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
		EndGreediest: func(Usage) { got = append(got, "end") },
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
		{"not better after a second", time.Second + 3, 930, 950, []string{"end"}, true},
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
