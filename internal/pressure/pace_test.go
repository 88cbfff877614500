package pressure

import (
	"testing"
	"time"
)

// A pacer drives a Pace through time.
type pacer struct {
	Pace
	now     time.Time
	usage   Usage
	percent int
	given   int
}

func newPacer(live uint64) *pacer {
	p := &pacer{now: time.Unix(0, 0), usage: Usage{Live: live, Held: live}, percent: leanGOGC}
	p.Set = func(percent int) { p.percent = percent }
	p.GiveBack = func() { p.given++ }
	p.Look(p.usage, p.now)
	return p
}

// run lets time pass with so many collections a second.
func (p *pacer) run(seconds int, each uint64) {
	for range seconds * 4 {
		p.now = p.now.Add(250 * time.Millisecond)
		p.usage.Cycles += each / 4
		p.Look(p.usage, p.now)
	}
}

func TestPaceLetsTheHeapOfGamesThatAllocateGrow(t *testing.T) {
	p := newPacer(100 << 20)
	p.run(30, 0)
	if p.percent != leanGOGC {
		t.Errorf("GOGC %d of a process at rest", p.percent)
	}
	p.run(2, 8)
	if p.percent != 2*leanGOGC {
		t.Errorf("GOGC %d after two seconds of eight collections, want twice as much", p.percent)
	}
	p.run(60, 8)
	if p.percent != wideGOGC {
		t.Errorf("GOGC %d, want at most %d", p.percent, wideGOGC)
	}
	p.run(60, 0)
	if p.percent != leanGOGC {
		t.Errorf("GOGC %d a minute after the last collection, want %d", p.percent, leanGOGC)
	}
}

func TestPaceGivesBackWhatAWaveHasLeft(t *testing.T) {
	p := newPacer(10 << 20)
	p.usage.Held = 30 << 20
	p.run(4, 8)
	if p.given != 0 {
		t.Error("given back in the middle of the wave")
	}
	p.run(8, 0)
	if p.given != 1 {
		t.Fatalf("given back %d times, want once", p.given)
	}
	p.usage.Held = 16 << 20 // holes: more than a quarter, and there to stay
	p.run(60, 0)
	if p.given != 1 {
		t.Errorf("given back %d times for what cannot be", p.given)
	}
	p.usage.Held = 26 << 20
	p.run(8, 0)
	if p.given != 2 {
		t.Errorf("given back %d times after a second wave", p.given)
	}
}

func TestPaceLeavesWhatTheEnvironmentHasChosen(t *testing.T) {
	t.Setenv("GOGC", "77")
	p := NewPace(func() { t.Error("given back") })
	p.Look(Usage{Held: 1 << 40}, time.Unix(1, 0))
	p.Close()
	if p.Span() != "77" {
		t.Errorf("says %q", p.Span())
	}
}
