package host

// lock locks the mailbox of the room's worker, which it returns: while it is locked the room moves to no other. So whatever is in a
// mailbox is of rooms that are its worker's, and what waits for a room that moves goes with it (see move.go).
func (h *hosted) lock() *worker {
	for {
		w := h.worker.Load()
		w.mu.Lock()
		if h.worker.Load() == w {
			return w
		}
		w.mu.Unlock()
	}
}

// post leaves an errand for the room's worker. It never waits.
func (h *hosted) post(e errand) {
	e.room = h
	w := h.lock()
	w.errands = append(w.errands, e)
	w.mu.Unlock()
	w.ring()
}

// remember leaves a doubt.
func (h *hosted) remember(seat uint64) {
	w := h.lock()
	w.doubts = append(w.doubts, doubt{room: h, seat: seat, at: w.host.now() + doubtAfter})
	w.mu.Unlock()
}

// arrive hands a connection over; false means that there are too many, or that the worker has stopped.
func (h *hosted) arrive(a arrival) bool {
	a.room = h
	w := h.lock()
	ok := !w.stopped && len(w.arrivals) < maxArrivals
	if ok {
		w.arrivals = append(w.arrivals, a)
	}
	w.mu.Unlock()
	w.ring()
	return ok
}

// deliver leaves what a call of the room's game came back with.
func (h *hosted) deliver(r callResult) {
	r.room = h
	w := h.lock()
	w.results = append(w.results, r)
	w.mu.Unlock()
	w.ring()
}
