package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockFollowsTheWallWithoutAJump(t *testing.T) {
	for _, jump := range []time.Duration{0, time.Hour, -time.Hour, 200 * 365 * 24 * time.Hour, -40 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var shift time.Duration
			c := New(func() time.Time { return time.Now().Add(shift) }, time.Time{})
			begin := c.Now()
			if !begin.Equal(time.Now().Round(0)) {
				t.Fatalf("begins at %v, want what the wall says, %v", begin, time.Now())
			}
			shift = jump
			time.Sleep(30 * time.Second)
			passed := c.Now().Sub(begin)
			if passed < 26*time.Second || passed > 34*time.Second || jump == 0 && passed != 30*time.Second {
				t.Errorf("wall set by %v: of 30 s %v have passed", jump, passed)
			}
			before := c.Now()
			time.Sleep(12 * time.Hour)
			gap := c.Gap()
			if c.Now().Before(before) {
				t.Errorf("wall set by %v: went back from %v to %v", jump, before, c.Now())
			}
			if jump.Abs() <= time.Hour && gap != 0 {
				t.Errorf("wall set by %v: still %v away after 12 h", jump, gap)
			}
		})
	}
}

// After a restart with a clock that was set back, time goes on where the log has got to.
func TestClockBeginsAtTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		floor := time.Now().Add(time.Hour)
		c := New(nil, floor)
		if got := c.Now(); !got.Equal(floor) {
			t.Errorf("begins at %v, want the floor %v", got, floor)
		}
		if gap := c.Gap(); gap != -time.Hour {
			t.Errorf("gap is %v, want -1h", gap)
		}
		time.Sleep(8 * time.Second)
		if got := c.Now().Sub(floor); got != 7*time.Second {
			t.Errorf("in 8 s %v have passed, want 7 s: slower, until the wall is there", got)
		}
	})
}

func BenchmarkNow(b *testing.B) {
	c := New(nil, time.Time{})
	for b.Loop() {
		c.Now()
	}
}
