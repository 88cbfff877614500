package engine

// A room whose game says Sleeps makes a tick only when there is a reason for one; otherwise its number goes on and nothing else.
// A tick that is slept through leaves no record: records carry the number of their tick, and a replay goes from one to the
// next. So whatever decides here decides live only, and nothing of it is in the journal or a checkpoint.
//
// The reasons are of two kinds. What arrives says so at once (stirred). What comes with time is looked up once after each tick
// that was made, when its frames have gone out (plan): timers, the end of a grace, a connection that says nothing, the frame
// that tells players once a second that the room is there.
type sleeper struct {
	on       bool // Immutable after New: the game says so
	stirred  bool // something arrived
	restless bool // what this tick did has to be followed by another
	planned  bool
	wakeAt   uint32 // tick that must be made; right if planned
	keepAt   uint32 // tick whose state frames are sent even if nothing changed; right if planned
	keep     bool   // the tick being made is of that kind, or a later one
	slept    bool   // the last tick was not made
}

// Wake makes the next tick one that is made.
func (r *Room) Wake() { r.sleep.stirred = true }

// Slept reports whether nothing happened in the last tick: it was counted and not made. Flush is of use even so: a PONG may
// wait, or a session that could not be written to before.
func (r *Room) Slept() bool { return r.sleep.slept }

// sleepOn reports whether the next tick need not be made.
func (r *Room) sleepOn() bool {
	z := &r.sleep
	if !z.on || r.driver.Misused() != nil {
		return false
	}
	if !z.planned {
		r.plan()
	}
	z.keep = r.tick+1 >= z.keepAt
	z.slept = !z.stirred && r.tick+1 < z.wakeAt
	return z.slept
}

// plan looks up when the next tick must be made, r.tick being the last that was.
func (r *Room) plan() {
	z, second := &r.sleep, uint32(r.TickHz())
	wake, keep := r.tick+keepAliveSeconds*second, r.tick+keepAliveSeconds*second
	if due, ok := r.driver.NextTimer(); ok {
		wake = min(wake, due)
	}
	if over := r.tick % r.sendEvery; over != 0 { // what this tick did is to be shown
		wake = min(wake, r.tick-over+r.sendEvery)
	}
	for _, s := range r.sessions {
		switch {
		case len(s.queue.items) > 0 || s.outbox.full(maxOutbox):
			wake = r.tick + 1
		case !s.attached:
			wake = min(wake, s.deadline+1)
		default:
			wake = min(wake, s.heard+PingTimeoutSeconds*second+2)
		}
		if next := s.sentTick + keepAliveSeconds*second; s.attached && next > r.tick {
			keep = min(keep, next)
		}
	}
	z.wakeAt, z.keepAt, z.planned = min(wake, keep), keep, true
}

// awake begins a tick that is made; settled ends it.
func (z *sleeper) awake() { z.stirred, z.restless, z.planned, z.slept = false, false, false, false }

func (r *Room) settled() {
	r.sleep.stirred = r.sleep.stirred || r.sleep.restless || len(r.joins) > 0
}
