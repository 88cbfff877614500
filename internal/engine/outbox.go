package engine

import (
	"slices"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// How many bytes of events a session may leave unacknowledged. Beyond maxOutbox its connection is closed with 4100, and it
// may resume: what it acknowledges then is forgotten. While it is away events go on, up to maxAwayOutbox; beyond that its seat
// is given up.
const (
	maxOutbox     = 64 << 10
	maxAwayOutbox = 512 << 10
	settleSeconds = 5 // a connection that came back has to read and acknowledge what it missed
)

// An outbox holds a session's EVENT and REPLY frames, encoded, from when they happen to when they are acknowledged. A frame
// counts as acknowledged when a state frame sent after it is.
type outbox struct {
	seq     uint32  // of the newest
	entries []entry // unacknowledged, oldest first
	buf     []byte  // their frames, one after another
	sent    int     // of entries, on this connection
	marked  int     // of those sent, how many have a tick
}

type entry struct {
	seq  uint32
	tick uint32 // of the first state frame sent after it; 0: none yet
	size int
}

func (o *outbox) full(limit int) bool { return len(o.buf) > limit }

func (o *outbox) event(tick uint32, id int, payload []byte) {
	o.seq++
	o.push(wire.AppendEvent(o.buf, wire.Event{Seq: o.seq, Tick: tick, ID: uint32(id), Payload: payload}))
}

func (o *outbox) reply(ref, code uint32, text string) {
	o.seq++
	o.push(wire.AppendReply(o.buf, wire.Reply{Seq: o.seq, Ref: ref, Code: code, Payload: []byte(text)}))
}

// push takes over the buffer with one frame more, that of the newest number.
func (o *outbox) push(buf []byte) {
	o.entries = append(o.entries, entry{seq: o.seq, size: len(buf) - len(o.buf)})
	o.buf = buf
}

// rewind makes everything unsent: the connection is a new one.
func (o *outbox) rewind() {
	o.sent, o.marked = 0, 0
	for i := range o.entries {
		o.entries[i].tick = 0
	}
}

// ack forgets everything up to seq.
func (o *outbox) ack(seq uint32) {
	n := 0
	for n < len(o.entries) && o.entries[n].seq <= seq {
		n++
	}
	o.forget(n)
}

// ackTick forgets everything that was sent before the state frame of tick.
func (o *outbox) ackTick(tick uint32) {
	n := 0
	for n < o.marked && o.entries[n].tick <= tick {
		n++
	}
	o.forget(n)
}

func (o *outbox) forget(n int) {
	if n == 0 {
		return
	}
	size := 0
	for _, e := range o.entries[:n] {
		size += e.size
	}
	o.buf = slices.Delete(o.buf, 0, size)
	o.entries = slices.Delete(o.entries, 0, n)
	o.sent, o.marked = max(o.sent-n, 0), max(o.marked-n, 0)
}

// flush sends what this connection has not been sent.
func (o *outbox) flush(sink Sink) {
	if o.sent == len(o.entries) {
		return
	}
	off := 0
	for i, e := range o.entries {
		if i >= o.sent {
			sink.Message(o.buf[off:off+e.size], nil, nil)
		}
		off += e.size
	}
	o.sent = len(o.entries)
}

// mark says that a state frame of tick went out after everything sent so far.
func (o *outbox) mark(tick uint32) {
	for ; o.marked < o.sent; o.marked++ {
		o.entries[o.marked].tick = tick
	}
}

// sendEvent puts an event into the outboxes it is for.
func (r *Room) sendEvent(e room.Effect) {
	for _, s := range r.sessions {
		if e.Slot == room.EverySlot || e.Slot == s.player.Slot {
			s.outbox.event(r.tick, e.ID, e.Payload)
		}
	}
}
