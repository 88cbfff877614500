package host

import "slices"

// How a room changes hands. A move is decided in a wake (balance) and made behind it, when no tick is under way and all mail of the
// wake has been answered.
//
//  1. The worker takes the room's connections out of its table and its slot's poller, and the room out of its lists.
//  2. It locks both mailboxes, its own and the other's, puts the room into the other's, what waits for the room behind it, and
//     changes hosted.worker. Whoever posts meanwhile waits for the lock and then finds the new worker: nothing comes before the
//     room, nothing is posted to where it was, and the order of what was posted stays.
//  3. The other takes the room out of its mail, into a slot of its own, and the connections into that slot's poller. Their ids stay,
//     and epoll reports what has arrived meanwhile.
//
// In between nobody has the room, for one nap of the other worker at most. Its ticks go on on the new slot's times: the first is
// the one nearest to when the old slot's would have been, half a period to one and a half after the last.
//
// Rejected: to forward from the old worker what comes too late. A player who comes back after such a move could be overtaken by his
// own older connection.

// A move is decided: to another worker, or to another slot of the same.
type move struct {
	room   *hosted
	worker *worker // nil: its own
	slot   *slot
}

// makeMoves makes the moves that were decided, as far as the rooms still can.
func (w *worker) makeMoves() {
	for _, m := range w.moves {
		switch {
		case w.stop || !m.room.movable():
		case m.worker != nil && m.worker != w:
			w.hand(m.room, m.worker)
		case m.slot != nil && m.slot != m.room.slot:
			w.now = w.host.now()
			w.vacate(m.room)
			w.house(m.room, m.slot)
			w.moved(w)
		}
	}
	clear(w.moves)
	w.moves = w.moves[:0]
}

// moved counts a move.
func (w *worker) moved(to *worker) {
	now := w.host.now()
	w.movedAt.Store(now)
	to.movedAt.Store(now)
	w.host.stats.RoomsMoved.Add(1)
}

// hand gives a room to another worker. If one of the two is ending it stays.
func (w *worker) hand(h *hosted, to *worker) {
	w.now = w.host.now()
	w.vacate(h)
	if !w.pass(h, to) {
		w.house(h, h.slot)
		return
	}
	w.moved(to)
	to.ring()
}

// vacate takes a room and its connections out of what the worker has. What fell due of its ticks by now is not made.
func (w *worker) vacate(h *hosted) {
	s := h.slot
	if c := s.cadence; h.awake() {
		if ticks, missed := c.take(w.now); ticks > 0 {
			h.room.Missed(ticks + missed)
			w.n.ticksLate += uint64(ticks + missed)
		}
	}
	for _, c := range h.conns {
		c.link.unwatch()
		s.conns--
		w.table.remove(c)
	}
	s.rooms = slices.DeleteFunc(s.rooms, func(o *hosted) bool { return o == h })
	s.load -= h.cost.weight
	w.adopted = slices.DeleteFunc(w.adopted, func(o *hosted) bool { return o == h })
}

// pass puts a room into the other's mailbox, and everything that waits for it behind it.
func (w *worker) pass(h *hosted, to *worker) bool {
	first, second := w, to
	if to.index < w.index {
		first, second = to, w
	}
	first.mu.Lock() // in the order of their numbers: rooms move both ways
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	if w.stopped || to.stopped {
		return false
	}
	to.errands = append(to.errands, errand{room: h, moved: true})
	w.errands = split(w.errands, &to.errands, func(e *errand) bool { return e.room == h })
	w.arrivals = split(w.arrivals, &to.arrivals, func(a *arrival) bool { return a.room == h })
	w.results = split(w.results, &to.results, func(r *callResult) bool { return r.room == h })
	w.doubts = split(w.doubts, &to.doubts, func(d *doubt) bool { return d.room == h })
	slices.SortStableFunc(to.doubts, func(a, b doubt) int { return int(a.at - b.at) })
	w.delist(h.cost.weight)
	to.enlist(h.cost.weight)
	h.worker.Store(to)
	return true
}

// split moves the elements of a list that go to the end of another, in their order, and returns the rest.
func split[T any](list []T, to *[]T, goes func(*T) bool) []T {
	rest := list[:0]
	for i := range list {
		if goes(&list[i]) {
			*to = append(*to, list[i])
		} else {
			rest = append(rest, list[i])
		}
	}
	clear(list[len(rest):])
	return rest
}

// house gives a room and its connections their place in a slot.
func (w *worker) house(h *hosted, s *slot) {
	h.slot = s
	s.rooms = append(s.rooms, h)
	s.load += h.cost.weight
	w.adopted = append(w.adopted, h)
	if h.due > 0 {
		h.notBefore = notBefore(h.due, s.hz)
	}
	for i := len(h.conns) - 1; i >= 0; i-- { // backwards: one that cannot be watched is lost
		c := h.conns[i]
		w.table.put(c)
		c.slot = s
		s.conns++
		if err := c.link.watch(&s.poll, c.id); err != nil {
			w.host.cfg.Log.Error().Err(err).Msg("connection not watched")
			w.lose(c)
		}
	}
	if h.awake() {
		s.rouse(w.now)
	}
}

// notBefore is the least time of the tick after one that was made in another slot.
func notBefore(last, hz int64) int64 { return last + 1e9/hz/2 }
