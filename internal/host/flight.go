package host

import (
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// When a room's ticks are made beside its worker, in nanoseconds.
const (
	takeAfter  = int64(10e6)  // a tick that takes longer is taken away from its worker
	slowTick   = int64(5e6)   // two such ticks within a few seconds, and the next are not made by the worker
	quickTick  = int64(2e6)   // so many of them, and they are again
	quickTicks = 100          // one that is not quick undoes ten
	suspectAt  = int64(100e6) // a flight that takes longer is given a processor of its own
)

// slowScore is what a slow tick counts; a tick that is not takes one off. Twice slowScore is a slow room.
const slowScore = 32

// A flight is a tick, or a last checkpoint, that is being made outside of the worker's loop. Until it lands the engine's room is
// the pilot's: the worker neither reads its connections nor writes to them, and what others want of the room waits in its limbo.
type flight struct {
	pilot  *pilot
	began  int64 // host clock
	park   bool
	ticks  int   // made by the wake it belongs to, this one included
	missed int   // of that wake, never to be made
	late   int64 // how late that wake was
	cause  cause // of that
	owed   int   // ticks that fell due meanwhile
	owedAt int64 // since when

	accused bool   // its stack is being looked at
	verdict bool   // it is: the room ends as soon as the pilot is inside of the game
	stack   []byte // of the pilot
}

// A place is where a worker is in the wake of a slot, so that another goroutine can go on from there.
type place struct {
	slot          *slot
	next          int // index of the room after the one that runs
	ticks, missed int
	made          int // ticks of the room that runs, begun
	late          int64
	cause         cause
	reading       int64 // nanoseconds that reading took for each connection
}

// takeOver makes another goroutine run the worker's loop: the caller has taken the flight of the present one away from it.
func (w *worker) takeOver() {
	from := w.pilot
	w.pilot = w.host.newPilot(w)
	go w.run(w.pilot, from)
}

// resume goes on with a wake whose goroutine is in the tick of a room.
func (w *worker) resume(from *pilot) {
	h, at := w.at.slot.rooms[w.at.next-1], &w.at
	h.score = 2 * slowScore
	w.away(h, flight{
		pilot: from, began: w.stepping.Load(), ticks: at.made, missed: at.missed, late: at.late, cause: h.causeOf(w.now-at.late, at.cause),
		owed: at.ticks - at.made, owedAt: w.now,
	})
	w.stepping.Store(0)
	w.charge(h)
	w.runRooms()
}

// fallDue notes a wake of the slot in which the room could not be run.
func (f *flight) fallDue(at *place, now int64) {
	if f.owed == 0 {
		f.owedAt = now - at.late
	}
	f.owed += at.ticks
	f.missed += at.missed
}

// away notes that a room is somebody else's.
func (w *worker) away(h *hosted, f flight) {
	h.flying, h.flight = true, f
	h.aloft.Store(f.began)
	w.flying = append(w.flying, h)
	w.showDetached(h)
}

// launch hands a tick or a checkpoint to the room's own pilot. Nobody waits.
func (w *worker) launch(h *hosted, f flight) {
	if h.pilot == nil {
		h.pilot = w.host.newPilot(nil)
		h.pilot.jobs = make(chan job, 1)
		go h.pilot.serve(h) // ends in w.ground
	}
	f.pilot, f.began = h.pilot, w.host.now()
	h.parkErr = errEnded
	w.away(h, f)
	h.pilot.jobs <- job{began: f.began, park: f.park}
}

var errEnded = errors.New("the game ended the goroutine it was called in")

// ground ends a room's pilot, which has nothing to do.
func (w *worker) ground(h *hosted) {
	if h.pilot != nil {
		close(h.pilot.jobs)
		h.pilot = nil
	}
}

// back takes note that a room is the worker's again.
func (w *worker) back(h *hosted) flight {
	f := h.flight
	h.flying, h.flight = false, flight{}
	h.aloft.Store(0)
	i := slices.Index(w.flying, h)
	w.flying = slices.Delete(w.flying, i, i+1)
	if h.pilot != nil && h.pilot.state.Load() == departed {
		h.pilot = nil
	}
	return f
}

// showDetached publishes whether the room's ticks are made outside of the worker's loop.
func (w *worker) showDetached(h *hosted) {
	on := !h.over && (h.flying || h.slow())
	if h.detached.Swap(on) != on {
		n := int64(-1)
		if on {
			n = 1
		}
		w.host.stats.RoomsDetached.Add(n)
	}
}

func (h *hosted) slow() bool { return h.score >= 2*slowScore }

// judge counts how long a tick took.
func (w *worker) judge(h *hosted, took int64, alone bool) {
	switch {
	case !alone:
		if took > slowTick {
			h.score += slowScore
			w.showDetached(h)
		} else if h.score > 0 {
			h.score--
		}
	case took > quickTick:
		h.quick = max(h.quick-quickTicks/10, 0) // a machine that is busy makes some of a good room's ticks long, too
	default:
		if h.quick++; h.quick >= quickTicks {
			h.quick, h.score = 0, 0
			w.ground(h)
		}
	}
}

// landed goes on with a room that is back, where the worker would have if it had made the tick.
func (w *worker) landed(h *hosted, p *pilot) {
	if !h.flying || h.flight.pilot != p {
		return
	}
	w.clock = w.host.now()
	f := w.back(h)
	if f.park {
		w.parked(h)
		return
	}
	h.until = max(h.until, f.began+h.took)
	w.judge(h, h.took, true)
	w.measure(h, w.now, h.took)
	w.ticked(h)
	w.ran(h, f.ticks, f.missed+max(f.owed-maxCatchUp, 0), f.late, f.cause)
	w.leaveLimbo(h)
	switch {
	case h.over:
	case w.stop:
		w.park(h)
	case f.owed > 0 && h.awake() && w.mayRun(h):
		w.readRoom(h)
		f.owed = min(f.owed, maxCatchUp)
		w.launch(h, flight{ticks: 1, late: w.now - f.owedAt, cause: causeGame, owed: f.owed - 1, owedAt: w.now})
	}
	w.showDetached(h)
}

// overdue looks at what is in flight: what has been there for too long is given up.
func (w *worker) overdue(now int64) {
	w.now = now
	n := int32(0)
	for _, h := range slices.Backward(w.flying) { // backwards: sentence takes it out
		f := &h.flight
		if now-f.began > suspectAt {
			n++
		}
		switch {
		case now-f.began <= int64(w.host.cfg.StepLimit):
		case f.verdict:
			w.sentence(h)
		case !f.accused:
			f.accused = true
			w.host.starters.Add(1)
			go w.accuse(h, f.pilot, f.began)
		}
	}
	if w.hanging.Swap(n) != n {
		w.host.stir()
	}
}

// accuse finds out where the pilot is, for the game's author. It takes its time, so it is a goroutine of its own.
func (w *worker) accuse(h *hosted, p *pilot, began int64) {
	defer w.host.starters.Done()
	h.post(errand{hung: &accusation{pilot: p, began: began, stack: stackOf(p.tag)}})
}

// An accusation is what is known of a flight that does not come back.
type accusation struct {
	pilot *pilot
	began int64
	stack []byte
}

// convict ends the room of a flight that does not come back, if it has not come back meanwhile.
func (w *worker) convict(h *hosted, a *accusation) {
	if f := &h.flight; h.flying && f.pilot == a.pilot && f.began == a.began {
		f.verdict, f.stack = true, a.stack
		w.sentence(h)
	}
}

// sentence ends a room whose game does not come back. It tries again while the pilot is not inside of the game.
func (w *worker) sentence(h *hosted) {
	f := &h.flight
	took := time.Duration(w.now - f.began)
	if !h.room.Abandon(took, f.stack) {
		return
	}
	w.host.stats.StepsAbandoned.Add(1)
	f.pilot.desert(h)
	if h.pilot == f.pilot {
		h.pilot = nil
	}
	w.back(h)
	if w.stop { // its journal has the room as it was before this tick
		w.host.cfg.Log.Error().Str("room", h.Room).Str("game", h.Game).Dur("for", took).Bytes("stack", f.stack).Msg("room not written down: its game does not come back")
		w.part(h)
	} else {
		w.finish(h)
	}
	w.leaveLimbo(h)
	w.showDetached(h)
}

// giveUpAll is for a worker that must end now.
func (w *worker) giveUpAll() {
	for _, h := range w.flying {
		h.room.Abandon(0, nil)
		h.flight.pilot.desert(h)
		w.ground(h)   // if it comes back it ends
		h.stays = nil // what a line would say of them is the pilot's
		for i := range h.limbo.arrivals {
			w.dropArrival(&h.limbo.arrivals[i])
		}
		h.limbo = limbo{}
	}
	w.flying = nil
}

// tick makes one tick and does what it left to be done, except writing. If it is taken away meanwhile this goroutine ends.
func (w *worker) tick(h *hosted) {
	p, began := w.pilot, w.host.now()
	w.subject.Store(h)
	w.stepping.Store(began)
	w.flights++
	p.flight, p.inside = w.flights, h
	w.flight.Store(p.flight)
	p.tick(h, began)
	p.inside = nil
	if !w.flight.CompareAndSwap(p.flight, 0) {
		h.took = p.host.now() - began
		p.land(h)
		runtime.Goexit() // the worker is another's
	}
	w.stepping.Store(0)
	ended := w.host.now()
	h.until = ended
	w.judge(h, ended-began, false)
	w.measure(h, ended, ended-began)
	w.ticked(h)
}

// measure counts how long a tick took, and the game's part of it.
func (w *worker) measure(h *hosted, ended, took int64) {
	w.n.tickNS += uint64(took)
	spent := h.gate.Spent()
	w.n.stepNS += uint64(spent - h.spent)
	h.spent = spent
	h.meter.step(ended, took)
}

// ticked does what a tick left to be done, except writing.
func (w *worker) ticked(h *hosted) {
	if h.journal != nil {
		h.keep(h.room)
	}
	for _, o := range h.room.Outcomes() {
		c := w.table.find(o.Conn)
		switch {
		case c == nil && o.Session != nil:
			h.room.Lost(o.Session, o.Conn)
		case c == nil:
		case o.Session == nil:
			w.closeConn(c, o.Code, o.Text)
		default:
			w.bind(c, o.Session)
		}
	}
	for _, o := range h.room.Closings() {
		if c := w.table.find(o.Conn); c != nil {
			w.closeAfter(c, o)
		}
	}
	for _, n := range h.room.Notices() {
		if n.Kind == engine.NoticeSeatFree {
			w.sayEnded(h, n.Seat)
		}
		w.host.clerk.add(notice{room: h, engine: n})
	}
	w.startCalls(h)
}

// maxLimbo is how many connections wait for a room in flight; beyond it they are told to come again.
const maxLimbo = 128

// A limbo is what waits for a room to land.
type limbo struct {
	arrivals []arrival    // at most maxLimbo
	errands  []errand     // at most maxAsks, and one to drop
	results  []callResult // at most two for each of room.MaxCalls
}

// leaveLimbo does what has waited. The room is the worker's again, or over.
func (w *worker) leaveLimbo(h *hosted) {
	l := h.limbo
	h.limbo = limbo{}
	w.takeResults(l.results)
	for i := range l.arrivals {
		w.receive(&l.arrivals[i])
	}
	for i := range l.errands {
		w.do(&l.errands[i])
	}
}

// wait keeps an errand for a room that is in flight.
func (w *worker) wait(h *hosted, e *errand) {
	if e.ask != nil && len(h.limbo.errands) >= maxAsks {
		e.ask(w, h, ErrHung)
		return
	}
	h.limbo.errands = append(h.limbo.errands, *e)
}

// waitIn keeps a connection for a room that is in flight.
func (w *worker) waitIn(h *hosted, a *arrival) {
	if len(h.limbo.arrivals) < maxLimbo {
		h.limbo.arrivals = append(h.limbo.arrivals, *a)
		return
	}
	c := w.connect(a)
	w.turnAway(c, wire.CloseDraining, "too many want to come in: come again")
}

// dropArrival closes a connection that no table knows yet.
func (w *worker) dropArrival(a *arrival) {
	a.link.close()
	w.host.stats.closed(lostCode)
	w.host.stats.Connections.Add(-1)
}
