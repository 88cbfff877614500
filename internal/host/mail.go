package host

import (
	"slices"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/internal/ws"
)

// An arrival is a connection whose HELLO was accepted, on its way to its room's worker.
type arrival struct {
	room   *hosted
	link   link
	parser ws.Parser
	rest   []byte
	join   engine.Join
}

// An errand is something else that a worker is asked to do.
type errand struct {
	room   *hosted
	adopt  *engine.Room   // set: the room is new
	moved  bool           // else it comes from another worker, with its connections
	code   wire.CloseCode // else the room goes: what its connections are told
	text   string
	ask    func(w *worker, h *hosted, err error) // else it is a question; see inspect.go
	landed *pilot                                // else the room is back from a flight with that pilot
	hung   *accusation                           // else it does not come back
}

// A doubt is a seat somebody began to confirm. Whatever became of that, if nobody sits in the seat when its token can open it
// no more, the directory may sell it again.
type doubt struct {
	room *hosted
	seat uint64
	at   int64 // when it is looked at
}

// doubtAfter is longer than a token lives, in nanoseconds.
const doubtAfter = int64(45e9)

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

// takeMail does what others have asked for.
func (w *worker) takeMail() {
	if !w.mail.Swap(false) {
		return
	}
	w.mu.Lock()
	errands, arrivals, results := w.errands, w.arrivals, w.results
	w.errands, w.arrivals, w.results = w.spare.errands[:0], w.spare.arrivals[:0], nil
	stop, abort := w.stopped, w.aborted
	w.mu.Unlock()
	w.now = w.host.now()
	for i := range errands {
		w.do(&errands[i])
	}
	for i := range arrivals {
		w.receive(&arrivals[i])
	}
	w.takeResults(results)
	clear(errands)
	clear(arrivals)
	w.spare.errands, w.spare.arrivals = errands, arrivals
	if stop && !w.stop {
		w.stop = true
		for _, h := range w.adopted {
			if !h.flying {
				w.park(h)
			}
		}
	}
	if abort {
		w.giveUpAll()
		for _, c := range w.table.conns {
			if c != nil {
				w.lose(c)
			}
		}
	}
}

// settle looks at the doubts that are due.
func (w *worker) settle(now int64) {
	w.mu.Lock()
	n := 0
	for n < len(w.doubts) && w.doubts[n].at <= now {
		n++
	}
	due := slices.Clone(w.doubts[:n])
	w.doubts = slices.Delete(w.doubts, 0, n)
	// Of a room that is over nobody doubts anything, and its memory must not wait for it.
	w.doubts = slices.DeleteFunc(w.doubts, func(d doubt) bool { return d.room.over })
	w.mu.Unlock()
	for _, d := range due {
		if d.room.flying {
			w.mu.Lock()
			w.doubts = slices.Insert(w.doubts, 0, d) // the next patrol's
			w.mu.Unlock()
			continue
		}
		if r := d.room.room; r != nil && !d.room.over && !slices.ContainsFunc(r.Sessions(), func(s *engine.Session) bool { return s.Seat() == d.seat }) {
			w.host.clerk.add(notice{room: d.room, engine: engine.Notice{Kind: engine.NoticeSeatFree, Seat: d.seat}})
		}
	}
}
