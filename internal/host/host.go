package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/ws"
	"github.com/ringside-server/ringside/room"
)

// ErrClosed is returned by Start after Close.
var ErrClosed = errors.New("host is closed")

// A Host runs rooms. See the package comment.
type Host struct {
	// Immutable after New.
	cfg      Config
	games    map[string]*room.Program
	workers  []*worker
	clerk    *clerk
	faults   *faultStore
	upgrader ws.Upgrader
	base     time.Time     // zero of the host's clock
	confirms chan struct{} // one place for each seat that is being confirmed
	ctx      context.Context
	cancel   context.CancelFunc

	stats  Stats
	scribe *scribe
	larder larder // see memory.go

	pilotNumber atomic.Uint64 // of the newest
	stirred     chan struct{} // wakes the watch
	unwatched   chan struct{} // closed to end it

	strand struct {
		mu    sync.Mutex
		rooms []strandedRoom // Guarded by mu: in the order in which they were given up
	}

	callers callers
	names   names // of connections

	mu sync.RWMutex
	// Guarded by mu.
	rooms      map[string]*hosted
	late       map[string]*hosted // over at their start, and no longer assigned: see late.go
	state      hostState
	handshakes int
	waiting    int // requests for a room that is being started

	// Goroutines that are not waited for elsewhere.
	greeters sync.WaitGroup // handshakes
	starters sync.WaitGroup // games' New, fault files
	pilots   sync.WaitGroup // what runs inside of games and was not given up
	pipes    sync.WaitGroup // goroutine links
	watchers sync.WaitGroup // the watch
}

type hostState uint8

const (
	fresh hostState = iota
	open
	shut
)

// New checks the config and makes a host that does not run yet.
func New(cfg Config) (*Host, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, games: make(map[string]*room.Program), rooms: make(map[string]*hosted), late: make(map[string]*hosted),
		upgrader: ws.Upgrader{Origin: cfg.Origin}, base: time.Now(), confirms: make(chan struct{}, cfg.MaxConfirms),
		stirred: make(chan struct{}, 1), unwatched: make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	for _, g := range cfg.Games {
		if h.games[g.Def.Name] != nil {
			return nil, fmt.Errorf("%w: Games: two of the name %q", ErrConfig, g.Def.Name)
		}
		h.games[g.Def.Name] = g
	}
	h.clerk = newClerk(cfg.Directory, func() { h.stats.NoticesLost.Add(1) })
	h.callers.count = func(n int64) { h.stats.GoroutinesAbandoned.Add(n) }
	h.scribe = newScribe(cfg.Log)
	h.faults = &faultStore{dir: cfg.FaultDir, keep: cfg.MaxFaults}
	for i := range cfg.Workers {
		h.workers = append(h.workers, newWorker(h, i))
	}
	return h, nil
}

// Stats are the host's counters.
func (h *Host) Stats() *Stats { return &h.stats }

// now is the host's clock: nanoseconds since New, monotonic.
func (h *Host) now() int64 { return int64(time.Since(h.base)) }

// Start starts the goroutines: the clerk, the workers, the watch.
func (h *Host) Start() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != fresh {
		return ErrClosed
	}
	for i, w := range h.workers {
		var err error
		if w.alarm, err = sock.NewAlarm(); err != nil {
			for _, w := range h.workers[:i] {
				w.alarm.Close()
			}
			return err
		}
	}
	for _, w := range h.workers {
		w.openRing()
	}
	h.state = open
	if h.cfg.Backend == Epoll { // a worker that sleeps by system call keeps its processor
		addProcs(h.cfg.Workers)
	}
	go h.clerk.run()  // ends in clerk.stop
	go h.scribe.run() // ends in scribe.close
	for _, w := range h.workers {
		w.pilot = h.newPilot(w)
		go w.run(w.pilot, nil) // ends in halt
		go w.guard()           // ends with the alarm
	}
	h.watchers.Add(1 + len(h.workers))
	go h.watch()
	return nil
}

// Close ends the host in reverse order: nobody is let in any more, every player is told 4101 and has a second to hear it,
// the directory hears the rest. When ctx ends first, what is left is cut off, and its error returned. A game that does not come
// back holds that up until it is given up (Config.StepLimit), and keeps its goroutine.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	was := h.state
	h.state = shut
	h.mu.Unlock()
	if was != open {
		h.cancel()
		return nil
	}
	h.cancel() // handshakes end
	err := waitFor(ctx, &h.greeters)
	for _, w := range h.workers {
		w.halt(false)
	}
	for _, w := range h.workers {
		if e := w.join(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("worker %d: %w", w.index, e))
		}
	}
	close(h.unwatched)
	err = errors.Join(err, waitFor(ctx, &h.watchers))
	if h.cfg.Backend == Epoll {
		addProcs(-h.cfg.Workers)
	}
	err = errors.Join(err, waitFor(ctx, &h.starters), waitFor(ctx, &h.pilots), waitFor(ctx, &h.callers.group), waitFor(ctx, &h.pipes), h.clerk.stop(ctx), h.scribe.close(ctx))
	if err != nil {
		return fmt.Errorf("close host: %w", err)
	}
	return nil
}

// join waits for the worker's loop to end; when ctx ends it is made to, if it can be.
func (w *worker) join(ctx context.Context) error {
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	w.halt(true)
	select {
	case <-w.done:
	case <-time.After(100 * time.Millisecond):
	}
	return ctx.Err()
}

func waitFor(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { // ends with the group
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
