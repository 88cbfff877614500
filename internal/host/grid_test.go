package host

import (
	"testing"
	"time"
)

func TestCadenceIsEven(t *testing.T) {
	for _, hz := range []int{1, 7, 10, 15, 20, 30, 40, 50, 60, 64, 120} {
		n := slotsOf(hz)
		period := int64(time.Second) / int64(hz)
		for i := range n {
			c := cadence{hz: int64(hz), offset: slotOffset(hz, i)}
			if c.offset >= period && n > 1 {
				t.Errorf("%d Hz: slot %d of %d begins after a period", hz, i, n)
			}
			for k := range int64(3 * hz) {
				if gap := c.at(k+1) - c.at(k); gap < period || gap > period+1 {
					t.Fatalf("%d Hz: gap %d ns after tick %d, want %d", hz, gap, k, period)
				}
			}
			if far := int64(100 * 365 * 86400 * hz); c.at(far) != c.offset+100*365*86400*int64(time.Second) {
				t.Errorf("%d Hz: tick %d is at %d", hz, far, c.at(far))
			}
		}
		if n > 1 {
			if gap := slotOffset(hz, 1); gap < gridStep || gap >= 2*gridStep {
				t.Errorf("%d Hz: slots %d ns apart", hz, gap)
			}
		}
	}
	if slotsOf(20) != 10 || slotOffset(20, 3) != 15e6 || slotOffset(10, 3) != 15e6 {
		t.Error("20 and 10 Hz are not on one 5 ms grid")
	}
}

func TestCadenceCatchesUp(t *testing.T) {
	const ms = int64(time.Millisecond)
	c := cadence{hz: 20, offset: 5 * ms}
	c.sync(57 * ms)
	if c.due() != 105*ms {
		t.Fatalf("first tick at %d", c.due())
	}
	for _, tt := range []struct{ now, ticks, missed, next int64 }{
		{104 * ms, 0, 0, 105 * ms},
		{105 * ms, 1, 0, 155 * ms},
		{205 * ms, 2, 0, 255 * ms},
		{449 * ms, 2, 2, 455 * ms},
		{60_000 * ms, 2, 1189, 60_005 * ms},
	} {
		ticks, missed := c.take(tt.now)
		if int64(ticks) != tt.ticks || int64(missed) != tt.missed || c.due() != tt.next {
			t.Errorf("at %d ms: %d ticks, %d missed, next at %d ms; want %d, %d, %d", tt.now/ms, ticks, missed, c.due()/ms, tt.ticks, tt.missed, tt.next/ms)
		}
	}
}

func TestRoomsSpreadOverSlots(t *testing.T) {
	h, err := New(Config{Seats: newTown(), Backend: Goroutine})
	if err != nil {
		t.Fatal(err)
	}
	w := h.workers[0]
	for range 25 {
		s := w.cheapest(20)
		s.rooms = append(s.rooms, &hosted{})
		s.load += assumedCost
	}
	w.cheapest(60)
	for i, s := range w.slots {
		if s.hz == 20 && (len(s.rooms) < 2 || len(s.rooms) > 3) {
			t.Errorf("slot %d has %d of 25 rooms", i, len(s.rooms))
		}
	}
	if len(w.slots) != 10+slotsOf(60) {
		t.Errorf("%d slots", len(w.slots))
	}
}
