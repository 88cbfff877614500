package host

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/room"
)

// Bounds of the calls of all rooms together. A room has at most room.MaxCalls under way, so one room alone fills neither.
const (
	maxCalling   = 256         // functions that run at the same time
	maxCallQueue = 4096        // that wait; beyond it a call comes back with room.ErrTooManyCalls
	callGrace    = time.Second // for a function to return when its context has ended; then it is given up
	maxGivenUp   = 1024        // functions of one game that were given up and have not returned; beyond it its calls are refused
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

// callers run the calls of all rooms, each in a goroutine. They end when their functions come back, which Close waits for, or when
// they are given up.
type callers struct {
	group sync.WaitGroup
	count func(n int64) // of goroutines that were given up and have not come back

	mu      sync.Mutex
	queue   []call         // Guarded by mu. Oldest first, at most maxCallQueue.
	running int            // Guarded by mu. At most maxCalling.
	stuck   map[string]int // Guarded by mu. By game: given up and not returned. No zeros.
}

// start runs a call, now or when it is its turn. It never waits.
func (k *callers) start(c call) {
	k.mu.Lock()
	refused := k.stuck[c.room.Game] >= maxGivenUp
	run, full := k.running < maxCalling, len(k.queue) >= maxCallQueue
	switch {
	case refused:
	case run:
		k.running++
		k.group.Add(1)
	case !full:
		k.queue = append(k.queue, c)
	}
	k.mu.Unlock()
	switch {
	case refused || full && !run:
		c.answer(nil, room.ErrTooManyCalls)
	case run:
		go k.run(c)
	}
}

// run makes a call, and then others as long as some wait. Once one was given up, its place is another goroutine's.
func (k *callers) run(c call) {
	for more := true; more; {
		if !k.make(&c) {
			return
		}
		c, more = k.next()
	}
	k.group.Done()
}

// next takes the oldest call that waits; if there is none a place is free. Calls of a game that has too many stuck come back.
func (k *callers) next() (c call, ok bool) {
	var refused []call
	defer func() {
		for i := range refused {
			refused[i].answer(nil, room.ErrTooManyCalls)
		}
	}()
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.queue) > 0 {
		c, k.queue[0] = k.queue[0], call{}
		k.queue = k.queue[1:]
		if k.stuck[c.room.Game] < maxGivenUp {
			return c, true
		}
		refused = append(refused, c)
	}
	k.queue = nil // a queue that was long does not keep its memory
	k.running--
	return call{}, false
}

// handOver gives the place of a goroutine to another one.
func (k *callers) handOver() {
	if c, ok := k.next(); ok {
		go k.run(c)
		return
	}
	k.group.Done()
}

// giveUp lets others have the place of a call that ignores its context, and notes whose it is.
func (k *callers) giveUp(game string) {
	k.mu.Lock()
	if k.stuck == nil {
		k.stuck = make(map[string]int)
	}
	k.stuck[game]++
	k.mu.Unlock()
	k.count(1)
	k.handOver()
}

// returned takes note that a call that was given up has come back.
func (k *callers) returned(game string) {
	k.mu.Lock()
	if k.stuck[game]--; k.stuck[game] == 0 {
		delete(k.stuck, game)
	}
	k.mu.Unlock()
	k.count(-1)
}

// make calls the function and answers, unless the room is over by then. When the time is up the game hears so at once, also
// of a function that does not look at its context; what that one returns later is of no interest to the room. false means that
// the call was given up before it came back.
func (k *callers) make(c *call) (mine bool) {
	if c.ctx.Err() != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(c.ctx, room.CallTimeout)
	defer cancel()
	var over atomic.Bool // it came back, or was given up
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			c.answer(nil, room.ErrCallTimeout)
		}
		time.AfterFunc(callGrace, func() {
			if over.CompareAndSwap(false, true) {
				c.log.Error().Uint32("tag", c.Tag).Msg("a game's call does not look at its context: given up")
				k.giveUp(c.room.Game)
			}
		})
	})
	defer stop()
	back := false
	defer func() {
		switch {
		case !over.CompareAndSwap(false, true):
			k.returned(c.room.Game)
			mine = false
		case !back:
			c.answer(nil, errEnded)
			k.handOver()
		}
	}()
	c.room.wear(nil)
	result, err := c.guarded(ctx)
	takeOff()
	back = true
	if !over.Load() && c.ctx.Err() == nil {
		c.answer(result, err)
	}
	return true
}

// guarded makes an error of a panic, and a text of every error: reading that is the game's code, too.
func (c *call) guarded(ctx context.Context) (result []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.log.Error().Uint32("tag", c.Tag).Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("a game's call failed")
			result, err = nil, fmt.Errorf("the call panicked: %v", v)
		}
	}()
	result, err = c.F(ctx)
	switch {
	case err == nil:
		return result, nil
	case errors.Is(err, room.ErrTooManyCalls):
		return nil, room.ErrTooManyCalls
	case errors.Is(err, room.ErrCallTimeout):
		return nil, room.ErrCallTimeout
	}
	text := err.Error()
	return nil, errors.New(text[:min(len(text), room.MaxCallError)])
}

// answer posts what the call came back with.
func (c *call) answer(result []byte, err error) {
	c.room.deliver(callResult{id: c.ID, result: result, err: err})
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
		if r.room.flying {
			r.room.limbo.results = append(r.room.limbo.results, *r)
			continue
		}
		if r.room.room == nil || r.room.over {
			continue
		}
		r.room.room.Called(r.id, r.result, r.err)
		r.room.slot.rouse(w.now)
	}
	clear(results)
}
