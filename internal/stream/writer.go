package stream

import (
	"container/heap"
	"sync"
	"time"
)

// sweepEvery is how often the parked connections are looked over for clients that have gone. See DESIGN.md for its cost.
const sweepEvery = time.Second

// A phase of a writer's life; it only moves forward.
type phase int

const (
	serving   phase = iota
	ending          // what it holds, and what still comes, is told the end
	lastTails       // nothing comes any more: it returns when all is written
	stopped         // what it holds is cut off, what comes is refused
)

// A writer is a goroutine that writes to the connections parked at it, and wakes the held ones. It owns them: only it reads or
// changes them, writes to their sockets and closes them. Others leave errands and groups to be served, both bounded by the
// number of places.
type writer struct {
	// Immutable after newWriter.
	hub    *Hub
	signal chan struct{} // one token: there is something to take
	done   chan struct{} // closed when run returns

	mu      sync.Mutex // taken after a topic's
	phase   phase
	errands []errand
	dirty   []*group

	// Owned by run.
	now     time.Duration // of this round
	conns   []*parkedConn
	sweep   sweep // conns[i].slot == i is its i-th
	swept   time.Duration
	due     dueHeap
	scratch [4 << 10]byte
	news    view
	spare   struct { // emptied lists, to be used again
		errands []errand
		dirty   []*group
	}
}

// An errand is a listener that comes, or a held one that goes.
type errand struct {
	parked *parkedConn
	held   *held
	goes   bool
}

func newWriter(h *Hub) *writer {
	return &writer{hub: h, signal: make(chan struct{}, 1), done: make(chan struct{})}
}

// wake has the group served. The caller may hold the topic's lock.
func (w *writer) wake(g *group) {
	w.mu.Lock()
	if !g.dirty {
		g.dirty = true
		w.dirty = append(w.dirty, g)
	}
	w.mu.Unlock()
	w.nudge()
}

// post leaves an errand; false: the writer has stopped, the listener stays the caller's.
func (w *writer) post(e errand) bool {
	w.mu.Lock()
	open := w.phase < stopped
	if open {
		w.errands = append(w.errands, e)
	}
	w.mu.Unlock()
	w.nudge()
	return open
}

// enter moves the writer on to a phase.
func (w *writer) enter(p phase) {
	w.mu.Lock()
	w.phase = max(w.phase, p)
	w.mu.Unlock()
	w.nudge()
}

func (w *writer) nudge() {
	select {
	case w.signal <- struct{}{}:
	default: // it will look
	}
}

func (w *writer) take() (errands []errand, dirty []*group, p phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errands, dirty = w.errands, w.dirty
	w.errands, w.dirty = w.spare.errands, w.spare.dirty
	for _, g := range dirty {
		g.dirty = false
	}
	return errands, dirty, w.phase
}

// run is the writer. A round serves in this order: who comes, what was published, whose time has come, who has gone.
func (w *writer) run() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		errands, dirty, p := w.take()
		w.now = w.hub.now()
		for _, e := range errands {
			w.accept(e)
		}
		w.hub.waves.Add(1)
		for _, g := range dirty {
			w.serve(g)
		}
		w.hub.waves.Add(-1)
		clear(errands)
		clear(dirty)
		w.spare.errands, w.spare.dirty = errands[:0], dirty[:0]
		if p >= ending {
			w.endAll(p)
			if p == stopped || p == lastTails && len(w.conns) == 0 {
				return
			}
		}
		w.expire()
		w.lookAround()
		timer.Reset(w.idle())
		select {
		case <-w.signal:
		case <-timer.C:
		}
	}
}

// accept takes a listener in, or out again. A parked one is served at once: something may have been published since it
// subscribed.
func (w *writer) accept(e errand) {
	switch {
	case e.parked != nil:
		w.hub.stats.parked.Add(1)
		p := e.parked
		p.slot = len(w.conns)
		w.conns = append(w.conns, p)
		w.sweep.add(p.fd)
		g := p.place.group
		p.member = len(g.parked)
		g.parked = append(g.parked, p)
		p.due = p.deadline(w)
		heap.Push(&w.due, p)
		if p.stream {
			w.feedAlone(p)
		} else if g.topic.changes.Load() != p.seen {
			w.ask(p, false)
		}
	case e.goes:
		g, h := e.held.group, e.held
		last := len(g.held) - 1
		g.held[h.member] = g.held[last]
		g.held[h.member].member = h.member
		g.held[last] = nil
		g.held = g.held[:last]
		close(h.out)
	default:
		g := e.held.group
		e.held.member = len(g.held)
		g.held = append(g.held, e.held)
		e.held.nudge()
	}
}

// serve gives a group what was published since the last time. Each listener is taken out of the list by its own end only, and
// then the last one has its place: from the end to the front nobody is left out.
func (w *writer) serve(g *group) {
	for _, h := range g.held {
		h.nudge()
	}
	g.topic.since(&w.news, g.low)
	end := w.news.end()
	for i := len(g.parked) - 1; i >= 0; i-- {
		if p := g.parked[i]; p.stream {
			w.feed(p, &w.news)
		} else {
			w.ask(p, false)
		}
	}
	g.low = end
}

// expire does what is due: keepalives, timeouts, and another try at what a socket did not take.
func (w *writer) expire() {
	for len(w.due) > 0 && w.due[0].due <= w.now {
		p := w.due[0]
		w.attend(p)
		if p.slot >= 0 {
			w.schedule(p)
		}
	}
}

// lookAround drops the connections whose clients have gone.
func (w *writer) lookAround() {
	if w.now-w.swept < sweepEvery {
		return
	}
	w.swept = w.now
	w.sweep.gone(func(i int) {
		w.hub.stats.vanished.Add(1)
		w.drop(w.conns[i])
	})
}

// idle is how long there is nothing to do unless somebody comes.
func (w *writer) idle() time.Duration {
	if len(w.conns) == 0 {
		return time.Hour
	}
	next := min(w.due[0].due, w.swept+sweepEvery)
	return max(next-w.hub.now(), 0)
}

// schedule puts p where its next time belongs.
func (w *writer) schedule(p *parkedConn) {
	p.due = p.deadline(w)
	heap.Fix(&w.due, p.turn)
}

// endAll tells all parked connections the end, or cuts them off.
func (w *writer) endAll(p phase) {
	for i := len(w.conns) - 1; i >= 0; i-- {
		switch c := w.conns[i]; {
		case p == stopped:
			w.drop(c)
		case !c.ending:
			w.dismiss(c, i)
		}
	}
}

// A dueHeap orders parked connections by when they are due.
type dueHeap []*parkedConn

var _ heap.Interface = (*dueHeap)(nil)

// Len implements heap.Interface.
func (d dueHeap) Len() int { return len(d) }

// Less implements heap.Interface.
func (d dueHeap) Less(i, j int) bool { return d[i].due < d[j].due }

// Swap implements heap.Interface.
func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].turn, d[j].turn = i, j
}

// Push implements heap.Interface.
func (d *dueHeap) Push(x any) {
	p, _ := x.(*parkedConn)
	p.turn = len(*d)
	*d = append(*d, p)
}

// Pop implements heap.Interface.
func (d *dueHeap) Pop() any {
	old := *d
	last := len(old) - 1
	p := old[last]
	old[last] = nil
	*d = old[:last]
	return p
}
