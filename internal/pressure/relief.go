package pressure

import "time"

const (
	// endPause is the least time between two rooms that are ended for memory: a collection has to show what the first one brought.
	endPause = time.Second
	// collectPause is how long nobody has collected before Relief has it done, doubled each time up to collectMost: where all that
	// lives is needed, collecting again and again would take the processors, too.
	collectPause = time.Second
	collectMost  = time.Minute
)

// Relief decides what is done about memory when stopping admission is not enough. All of it is for one goroutine.
type Relief struct {
	// Weigh has allocations attributed to rooms, or not any more.
	Weigh func(on bool)
	// EndGreediest ends the room that allocates most, if one stands out, and says whether it did.
	EndGreediest func(u Usage) bool
	// Collect has the collector run, and does not wait for it. It runs by itself only when somebody allocates: without this a node
	// whose greediest room has ended would never learn that it has memory again.
	Collect func()
	// Die ends the process if a room does not come back from its tick while memory runs out: nothing else can stop it, and the
	// kernel would say nobody whose fault it was.
	Die func(u Usage)

	weighing bool
	endAt    time.Time // no room is ended before
	cycles   uint64    // of the last collection that was seen
	fresh    time.Time // when it was
	patience time.Duration
}

// Look is called after each reading of memory; urgent asks for the next one soon.
func (r *Relief) Look(u Usage, now time.Time) (urgent bool) {
	if u.Limit == 0 {
		return false
	}
	// What is held counts here: between two collections nobody knows better, and weighing costs next to nothing.
	near := float64(max(u.Live, u.Held)) > weighShare*float64(u.Limit)
	if near != r.weighing {
		r.weighing = near
		r.Weigh(near)
	}
	if u.Held > u.Limit {
		r.Die(u)
	}
	if float64(u.Live) > endShare*float64(u.Limit) && !now.Before(r.endAt) {
		r.endAt = now.Add(endPause)
		if r.EndGreediest(u) {
			r.patience = 0
		}
	}
	r.refresh(u, now)
	return near
}

// refresh has what lives counted anew while it is too much and the count is old.
func (r *Relief) refresh(u Usage, now time.Time) {
	r.patience = max(r.patience, collectPause)
	switch {
	case float64(u.Live) <= memoryGo*float64(u.Limit):
		r.patience = collectPause
		r.fresh, r.cycles = now, u.Cycles
	case u.Cycles != r.cycles:
		r.fresh, r.cycles = now, u.Cycles
	case now.Sub(r.fresh) >= r.patience:
		r.patience = min(2*r.patience, collectMost)
		r.fresh = now
		r.Collect()
	}
}
