package engine

import (
	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A Sink takes the messages of one session, in order. Each message is the three parts one after another; the parts belong to
// the room and are valid during the call only.
type Sink interface {
	Message(head, shared, private []byte)
}

// maxBody is how large a state frame may be behind its head.
const maxBody = wire.MaxServerMessage - 64

// A body is the difference from one base to the newest view, encoded once for all sessions that stand on that base.
type body struct {
	epoch, tick uint32 // of the base; 0: a snapshot's
	bytes       []byte
	elements    int
}

// Flush hands the sink everything the session's connection must be sent now: what has happened since its last Flush and the
// newest state. A host that cannot write to the connection skips the Flush; nothing but states is lost by that.
func (r *Room) Flush(s *Session, sink Sink) {
	if s.welcome != nil {
		r.flushWelcome(s, sink)
	}
	if r.cfg.Gate.IsShut() { // players and private views are the game's to write
		s.outbox.flush(sink)
	} else {
		r.flushRoster(s, sink)
		s.outbox.flush(sink)
		r.flushState(s, sink)
		r.flushPongs(s, sink)
	}
	if r.ended != nil && !s.saidEnd {
		s.saidEnd = true
		e := wire.End{Code: uint32(r.ended.Code), Reason: r.ended.Reason, Result: r.ended.Result}
		r.scratch = wire.AppendEnd(r.scratch[:0], e)
		sink.Message(r.scratch, nil, nil)
	}
}

// FlushEvents hands the sink what a session that is being closed has not been told: its last events and replies, no state.
func (r *Room) FlushEvents(s *Session, sink Sink) {
	if s.greeted {
		s.outbox.flush(sink)
	}
}

func (r *Room) flushWelcome(s *Session, sink Sink) {
	def := &r.prog.Def
	w := wire.Welcome{
		Version: wire.Version, Session: s.id, Key: FormatKey(r.cfg.ID, s.id, s.welcome.secret), Room: r.cfg.ID,
		Slot: uint32(s.player.Slot), Role: uint32(s.player.Role), Epoch: r.epoch, Tick: r.tick,
		InSeq: s.welcome.inSeq, MsgRef: s.welcome.msgRef, Resumed: s.welcome.resumed,
		TickHz: uint32(def.TickHz), SendHz: uint32(def.SendHz), ClockUS: r.clockUS, SchemaHash: r.prog.SchemaHash,
		Limits: wire.Limits{
			MaxMessageBytes: wire.MaxClientMessage, MaxFramesPerSecond: frameRate, InputQueue: room.InputQueue,
			GraceMS: uint32(def.Grace.Milliseconds()), PingTimeoutMS: PingTimeoutSeconds * 1000,
		},
		URLs: r.cfg.URLs,
	}
	if s.welcome.schemaHash != r.prog.SchemaHash {
		w.Schema = r.prog.SchemaJSON
	}
	if s.welcome.ackEach {
		w.AckRule = wire.AckEveryState
	}
	s.welcome, s.greeted = nil, true
	r.scratch = wire.AppendWelcome(r.scratch[:0], &w)
	sink.Message(r.scratch, nil, nil)
}

func (r *Room) flushPongs(s *Session, sink Sink) {
	for _, us := range s.pongs {
		r.scratch = wire.AppendPong(r.scratch[:0], wire.Pong{ClientUS: us, ClockUS: r.clockUS, Tick: r.tick})
		sink.Message(r.scratch, nil, nil)
	}
	s.pongs = s.pongs[:0]
}

// flushState sends the newest view as the difference from what the session holds.
func (r *Room) flushState(s *Session, sink Sink) {
	cur := r.history.Newest()
	if cur == nil || s.sentTick == cur.Tick && s.sentEpoch == cur.Epoch {
		return
	}
	base := r.baseOf(s)
	shared := r.body(base, cur)
	fresh := base == nil || s.explicit
	private, privElements := r.private(s, fresh)
	elements := shared.elements + privElements
	if len(shared.bytes)+len(private) > maxBody {
		r.end(wire.CloseFault, "the game shows more than a frame can hold", nil)
		return
	}
	if !fresh && elements == 0 && r.quiet(s, cur) {
		s.baseTick, s.baseView = cur.Tick, r.views
		return
	}
	switch {
	case base == nil:
		r.scratch = wire.AppendSnapshotHead(r.scratch[:0], elements, cur.Epoch, cur.Tick, s.shown)
	case s.explicit:
		r.scratch = wire.AppendDeltaBHead(r.scratch[:0], elements, cur.Epoch, cur.Tick, s.sentEpoch, s.sentTick, s.shown, wire.FlagPrivateFresh)
	default:
		r.scratch = wire.AppendDeltaHead(r.scratch[:0], elements, cur.Tick-s.sentTick, s.shown-s.sentSeq)
	}
	sink.Message(r.scratch, shared.bytes, private)
	r.stateBytes = len(shared.bytes) + len(private)
	r.sent(s, cur)
	r.flushHash(s, cur, sink)
}

// baseOf is the view the session stands on; nil asks for a snapshot. A DELTA is only for a state of this epoch: the ticks of
// a session that resumed from an earlier one are named.
func (r *Room) baseOf(s *Session) *view.Frame {
	if s.sentTick == 0 {
		return nil
	}
	return r.history.Find(s.sentEpoch, s.baseTick)
}

// quiet reports whether the session need not hear that nothing changed.
func (r *Room) quiet(s *Session, cur *view.Frame) bool {
	if !r.prog.Def.Quiet || s.shown != s.sentSeq || cur.Epoch != s.sentEpoch {
		return false
	}
	if r.sleep.on {
		return !r.sleep.keep // one tick a second is for all sessions
	}
	return cur.Tick-s.sentTick < keepAliveSeconds*uint32(r.TickHz())
}

// body encodes the shared part, once per base.
func (r *Room) body(base, cur *view.Frame) *body {
	epoch, tick := uint32(0), uint32(0)
	if base != nil {
		epoch, tick = base.Epoch, base.Tick
	}
	for i := range r.bodies {
		if b := &r.bodies[i]; b.tick == tick && b.epoch == epoch {
			return b
		}
	}
	n := len(r.bodies)
	if n < cap(r.bodies) {
		r.bodies = r.bodies[:n+1] // keep the memory of an earlier tick's body
	} else {
		r.bodies = append(r.bodies, body{})
	}
	b := &r.bodies[n]
	b.epoch, b.tick = epoch, tick
	b.bytes, b.elements = view.AppendDelta(b.bytes[:0], base, r.planted(base, cur), 0)
	return b
}

// private encodes the player's own part; fresh is against nothing.
func (r *Room) private(s *Session, fresh bool) (bytes []byte, elements int) {
	cur := r.driver.Private(s.player.Slot)
	if cur == nil {
		return nil, 0
	}
	base := s.priv
	if fresh {
		base = nil
	}
	r.privScratch, elements = view.AppendDelta(r.privScratch[:0], base, cur, r.prog.Layout.Kinds())
	return r.privScratch, elements
}

// sent notes that the session now holds cur.
func (r *Room) sent(s *Session, cur *view.Frame) {
	if s.sentTick != 0 && !s.explicit {
		s.skipped += r.views - s.baseView - 1
	}
	s.states++
	s.sentEpoch, s.sentTick, s.baseTick, s.sentSeq, s.explicit = cur.Epoch, cur.Tick, cur.Tick, s.shown, false
	s.baseView = r.views
	if p := r.driver.Private(s.player.Slot); p != nil {
		if s.priv == nil {
			s.priv = r.prog.Layout.NewFrame()
		}
		s.priv.CopyFrom(p)
	}
	if cur.Tick != s.markedTick { // an acknowledgement of a state that was sent before may be under way
		s.outbox.mark(cur.Tick)
		s.markedTick = cur.Tick
	}
}

// flushHash sends, every two seconds, the hash of what the session must now hold.
func (r *Room) flushHash(s *Session, cur *view.Frame, sink Sink) {
	if cur.Tick < s.nextHash {
		return
	}
	s.nextHash = cur.Tick + hashEverySeconds*uint32(r.TickHz())
	if r.hashTick != cur.Tick {
		r.hashTick, r.sharedHash = cur.Tick, wire.WordHash{}
		cur.HashInto(&r.sharedHash, 0)
	}
	h := r.sharedHash
	if p := r.driver.Private(s.player.Slot); p != nil {
		p.HashInto(&h, r.prog.Layout.Kinds())
	}
	r.scratch = wire.AppendHash(r.scratch[:0], wire.Hash{Tick: cur.Tick, Hash: h.Sum()})
	sink.Message(r.scratch, nil, nil)
}
