package host

import (
	"runtime"
	"sync"
	"time"
)

// How long goroutines that hang are looked after.
const (
	lookEvery = 5 * time.Millisecond // at a wake that takes long
	maxExtra  = 64                   // processors for goroutines that do not come back; beyond it they share
	keepExtra = 5 * time.Second      // how long one is kept when it is not needed: changing their number stops the world
)

// guard takes ticks that last too long away from the worker. Each wake sets the alarm anew, so it goes off only if one does not end:
// to look every few milliseconds instead would cost more than to wake the worker.
func (w *worker) guard() {
	defer w.host.watchers.Done()
	for w.alarm.Wait() {
		if w.resting.Load() {
			continue
		}
		now := w.host.now()
		w.look(now)
		rest := lookEvery
		if began := w.stepping.Load(); began != 0 {
			rest = min(max(time.Duration(began+takeAfter-now), time.Millisecond), rest)
		}
		w.alarm.Set(rest)
	}
}

// watch gives the scheduler processors for goroutines that hang.
func (h *Host) watch() {
	defer h.watchers.Done()
	var extra extraProcs
	defer extra.set(0)
	timer := time.NewTimer(keepExtra)
	defer timer.Stop()
	for {
		extra.follow(h.hanging(), h.now())
		if extra.n > 0 {
			timer.Reset(keepExtra)
		}
		select {
		case <-h.unwatched:
			return
		case <-timer.C:
		case <-h.stirred:
		}
	}
}

// stir wakes the watch if it sleeps.
func (h *Host) stir() {
	select {
	case h.stirred <- struct{}{}:
	default:
	}
}

// look takes the present tick away from a worker's goroutine if it has lasted for too long. From then on until the other goroutine
// has started, the worker is the watch's.
func (w *worker) look(now int64) {
	n := w.flight.Load()
	if n == 0 || now-w.stepping.Load() < takeAfter || !w.flight.CompareAndSwap(n, 0) {
		return
	}
	w.takeOver()
}

// hanging is how many goroutines are inside of games that may never come back.
func (h *Host) hanging() int {
	h.strand.mu.Lock()
	n := len(h.strand.rooms)
	h.strand.mu.Unlock()
	for _, w := range h.workers {
		n += int(w.hanging.Load())
	}
	return n
}

// extraProcs are the processors that the scheduler was given for goroutines that hang: one that spins keeps its own.
type extraProcs struct {
	n      int
	needed int64 // host clock when so many were last needed
}

// follow keeps as many as are needed, and a while longer.
func (e *extraProcs) follow(want int, now int64) {
	want = min(want, maxExtra)
	if want >= e.n {
		e.needed = now
	}
	if want > e.n || want < e.n && now-e.needed > int64(keepExtra) {
		e.set(want)
	}
}

func (e *extraProcs) set(n int) {
	if n != e.n {
		addProcs(n - e.n)
		e.n = n
	}
}

var procs sync.Mutex

// addProcs gives the scheduler processors, or takes them back.
func addProcs(n int) {
	procs.Lock()
	defer procs.Unlock()
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0)+n, 1))
}
