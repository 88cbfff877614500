package host

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/wire"
)

const (
	maxArrivals = 1024                 // connections that wait for their worker; beyond it they are told to come again (4101)
	maxNap      = 5 * time.Millisecond // longest raw sleep: a sleeper holds its processor, and a stopping world waits for it
	patrolEvery = int64(1e9)           // how often idle rooms are looked at, in nanoseconds
	maxKeep     = 256 << 10            // bytes of a scratch buffer that are kept
)

// A worker owns rooms and their sockets. Its loop looks at its mail, runs the slots that are due and sleeps until the next.
// Others post to it; nothing but the counters is touched by anybody else.
type worker struct {
	host  *Host
	index int
	rooms atomic.Int32 // assigned
	load  atomic.Int64 // what they cost, in nanoseconds a second, for placement: the sum of their weights

	movedAt atomic.Int64 // host clock when a room last came or went

	mu sync.Mutex // of the mailbox: what is in it is of the worker's own rooms, see hosted.lock
	// Guarded by mu.
	errands  []errand  // at most one to adopt and one to drop per room
	arrivals []arrival // at most maxArrivals
	results  []callResult
	doubts   []doubt // at most one for each confirm of the last doubtAfter
	stopped  bool    // no arrivals any more
	aborted  bool    // connections are not even told
	wake     chan struct{}
	mail     atomic.Bool // there is something to take

	alarm *sock.Alarm // made by Start; set by the loop at each wake, waited for by guard

	// Observable: the heartbeat.
	beat     atomic.Int64           // host clock at the start of the present wake
	stepping atomic.Int64           // host clock at the start of the present Tick, 0 outside
	subject  atomic.Pointer[hosted] // of the present Tick
	busy     atomic.Int64           // nanoseconds outside of sleep
	asks     atomic.Int32           // questions that wait for an answer, see inspect.go
	flight   atomic.Uint64          // number of the present Tick, 0 outside: whoever makes it 0 owns what the loop owns
	resting  atomic.Bool            // outside of a wake
	hanging  atomic.Int32           // rooms in flight for longer than suspectAt

	// Owned by the loop, which changes its goroutine: see takeOver.
	pilot    *pilot
	flights  uint64    // begun
	at       place     // in the wake of a slot
	flying   []*hosted // rooms whose ticks others make just now
	stop     bool      // leave when all connections are closed
	slots    []*slot
	table    table
	adopted  []*hosted
	in       [recvBytes]byte
	ids      []uint64
	out      []byte
	sink     sink
	batch    batch
	n        tally
	touched  uint32 // keeps the compiler from leaving out what touches
	patrolAt int64
	lookedAt int64 // when costs were last looked at
	busyAt   int64 // busy as of then
	over     int   // looks in a row that found the worker running over
	burdens  []burden
	moves    []move // decided, not yet made
	restedAt int64  // when its last wake ended
	clock    int64  // newest reading in a wake of a slot: what has passed since is the next room's to pay, see cost
	timer    *time.Timer
	now      int64 // of the present wake's slot
	spare    struct {
		errands  []errand
		arrivals []arrival
	}
	done chan struct{}
}

func newWorker(h *Host, index int) *worker {
	w := &worker{host: h, index: index, wake: make(chan struct{}, 1), done: make(chan struct{})}
	w.sink.w = w
	w.timer = time.NewTimer(time.Hour)
	return w
}

// halt makes the loop close its connections and end; with abort it does not wait for them.
func (w *worker) halt(abort bool) {
	w.mu.Lock()
	w.stopped, w.aborted = true, w.aborted || abort
	w.mu.Unlock()
	w.ring()
}

