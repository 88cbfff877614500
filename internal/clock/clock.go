// Package clock is the time a node reckons with: it says what the machine's wall clock says, and does not jump when that is set.
//
// Seats, tokens, tickets and idempotency keys live for seconds or minutes by it. With the wall clock alone an hour forward would
// expire all of them at once, an hour back would keep them for an hour. What others can check against a clock of their own
// (accounts' tokens, certificates, the webhook's signature) is measured by the wall clock.
package clock

import (
	"sync"
	"time"
)

// slew is by which part of the time that passes a Clock is faster or slower than time, to come to where the wall clock is: a
// token of 30 s lives 27 s at least meanwhile, and an hour is made up for within a working day.
const slew = 8

// A Clock never goes back and never jumps. Its methods may be called from any goroutine.
type Clock struct {
	// Immutable after New.
	wall func() time.Time
	base time.Time // with a monotonic reading

	mu sync.Mutex
	// Guarded by mu.
	now  time.Time     // as of last; without a monotonic reading
	last time.Duration // since base
	gap  time.Duration // of the wall clock before now
}

// New starts a clock at the wall clock, or at floor if that is later: the time that the process before has reached. A nil wall is
// time.Now.
func New(wall func() time.Time, floor time.Time) *Clock {
	if wall == nil {
		wall = time.Now
	}
	c := &Clock{wall: wall, base: time.Now(), now: wall().Round(0)}
	if floor.After(c.now) {
		c.now = floor.Round(0)
	}
	return c
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read()
	return c.now
}

// Gap is how far the wall clock is ahead, or less than 0: behind.
func (c *Clock) Gap() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read()
	return c.gap
}

// read goes on to the present. c.mu is held.
func (c *Clock) read() {
	elapsed := time.Since(c.base) - c.last
	c.last += elapsed
	c.now = c.now.Add(elapsed)
	most := elapsed / slew
	c.gap = c.wall().Round(0).Sub(c.now)
	step := min(max(c.gap, -most), most)
	c.now, c.gap = c.now.Add(step), c.gap-step
}
