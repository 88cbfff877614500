package engine

import (
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A record is one tick's part of the journal, a run of msgpack objects:
//
//	tick  op…  opStep  op…  opEnd
//
// The ops before opStep happen before Step, those behind it after. It holds decisions, not circumstances: which inputs a Step
// sees, that a session was lost; never what time it was.
const (
	opEnd     = iota
	opStep    // -
	opJoin    // conn, seat, slot, player id, name, team, role, token digest, key digest
	opResume  // conn, session, digest of the key it came with (zero: a token), digest of the next key
	opLost    // session, code (0: the socket was gone)
	opLeave   // session, reason, code, text
	opInput   // session, newest seq, count, values…
	opMessage // session, ref, id, code, payload
	opSpent   // session: what its connection came with opens it no more
	opEpoch   // epoch: the room has another owner
	opCall    // id, status, result or text
	opClose   // code, reason: ended from outside; there is no Step
)

func appendJoin(dst []byte, j *Join) []byte {
	token, key := digestOf([]byte(j.Token)), digestOf(j.NewSecret[:])
	dst = append(dst, opJoin)
	dst = wire.AppendUint(dst, j.Conn)
	dst = wire.AppendUint(dst, j.Seat.ID)
	dst = wire.AppendInt(dst, int64(j.Seat.Slot))
	dst = wire.AppendString(dst, j.Seat.PlayerID)
	dst = wire.AppendString(dst, j.Seat.Name)
	dst = wire.AppendInt(dst, int64(j.Seat.Team))
	dst = wire.AppendUint(dst, uint64(j.Seat.Role))
	dst = wire.AppendBytes(dst, token[:])
	return wire.AppendBytes(dst, key[:])
}

func appendResume(dst []byte, s *Session, j *Join) []byte {
	var used digest
	if j.Resuming {
		used = digestOf(j.Secret[:])
	}
	key := digestOf(j.NewSecret[:])
	dst = append(dst, opResume)
	dst = wire.AppendUint(dst, j.Conn)
	dst = wire.AppendUint(dst, uint64(s.id))
	dst = wire.AppendBytes(dst, used[:])
	return wire.AppendBytes(dst, key[:])
}

func appendSessionOp(dst []byte, op byte, s *Session, args ...uint64) []byte {
	dst = append(dst, op)
	dst = wire.AppendUint(dst, uint64(s.id))
	for _, a := range args {
		dst = wire.AppendUint(dst, a)
	}
	return dst
}

func appendLeave(dst []byte, s *Session) []byte {
	dst = appendSessionOp(dst, opLeave, s, uint64(s.why), uint64(s.farewell))
	return wire.AppendString(dst, s.lastWord)
}

// gather decides what this tick does with all that arrived, and writes it down.
func (r *Room) gather(dst []byte) []byte {
	dst = wire.AppendUint(dst, uint64(r.tick+1))
	if r.crowned {
		r.crowned = false
		dst = wire.AppendUint(append(dst, opEpoch), uint64(r.epoch))
	}
	for _, s := range r.sessions {
		if s.arrived && s.unspent() {
			dst = appendSessionOp(dst, opSpent, s)
		}
		dst = r.gatherFate(dst, s)
	}
	dst = r.gatherJoins(dst)
	dst = r.gatherCalls(dst)
	for _, s := range r.sessions {
		if !s.leaving {
			dst = r.gatherMessages(dst, s)
			dst = r.gatherInputs(dst, s)
		}
	}
	dst = append(dst, opStep)
	for _, s := range r.sessions {
		if !s.leaving {
			dst = r.gatherMessages(dst, s)
		}
	}
	return append(dst, opEnd)
}

// gatherFate decides whether a session goes or its connection is given up.
func (r *Room) gatherFate(dst []byte, s *Session) []byte {
	silent := r.tick - s.heard
	switch {
	case s.leaving:
		return appendLeave(dst, s)
	case !s.attached && (r.tick >= s.deadline || s.outbox.full(maxAwayOutbox)):
		s.leaveFor(room.ReasonTimeout, 0, "")
		return appendLeave(dst, s)
	case !s.attached:
		return dst
	case s.lost || s.conn == 0:
		return appendSessionOp(dst, opLost, s, 0)
	case s.outbox.full(maxOutbox) && r.tick-s.since > settleSeconds*uint32(r.TickHz()), s.outbox.full(maxAwayOutbox):
		return appendSessionOp(dst, opLost, s, uint64(wire.CloseSlow))
	case silent > PingTimeoutSeconds*uint32(r.TickHz()):
		if !s.spoke {
			return appendSessionOp(dst, opLost, s, uint64(wire.CloseSilent))
		}
		return appendSessionOp(dst, opLost, s, uint64(wire.ClosePingTimeout))
	}
	return dst
}

// applyOps executes ops up to the next opStep or opEnd. A record is our own: one that makes no sense is a fault.
func (r *Room) applyOps(in *wire.Reader) {
	for {
		switch op := in.Int(); op {
		case opStep, opEnd:
			if in.Err() != nil {
				panic("engine: a journal record ends too early")
			}
			return
		case opJoin:
			r.applyJoinOp(in)
		case opResume:
			conn, s := in.Uint64(), r.session(in)
			if used := readDigest(in); used != (digest{}) {
				s.used = used
			}
			s.key = readDigest(in)
			r.attach(s, conn)
		case opSpent:
			s := r.session(in)
			s.used, s.joinedBy = digest{}, digest{}
		case opLost:
			s, code := r.session(in), wire.CloseCode(in.Uint32())
			r.close(s, code, "")
			r.detach(s)
		case opLeave:
			s, why, code := r.session(in), room.Reason(in.Uint32()), wire.CloseCode(in.Uint32())
			r.close(s, code, string(in.String(wire.MaxText)))
			r.leave(s, why)
		case opEpoch:
			r.epoch = in.Uint32()
		case opCall:
			r.applyCall(in)
		case opClose:
			code := wire.CloseCode(in.Uint32())
			r.end(code, string(in.String(wire.MaxText)), nil)
		case opInput:
			r.applyInput(in)
		case opMessage:
			r.applyMessage(in)
		default:
			panic("engine: a journal record holds an unknown op")
		}
	}
}

func (r *Room) applyJoinOp(in *wire.Reader) {
	conn := in.Uint64()
	seat := Seat{ID: in.Uint64(), Slot: int(in.Int32())}
	seat.PlayerID, seat.Name = string(in.String(maxName)), string(in.String(maxName))
	seat.Team, seat.Role = int(in.Int32()), room.Role(in.Uint32())
	if seat.Slot < 0 || seat.Slot >= maxSlots {
		panic("engine: a journal record names a slot that no room has")
	}
	r.applyJoin(conn, seat, readDigest(in), readDigest(in))
}

const maxName = 256 // bytes of a player's id or name in a record

func (r *Room) session(in *wire.Reader) *Session {
	s := r.byID[in.Uint32()]
	if s == nil {
		panic("engine: a journal record names an unknown session")
	}
	return s
}

func readDigest(in *wire.Reader) (d digest) {
	copy(d[:], in.Bytes(len(d)))
	return d
}