// ring wakes the loop if it sleeps without a time to wake.
func (w *worker) ring() {
	w.mail.Store(true)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the loop. from is nil, or the pilot that ran it so far and is in a tick that was taken away from it.
func (w *worker) run(p, from *pilot) {
	defer p.end()
	p.begin()
	if from != nil {
		w.resume(from)
		w.account()
	}
	for {
		began := w.host.now()
		w.beat.Store(began)
		w.resting.Store(false)
		w.alarm.Set(time.Duration(takeAfter))
		w.takeMail()
		next := w.runDue()
		w.overdue(w.host.now())
		if began >= w.patrolAt {
			w.patrol(began)
		}
		w.balance(began)
		w.makeMoves()
		w.account()
		if w.stop && len(w.flying) == 0 && w.table.count == 0 {
			break
		}
		w.resting.Store(true)
		w.sleep(next)
	}
	w.resting.Store(true)
	w.timer.Stop()
	w.release()
	close(w.done)
}

// account publishes what the present wake has counted.
func (w *worker) account() {
	w.n.publish(&w.host.stats)
	w.restedAt = w.host.now()
	took := w.restedAt - w.beat.Load()
	w.host.stats.BusyNS.Add(uint64(took))
	w.busy.Add(took)
}

func (w *worker) do(e *errand) {
	h := e.room
	switch {
	case e.landed != nil:
		w.landed(h, e.landed)
	case e.hung != nil:
		w.convict(h, e.hung)
	case e.moved:
		w.house(h, w.cheapest(h.room.TickHz()))
	case e.adopt != nil:
		w.adopt(h, e)
	case h.flying:
		w.wait(h, e)
	case e.ask != nil:
		e.ask(w, h, nil)
	case h.room != nil:
		if !h.over {
			w.dismiss(h, e.code, e.text)
			w.retire(h)
		}
		h.discard() // also of a room that ended while it was withdrawn
	}
}

// adopt takes a room that was made.
func (w *worker) adopt(h *hosted, e *errand) {
	h.room, h.idle = e.adopt, w.now
	h.ctx, h.cancel = context.WithCancel(w.host.ctx)
	h.cost.weight = assumedCost
	w.house(h, w.cheapest(h.room.TickHz())) // a restored one is awake: the grace of its players begins
	h.observe()
	w.host.clerk.add(notice{kind: startedOf(h), room: h})
}

// receive lets a connection ask for its place in the room.
func (w *worker) receive(a *arrival) {
	h := a.room
	if h.flying && !w.stop {
		w.waitIn(h, a)
		return
	}
	c := w.connect(a)
	switch {
	case w.stop:
		code, text := w.parting()
		w.turnAway(c, code, text)
		return
	case h.room == nil || h.over:
		w.host.mu.RLock()
		code, text := h.closeOf()
		w.host.mu.RUnlock()
		w.turnAway(c, code, text)
		return
	}
	c.slot = h.slot
	if !w.admit(c) {
		return
	}
	c.addTo(&h.conns)
	h.waiting++
	a.join.Conn = c.id
	h.room.Join(a.join)
	h.slot.rouse(w.host.now())
}

// connect gives an arrival its place in the table.
func (w *worker) connect(a *arrival) *conn {
	c := &conn{link: a.link, room: a.room, parser: a.parser, rest: a.rest}
	if plain, ok := a.link.(*fdLink); ok {
		c.plain = *plain
		c.link = &c.plain
	}
	c.id = w.host.names.take()
	w.table.put(c)
	return c
}

// turnAway tells a connection that it does not get into its room.
func (w *worker) turnAway(c *conn, code wire.CloseCode, text string) {
	c.room, c.slot = nil, w.anySlot()
	if w.admit(c) {
		w.closeConn(c, code, text)
	}
}

// admit begins to watch a connection.
func (w *worker) admit(c *conn) bool {
	c.slot.conns++
	if err := c.link.watch(&c.slot.poll, c.id); err != nil {
		w.host.cfg.Log.Error().Err(err).Msg("connection not watched")
		c.room = nil
		w.forget(c, lostCode)
		return false
	}
	c.slot.rouse(w.host.now())
	return true
}

// runDue runs the slots whose time has come and returns when the next one's is, 0 for none.
func (w *worker) runDue() (next int64) {
	for _, s := range w.slots {
		if !s.awake {
			continue
		}
		now := w.host.now()
		if due := s.due(); due <= now {
			w.runSlot(s, now)
		}
		if s.awake && (next == 0 || s.due() < next) {
			next = s.due()
		}
	}
	return next
}

// sleep waits until next, or for mail if that is 0. Rooms that tick look at their mail between naps, so that a sleep by
// system call need not be woken.
func (w *worker) sleep(next int64) {
	if next == 0 && len(w.adopted) == 0 {
		w.alarm.Set(0)
		<-w.wake
		return
	}
	if next == 0 {
		w.nap(time.Duration(patrolEvery))
		return
	}
	d := time.Duration(next - w.host.now())
	switch {
	case d <= 0:
	case w.host.cfg.Backend == Epoll:
		sock.Sleep(min(d, maxNap))
	default:
		w.nap(d)
	}
}

// nap sleeps in the scheduler, until d has passed or somebody rings.
func (w *worker) nap(d time.Duration) {
	w.alarm.Set(0)
	w.timer.Reset(d)
	select {
	case <-w.timer.C:
	case <-w.wake:
	}
}

// patrol looks at the rooms that nobody is in.
func (w *worker) patrol(now int64) {
	w.patrolAt = now + patrolEvery
	w.settle(now)
	w.host.forgetLate()
	for _, h := range w.adopted {
		if h.awake() || now-h.idle < int64(w.host.cfg.IdleTimeout) {
			continue
		}
		h.idle = now
		w.host.clerk.add(notice{kind: noticeIdle, room: h})
	}
}

// release frees what the loop owns at its end.
func (w *worker) release() {
	w.alarm.Close()
	if w.batch.ring != nil {
		w.batch.ring.Close()
	}
	for _, h := range w.adopted {
		w.ground(h)
		w.sayAllEnded(h)
	}
	for _, s := range w.slots {
		s.poll.close()
	}
	w.n.publish(&w.host.stats)
}
