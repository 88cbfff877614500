package host

import "sync/atomic"

// assumedCost is what a room is taken to cost that has not been measured, in nanoseconds of worker time a second: about that of a
// room of eight at 20 Hz. So a hundred rooms that are made at once spread, and an empty one counts for those who will come.
const assumedCost = int64(2e6)

// seasonedAfter is how many seconds with ticks in them a room must have had before it counts for less than was assumed.
const seasonedAfter = 2

// A cost is what one room takes of its worker's time: its part of reading its slot's sockets, its ticks as far as the worker makes
// them, what follows a tick, its sends. It is counted from one clock reading to the next, of which there is one behind each room's
// sends: what lies between two is the room's whose sends end it.
type cost struct {
	// Owned by the worker.
	spent  int64 // nanoseconds since the last look
	looks  int   // that found something, at most seasonedAfter
	weight int64 // what its slot and its worker count it with, in nanoseconds a second

	rate atomic.Int64 // nanoseconds of worker time a second, smoothed over some seconds. Written by the worker, read by anybody
}

// look smooths what was spent in the dt nanoseconds since the last look into the rate, and returns what the room weighs now.
func (c *cost) look(dt int64) int64 {
	now := int64(float64(c.spent) * 1e9 / float64(max(dt, 1)))
	if c.spent > 0 && c.looks < seasonedAfter {
		c.looks++
	}
	c.spent = 0
	rate := now
	if c.looks >= seasonedAfter {
		rate = (c.rate.Load() + now) / 2
	}
	c.rate.Store(rate)
	if c.looks < seasonedAfter {
		return max(rate, assumedCost)
	}
	return rate
}

// charge counts the time since the last reading of the clock as the room's.
func (w *worker) charge(h *hosted) {
	now := w.host.now()
	h.cost.spent += now - w.clock
	w.clock = now
}

// enlist counts a room that is assigned to the worker, delist one that is not any more.
func (w *worker) enlist(weight int64) {
	w.rooms.Add(1)
	w.load.Add(weight)
}

func (w *worker) delist(weight int64) {
	w.rooms.Add(-1)
	w.load.Add(-weight)
}

// leastLoaded is the worker that a new room costs least: of the smallest load, and of the fewest rooms among equals.
func leastLoaded(workers []*worker) *worker {
	best := workers[0]
	for _, w := range workers[1:] {
		if l, b := w.load.Load(), best.load.Load(); l < b || l == b && w.rooms.Load() < best.rooms.Load() {
			best = w
		}
	}
	return best
}

// cheapest is the slot of a rate whose rooms cost least, and of the fewest rooms among equals. All slots of a rate are made when its
// first room comes.
func (w *worker) cheapest(hz int) *slot {
	var best *slot
	for _, s := range w.slots {
		if s.hz == int64(hz) && (best == nil || s.load < best.load || s.load == best.load && len(s.rooms) < len(best.rooms)) {
			best = s
		}
	}
	if best != nil {
		return best
	}
	for i := range slotsOf(hz) {
		w.slots = append(w.slots, &slot{cadence: cadence{hz: int64(hz), offset: slotOffset(hz, i)}})
	}
	return w.cheapest(hz)
}
