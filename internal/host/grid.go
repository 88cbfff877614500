package host

// gridStep is how far apart the ticks of a worker's slots are, in nanoseconds: fine enough that one slot's burst of sends
// stays short, coarse enough that wake-ups cost little (1.09–1.11 of a bare loop at 5 ms, 1.36 at 1 ms).
const gridStep = 5e6

// A cadence is the times at which one slot ticks: offset + k / hz seconds for k = 0, 1, …, in nanoseconds of the host's clock.
// A rate has as many slots as gridSteps fit into its period, evenly apart. Where the period is a multiple of 5 ms (20, 10, 40 Hz)
// they all lie on one 5 ms grid; 30 and 60 Hz get slots of their own a little wider apart. The gaps between the ticks of a
// slot are even in both cases: each time is computed from k, nothing adds up.
type cadence struct {
	hz     int64
	offset int64
	k      int64 // of the next tick
}

// Slots is how many slots the rooms of a tick rate are spread over: each that has a connection has an open file in each worker.
func Slots(hz int) int { return slotsOf(hz) }

// slotsOf is how many slots a rate has.
func slotsOf(hz int) int { return max(1, int(1e9/gridStep)/hz) }

// slotOffset is the offset of a rate's slot i.
func slotOffset(hz, i int) int64 { return int64(i) * 1e9 / int64(hz*slotsOf(hz)) }

// at is the time of tick k. Seconds and fractions apart: k × 1e9 would overflow within years.
func (c *cadence) at(k int64) int64 { return c.offset + k/c.hz*1e9 + k%c.hz*1e9/c.hz }

// due is the time of the next tick.
func (c *cadence) due() int64 { return c.at(c.k) }

// sync makes the next tick the first after now.
func (c *cadence) sync(now int64) {
	c.k = max(0, (now-c.offset)/1e9*c.hz)
	for c.due() <= now {
		c.k++
	}
}

// take removes the ticks that are due from the cadence and returns how many to make and how many never will be: after a
// standstill two ticks make up for all of them.
func (c *cadence) take(now int64) (ticks, missed int) {
	for c.due() <= now {
		c.k++
		ticks++
		if ticks > maxCatchUp {
			old := c.k
			c.sync(now)
			missed = ticks - maxCatchUp + int(c.k-old)
			return maxCatchUp, missed
		}
	}
	return ticks, 0
}

// maxCatchUp is how many ticks one wake makes of a room that is late.
const maxCatchUp = 2
