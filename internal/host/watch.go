package host

import (
	"runtime"
	"sync"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

// How the watch looks at workers.
const (
	watchEvery = 5 * time.Millisecond
	maxExtra   = 64              // processors for goroutines that do not come back; beyond it they share
	keepExtra  = 5 * time.Second // how long one is kept when it is not needed: changing their number stops the world
)

// watch takes ticks that last too long away from their workers. While no worker has anything to do it sleeps in the scheduler; while
// one has it sleeps as workers do: a timer of the runtime every 5 ms switches threads more often than all of the rooms, and cost
// 1.2 µs a frame at 512 connections.
func (h *Host) watch() {
	defer h.watchers.Done()
	var extra extraProcs
	defer extra.set(0)
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	for {
		busy := false
		now := h.now()
		for _, w := range h.workers {
			w.look(now)
			busy = busy || w.active.Load()
		}
		extra.follow(h.hanging(), now)
		rest := watchEvery
		if !busy {
			rest = keepExtra // the last of them may be over
		}
		if busy && h.cfg.Backend == Epoll {
			sock.Sleep(rest)
			select {
			case <-h.unwatched:
				return
			default:
			}
			continue
		}
		stirred := h.stirred
		if busy {
			stirred = nil // it looks soon enough
		}
		timer.Reset(rest)
		select {
		case <-h.unwatched:
			return
		case <-timer.C:
		case <-stirred:
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
	n := int(h.stranded.Load())
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
