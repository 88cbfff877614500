package engine

import (
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// What a client may send.
const (
	frameRate  = 240 // frames a second
	frameBurst = 240
	maxPongs   = 4 // answers that wait for a tick; more PINGs than that are not answered
)

// Receive takes one frame of a session's connection. It returns the code with which the connection must be closed, 0 if
// all is well. What the frame asks for happens at the next tick. The bytes are not kept.
func (r *Room) Receive(s *Session, frame []byte) wire.CloseCode {
	code := r.receive(s, frame)
	if code != 0 {
		s.closed = code
	}
	return code
}

func (r *Room) receive(s *Session, frame []byte) wire.CloseCode {
	s.hear(r.tick)
	if !s.spend(r.tick, r.TickHz()) {
		return wire.CloseRate
	}
	if s.unspent() && s.arrived {
		r.Wake() // the journal must know
	}
	t, err := wire.PeekType(frame)
	if err != nil {
		return wire.CloseMalformed
	}
	switch t {
	case wire.TypeInput:
		if r.width == 0 {
			return wire.CloseUnexpected
		}
		return r.receiveInput(s, frame)
	case wire.TypeAck:
		a, err := wire.ParseAck(frame)
		s.acknowledge(a.Tick)
		s.outbox.ack(a.EventSeq)
		return malformed(err)
	case wire.TypePing:
		p, err := wire.ParsePing(frame)
		if err == nil && len(s.pongs) < maxPongs {
			s.pongs = append(s.pongs, p.ClientUS)
		}
		return malformed(err)
	case wire.TypeMsg:
		m, err := wire.ParseMsg(frame)
		if err == nil {
			s.receiveMessage(m)
			r.Wake()
		}
		return malformed(err)
	case wire.TypeLeave:
		if _, err := wire.ParseLeave(frame); err != nil {
			return wire.CloseMalformed
		}
		s.leaveFor(room.ReasonLeft, wire.CloseLeft, "")
		r.Wake()
		return 0
	case wire.TypeResync:
		_, err := wire.ParseResync(frame)
		if err == nil && (s.resyncTick == 0 || r.tick-s.resyncTick >= uint32(r.TickHz())) {
			s.resyncTick, s.sentTick = r.tick, 0
		}
		return malformed(err)
	}
	if t < 64 {
		return wire.CloseUnexpected
	}
	return 0
}

func malformed(err error) wire.CloseCode {
	if err != nil {
		return wire.CloseMalformed
	}
	return 0
}

// Control takes a ping or a pong of the socket's own. It counts against the rate of frames and as nothing else: whoever sends
// only those has not been heard. The code is as Receive's.
func (r *Room) Control(s *Session) wire.CloseCode {
	if s.spend(r.tick, r.TickHz()) {
		return 0
	}
	s.closed = wire.CloseRate
	return wire.CloseRate
}

// hear notes that a frame came. The first one after WELCOME spends the credential: one that was sent without waiting for it says
// nothing of whether it arrived.
func (s *Session) hear(tick uint32) {
	s.heard = tick
	s.spoke = true
	s.arrived = s.arrived || s.welcome == nil
}

// spend counts one frame, and reports whether it is within the rate.
func (s *Session) spend(tick uint32, tickHz int) bool {
	s.frames = min(s.frames+float32(tick-s.counted)*frameRate/float32(tickHz), frameBurst)
	s.counted = tick
	if s.frames >= 1 {
		s.frames--
		return true
	}
	s.allowed--
	return s.allowed >= 0
}

// Missed tells the room that it did not tick for so many ticks: a stall of the node, not of its players, whose frames have
// piled up and are not held against them.
func (r *Room) Missed(ticks int) {
	more := float32(ticks) * frameRate / float32(r.TickHz())
	for _, s := range r.sessions {
		s.allowed = min(max(s.allowed, 0)+more, maxAllowed)
	}
}

const maxAllowed = 60 * frameRate // frames of a stall that are allowed for: a minute's worth

func (s *Session) acknowledge(tick uint32) {
	if tick > s.acked && tick <= s.sentTick {
		s.acked = tick
		s.outbox.ackTick(tick)
	}
}

// receiveInput queues the inputs of a frame that have not been seen before.
func (r *Room) receiveInput(s *Session, frame []byte) wire.CloseCode {
	in, err := wire.ParseInput(frame)
	if err != nil || in.N == 0 || in.N%r.width != 0 || in.N/r.width > wire.MaxInputsPerFrame {
		return wire.CloseMalformed
	}
	count := uint32(in.N / r.width)
	if in.Seq < count {
		return wire.CloseMalformed
	}
	s.acknowledge(in.Ack)
	r.Wake()
	var vals [32]int32
	for seq := in.Seq - count + 1; ; seq++ {
		for k := range r.width {
			vals[k] = in.Values.Int32()
		}
		if in.Values.Err() != nil {
			return wire.CloseMalformed
		}
		if seq > s.lastSeq {
			s.lastSeq = seq
			s.dropped += uint32(s.queue.pushInput(seq, vals[:r.width]))
		}
		if seq == in.Seq {
			return 0
		}
	}
}

// receiveMessage queues a message that has not been seen before. One too many is queued without its payload, so that it is
// answered in its place.
func (s *Session) receiveMessage(m wire.Msg) {
	if m.Ref <= s.lastRef {
		return
	}
	s.lastRef = m.Ref
	it := item{message: true, seq: m.Ref, id: m.ID}
	if s.queue.msgs >= messageQueue {
		it.code = wire.ReplyTooMany
	} else {
		it.payload = append([]byte(nil), m.Payload...)
	}
	s.queue.items = append(s.queue.items, it)
	s.queue.msgs++
}
