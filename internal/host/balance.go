package host

import "time"

// A balancing is how a worker that runs over gets rid of rooms: one at a time, and only if that helps. Each worker decides by
// itself, about its own rooms; of the others it reads their load.
type balancing struct {
	every  time.Duration // how often costs are looked at
	full   float64       // busy share of a worker above which it runs over
	burst  time.Duration // how long a slot's wake may take
	bursts float64       // share of a slot's wakes that may take longer; above it the slot runs over
	looks  int           // for so many in a row, before anything is done about it
	rest   time.Duration // between two moves from or to one worker
	least  float64       // difference of loads, as a busy share, below which nothing moves
	gain   float64       // by how much a move must narrow that
}

// balanced is the rule of every host: 70 % leave a worker room for the collector and for a burst of joins; a burst of over one grid
// step makes the next slot late. What narrowed the difference widens it on the way back: no room goes to and fro.
var balanced = balancing{
	every: time.Second, full: 0.7, burst: gridStep, bursts: 0.25, looks: 3, rest: 2 * time.Second, least: 0.05, gain: 0.001,
}

// A burden is one room as choose sees it.
type burden struct {
	cost  int64 // nanoseconds a second
	stays bool  // it cannot be moved now
}

// choose is the index of the room whose move from a load to a lower one makes them most equal, -1 if no move does enough. Loads and
// costs are in nanoseconds a second.
func (b *balancing) choose(from, to int64, rooms []burden) int {
	gap := from - to
	if float64(gap) < b.least*1e9 {
		return -1
	}
	best, left := -1, gap-int64(b.gain*1e9)
	for i, r := range rooms {
		rest := gap - 2*r.cost
		if rest < 0 {
			rest = -rest
		}
		if !r.stays && rest <= left && (best < 0 || rest < left) {
			best, left = i, rest
		}
	}
	return best
}

// movable reports whether a room can change hands just now: nobody else is in it, and nobody on the way into it.
func (h *hosted) movable() bool {
	return !h.over && !h.flying && !h.frozen && h.waiting == 0 && h.room.Ended() == nil
}

// balance looks at what rooms have cost, and decides on a move if the worker, or a slot of it, has run over for long enough. It is
// made after the present wake.
func (w *worker) balance(now int64) {
	dt := now - w.lookedAt
	rules := &w.host.cfg.balance
	if dt < int64(rules.every) {
		return
	}
	w.lookedAt = now
	for _, h := range w.adopted {
		w.reweigh(h, h.cost.look(dt))
	}
	busy := w.busy.Load()
	if float64(busy-w.busyAt) > rules.full*float64(dt) {
		w.over++
	} else {
		w.over = 0
	}
	w.busyAt = busy
	var worst *slot
	for _, s := range w.slots {
		if float64(s.overran) > rules.bursts*float64(s.wakes) {
			s.over++
		} else {
			s.over = 0
		}
		s.wakes, s.overran = 0, 0
		if s.over >= rules.looks && (worst == nil || s.load > worst.load) {
			worst = s
		}
	}
	switch {
	case now-w.movedAt.Load() < int64(rules.rest):
	case worst != nil && w.spread(worst):
	case worst != nil || w.over >= rules.looks:
		w.relieve(now)
	}
}

// reweigh changes what a room counts with.
func (w *worker) reweigh(h *hosted, weight int64) {
	w.load.Add(weight - h.cost.weight)
	h.slot.load += weight - h.cost.weight
	h.cost.weight = weight
}

// spread decides to move a room from a slot that runs over to the cheapest of its rate.
func (w *worker) spread(s *slot) bool {
	to := w.cheapest(int(s.hz))
	h := w.pick(s.load, to.load, s.rooms)
	if h == nil {
		return false
	}
	w.moves = append(w.moves, move{room: h, slot: to})
	return true
}

// relieve decides to move a room to the worker that has the least to do.
func (w *worker) relieve(now int64) {
	to := leastLoaded(w.host.workers)
	if to == w || now-to.movedAt.Load() < int64(w.host.cfg.balance.rest) {
		return
	}
	if h := w.pick(w.load.Load(), to.load.Load(), w.adopted); h != nil {
		w.moves = append(w.moves, move{room: h, worker: to})
	}
}

// pick is the room to move, nil if there is none.
func (w *worker) pick(from, to int64, rooms []*hosted) *hosted {
	w.burdens = w.burdens[:0]
	for _, h := range rooms {
		w.burdens = append(w.burdens, burden{cost: h.cost.weight, stays: !h.movable() || h.cost.looks < seasonedAfter})
	}
	if i := w.host.cfg.balance.choose(from, to, w.burdens); i >= 0 {
		return rooms[i]
	}
	return nil
}
