package host

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/room"
)

// Bounds of the calls of all rooms together. A room has at most room.MaxCalls under way, so one room alone fills neither.
const (
	maxCalling   = 256  // functions that run at the same time
	maxCallQueue = 4096 // that wait; beyond it a call comes back with room.ErrTooManyCalls
)

// A call is a function of a game on its way.
type call struct {
	engine.Call
	room *hosted
	ctx  context.Context // ends with the room
	log  zerolog.Logger
}

// A callResult is on its way back, in the mailbox of the room's worker: at most two for each call, its own and its timeout's.
type callResult struct {
	room   *hosted
	id     uint64
	result []byte
	err    error
}

// callers run the calls of all rooms, each in a goroutine. They end when their functions come back, which Close waits for.
type callers struct {
	group sync.WaitGroup

	mu      sync.Mutex
	queue   []call // Guarded by mu. Oldest first, at most maxCallQueue.
	running int    // Guarded by mu. At most maxCalling.
}

// start runs a call, now or when it is its turn. It never waits.
func (k *callers) start(c call) {
	k.mu.Lock()
	run, full := k.running < maxCalling, len(k.queue) >= maxCallQueue
	switch {
	case run:
		k.running++
		k.group.Add(1)
	case !full:
		k.queue = append(k.queue, c)
	}
	k.mu.Unlock()
	switch {
	case run:
		go k.run(c)
	case full:
		c.answer(nil, room.ErrTooManyCalls)
	}
}

// run makes a call, and then others as long as some wait.
func (k *callers) run(c call) {
	defer k.group.Done()
	for more := true; more; {
		c.make()
		c, more = k.next()
	}
}

func (k *callers) next() (c call, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.queue) == 0 {
		k.queue = nil // a queue that was long does not keep its memory
		k.running--
		return call{}, false
	}
	c, k.queue[0] = k.queue[0], call{}
	k.queue = k.queue[1:]
	return c, true
}

// make calls the function and answers, unless the room is over by then. When the time is up the game hears so at once, also
// of a function that does not look at its context; what that one returns later is of no interest to the room.
func (c *call) make() {
	if c.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, room.CallTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			c.answer(nil, room.ErrCallTimeout)
		}
	})
	defer stop()
	result, err := c.guarded(ctx)
	if c.ctx.Err() == nil {
		c.answer(result, err)
	}
}

// guarded makes an error of a panic.
func (c *call) guarded(ctx context.Context) (result []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.log.Error().Uint32("tag", c.Tag).Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("a game's call failed")
			result, err = nil, fmt.Errorf("the call panicked: %v", v)
		}
	}()
	return c.F(ctx)
}

// answer posts what the call came back with.
func (c *call) answer(result []byte, err error) {
	w := c.room.worker
	w.mu.Lock()
	w.results = append(w.results, callResult{room: c.room, id: c.ID, result: result, err: err})
	w.mu.Unlock()
	w.ring()
}

// startCalls begins what the room's last tick asked for.
func (w *worker) startCalls(h *hosted) {
	calls := h.room.Calls()
	if len(calls) == 0 {
		return
	}
	log := w.host.cfg.Log.With().Str("room", h.Room).Str("game", h.Game).Logger()
	for _, c := range calls {
		w.host.callers.start(call{Call: c, room: h, ctx: h.ctx, log: log})
	}
}

// takeResults hands results to their rooms, which need not be awake.
func (w *worker) takeResults(results []callResult) {
	for i := range results {
		r := &results[i]
		if r.room.room == nil || r.room.over {
			continue
		}
		r.room.room.Called(r.id, r.result, r.err)
		r.room.slot.rouse(w.now)
	}
	clear(results)
}
