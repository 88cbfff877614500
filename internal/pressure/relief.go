package pressure

import "time"

// endPause is the least time between two rooms that are ended for memory: a collection has to show what the first one brought.
const endPause = time.Second

// Relief decides what is done about memory when stopping admission is not enough. All of it is for one goroutine.
type Relief struct {
	// Weigh has allocations attributed to rooms, or not any more.
	Weigh func(on bool)
	// EndGreediest ends the room that allocates most, if one stands out.
	EndGreediest func(u Usage)
	// Die ends the process if a room does not come back from its tick while memory runs out: nothing else can stop it, and the
	// kernel would say nobody whose fault it was.
	Die func(u Usage)

	weighing bool
	endAt    time.Time // no room is ended before
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
		r.EndGreediest(u)
	}
	return near
}
