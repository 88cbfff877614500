package host

import (
	"slices"

	"github.com/ringside-server/ringside/internal/wire"
)

// A slot is one sequence of ticks of a worker, the rooms that tick on it and their sockets. It sleeps while none of its rooms
// is awake and no connection is left.
type slot struct {
	cadence
	awake   bool
	rooms   []*hosted
	conns   int     // watched by poll
	closing []*conn // told why; until they are gone
	poll    poller

	load           int64 // what its rooms weigh
	wakes, overran int   // since the last look: all, and those that took longer than a grid step
	over           int   // looks in a row that found it running over
}

// rouse makes a sleeping slot tick from its next time on.
func (s *slot) rouse(now int64) {
	if !s.awake {
		s.awake = true
		s.sync(now)
	}
}

// anySlot is for connections that have no room any more.
func (w *worker) anySlot() *slot {
	if len(w.slots) > 0 {
		return w.slots[0]
	}
	return w.cheapest(20)
}

// runSlot is one wake: read, then for each room tick and write.
func (w *worker) runSlot(s *slot, now int64) {
	w.now, w.clock = now, now
	late := now - s.due()
	ticks, missed := s.take(now)
	w.at = place{slot: s, ticks: ticks, missed: missed, late: late, cause: w.causeAt(now - late)}
	if s.conns > 0 {
		w.readSlot(s)
		w.clock = w.host.now()
		w.at.reading = (w.clock - now) / int64(max(s.conns, 1))
	}
	w.runRooms()
}

// runRooms runs the rest of a slot's rooms. A tick in it may be taken away from this goroutine, and another one then calls it to
// go on: where it is stands in w.at, and nothing else is half done.
func (w *worker) runRooms() {
	at := &w.at
	for at.next < len(at.slot.rooms) {
		h := at.slot.rooms[at.next]
		at.next, at.made = at.next+1, 0
		switch {
		case h.flying:
			h.flight.fallDue(at, w.now)
		case w.now-at.late < h.notBefore: // it has just come from another slot
		case h.awake() && !w.stop:
			w.runRoom(h, at.ticks, at.missed, at.late, h.causeOf(w.now-at.late, at.cause))
		}
	}
	s, awake := at.slot, false
	s.wakes++
	if w.clock-w.now > int64(w.host.cfg.balance.burst) {
		s.overran++
	}
	s.rooms = slices.DeleteFunc(s.rooms, func(h *hosted) bool { return h.over })
	for _, h := range s.rooms {
		awake = awake || h.awake()
	}
	w.sweep(s)
	s.awake = awake || s.conns > 0
}

// runRoom makes a room's ticks and writes to its players; those of a room that is slow are made by its pilot.
func (w *worker) runRoom(h *hosted, ticks, missed int, late int64, why cause) {
	h.due = w.now - late
	h.cost.spent += w.at.reading * int64(len(h.conns))
	for w.at.made < ticks {
		if !w.mayRun(h) {
			h.room.Missed(ticks + missed)
			return
		}
		w.at.made++
		if h.slow() {
			w.launch(h, flight{ticks: w.at.made, missed: missed, late: late, cause: why, owed: ticks - w.at.made, owedAt: w.now})
			return
		}
		w.tick(h)
		if h.room.Ended() != nil {
			break
		}
	}
	w.ran(h, ticks, missed, late, why)
}

// mayRun asks the gate.
func (w *worker) mayRun(h *hosted) bool {
	gate := w.host.cfg.Gate
	h.frozen = gate != nil && !gate.MayRun(h.Room, h.Epoch)
	return !h.frozen
}

// ran counts a room's ticks and writes to its players.
func (w *worker) ran(h *hosted, ticks, missed int, late int64, why cause) {
	if missed > 0 {
		h.room.Missed(missed)
	}
	w.n.ticks += uint64(ticks)
	if late > gridStep {
		w.n.ticksLate += uint64(ticks)
	}
	w.n.ticksLate += uint64(missed)
	w.host.stats.Late[why].observe(late, uint64(ticks))
	h.observe()
	if h.room.Ended() != nil {
		w.finish(h)
		w.charge(h)
		return
	}
	before := w.n
	for _, c := range h.conns {
		w.touched += c.touch()
	}
	for i := len(h.conns) - 1; i >= 0; i-- { // backwards: a connection that is lost is replaced by the last
		if c := h.conns[i]; c.state == live {
			w.flush(h, c)
		}
	}
	w.sendBatch()
	h.traffic.bytesSent += w.n.bytesSent - before.bytesSent
	h.traffic.framesSent += w.n.framesSent - before.framesSent
	h.meter.wake(w.now, late, ticks, missed, &h.traffic)
	if !h.awake() {
		h.idle = w.now
	}
	w.charge(h)
}

// finish ends a room whose engine has ended: END and a close frame to everybody.
func (w *worker) finish(h *hosted) {
	end := h.room.Ended()
	for i := len(h.conns) - 1; i >= 0; i-- {
		c := h.conns[i]
		if c.state != live {
			w.closeConn(c, end.Code, end.Reason)
			continue
		}
		w.out = w.out[:0]
		if !w.tryFlush(h, c) {
			w.out = w.out[:0]
			w.sink.Message(wire.AppendEnd(nil, wire.End{Code: uint32(end.Code), Reason: end.Reason, Result: end.Result}), nil, nil)
		}
		w.leave(c)
		w.sendLast(c, end.Code, end.Reason)
	}
	w.host.roomEnded(h, end)
	w.retire(h)
}

// tryFlush flushes a session of a room whose game failed: what it was about to show may be in pieces.
func (w *worker) tryFlush(h *hosted, c *conn) (ok bool) {
	defer func() { ok = recover() == nil }()
	h.room.Flush(c.session, &w.sink)
	return
}

// dismiss closes all connections of a room.
func (w *worker) dismiss(h *hosted, code wire.CloseCode, text string) {
	for i := len(h.conns) - 1; i >= 0; i-- {
		w.closeConn(h.conns[i], code, text)
	}
}

// retire takes a room out of the worker; its slot drops it after the present wake.
func (w *worker) retire(h *hosted) {
	h.over = true
	w.ground(h)
	w.showDetached(h)
	h.cancel()
	w.sayAllEnded(h)
	if i := slices.Index(w.adopted, h); i >= 0 {
		w.adopted = slices.Delete(w.adopted, i, i+1)
	}
	w.delist(h.cost.weight)
	h.slot.load -= h.cost.weight
	h.slot.rouse(w.now)
}

// sweep gives up on connections that have been told why for long enough.
func (w *worker) sweep(s *slot) {
	for i := len(s.closing) - 1; i >= 0; i-- {
		c := s.closing[i]
		if w.now >= c.until {
			w.forget(c, 0)
			continue
		}
		w.finishSending(c)
	}
}
