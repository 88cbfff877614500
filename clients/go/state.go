package client

import (
	"math"
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// How many states are kept: the newest and the one before; after a resume as many as the server's history, any of which
// may be the base of a DELTAB.
const (
	keepFew  = 2
	keepMany = view.HistoryLen
)

// The stateSide is the run of newest states. A frame is decoded into the oldest one's memory, so that nothing is copied or
// allocated once both frames have grown.
type stateSide struct {
	frames   []*Frame // oldest first, at most depth; the newest is last
	spare    *Frame   // decoded into next
	layout   *view.Layout
	depth    int
	interval uint32 // ticks between two states when nothing is left out

	// Of the present socket.
	based      bool // the last state frame sent on it is the newest state: a DELTA applies
	inSeq      uint32
	lastResync time.Duration
	asked      bool // for a snapshot, at lastResync
}

func (s *stateSide) cur() *Frame {
	if len(s.frames) == 0 {
		return nil
	}
	return s.frames[len(s.frames)-1]
}

func (s *stateSide) prev() *Frame {
	if len(s.frames) < 2 {
		return nil
	}
	return s.frames[len(s.frames)-2]
}

func (s *stateSide) tick() uint32 {
	if f := s.cur(); f != nil {
		return f.Tick
	}
	return 0
}

// forget drops all states: they are of another session, another game or a past that did not happen.
func (s *stateSide) forget(g *Game) {
	s.frames, s.based, s.depth = s.frames[:0], false, keepFew
	if s.layout != g.layout {
		s.layout, s.spare = g.layout, nil
		s.frames = nil
	}
}

// keepMany is called when a HELLO names the newest state: the answer may stand on it after others have come.
func (s *stateSide) keepMany() { s.depth = keepMany }

// keepFew goes back to two states.
func (s *stateSide) keepFew() {
	s.depth = keepFew
	if n := len(s.frames); n > keepFew {
		s.frames = append([]*Frame(nil), s.frames[n-keepFew:]...)
	}
}

// next is a frame to decode into.
func (s *stateSide) next() *Frame {
	if s.spare == nil {
		s.spare = s.layout.NewClientFrame()
	}
	return s.spare
}

// push makes the frame of the last next the newest.
func (s *stateSide) push() {
	f := s.spare
	s.spare = nil
	if n := len(s.frames); n >= s.depth {
		s.spare = s.frames[0]
		copy(s.frames, s.frames[1:])
		s.frames = s.frames[:n-1]
	}
	s.frames = append(s.frames, f)
}

func (s *stateSide) find(epoch, tick uint32) *Frame {
	for i := len(s.frames) - 1; i >= 0; i-- {
		if f := s.frames[i]; f.Tick == tick && f.Epoch == epoch {
			return f
		}
	}
	return nil
}

// Cur is the newest state, nil before the first.
func (c *Core) Cur() *Frame { return c.state.cur() }

// Prev is the state before the newest, nil if there is none.
func (c *Core) Prev() *Frame { return c.state.prev() }

// receiveState applies a state frame. A frame that does not apply is no fault of the connection: the client asks for a
// snapshot and lets deltas pass until it comes.
func (c *Core) receiveState(now time.Duration, msg []byte) {
	s := &c.state
	st, err := wire.ParseStateHead(msg)
	if err != nil {
		c.undecodable(now)
		return
	}
	base, ok := s.resolve(&st, c.session.epoch)
	if !ok {
		if !s.asked { // deltas that pass while a snapshot is on its way are no news
			c.stats.DecodeErrors++
		}
		s.based = false
		c.resync(now, wire.ResyncUndecodable)
		return
	}
	f := s.next()
	fresh := st.Type == wire.TypeDeltaB && st.Flags&wire.FlagPrivateFresh != 0
	if err := view.Decode(f, base, &st.Body, st.Elements, fresh); err != nil || st.Body.Len() > 0 {
		c.undecodable(now)
		return
	}
	f.Epoch, f.Tick = st.Epoch, st.Tick
	c.applied(now, &st)
}

// resolve finds the base of a state frame (nil for a snapshot) and makes the head's numbers absolute.
func (s *stateSide) resolve(st *wire.State, epoch uint32) (base *Frame, ok bool) {
	switch st.Type {
	case wire.TypeSnapshot:
		return nil, true
	case wire.TypeDeltaB:
		base = s.find(st.BaseEpoch, st.BaseTick)
		return base, base != nil
	}
	base = s.cur()
	if !s.based || base == nil || st.Tick > math.MaxUint32-base.Tick || st.InSeq > math.MaxUint32-s.inSeq {
		return nil, false
	}
	st.Epoch, st.Tick, st.InSeq = base.Epoch, base.Tick+st.Tick, s.inSeq+st.InSeq
	return base, true
}

// applied makes the decoded frame the newest state and tells the game.
func (c *Core) applied(now time.Duration, st *wire.State) {
	s := &c.state
	skipped := uint32(0)
	if cur := s.cur(); cur != nil && st.Type == wire.TypeDelta {
		if d := st.Tick - cur.Tick; d > s.interval {
			skipped = (d - 1) / s.interval
		}
	}
	if st.Type != wire.TypeDeltaB && s.depth != keepFew && s.based && !c.move.parked {
		s.keepFew() // the resume is over: the server stands on what it sends now
	}
	s.push()
	s.based, s.inSeq = true, st.InSeq
	c.session.epoch = st.Epoch
	c.stats.States++
	c.stats.Skipped += uint64(skipped)
	if st.Type == wire.TypeSnapshot {
		c.stats.Snapshots++
		s.asked = false
	}
	c.inputs.acked(st.InSeq, st.Tick)
	if c.session.ackEvery {
		c.sendAck(now)
	}
	if c.on.State != nil {
		c.on.State(c, now, State{
			Epoch: st.Epoch, Tick: st.Tick, InSeq: st.InSeq, Skipped: skipped, Full: st.Type == wire.TypeSnapshot,
			Cur: s.cur(), Prev: s.prev(),
		})
	}
}

func (c *Core) undecodable(now time.Duration) {
	c.stats.DecodeErrors++
	c.state.based = false
	c.resync(now, wire.ResyncUndecodable)
}

// resync asks for a snapshot, at most once a second.
func (c *Core) resync(now time.Duration, reason uint32) {
	s := &c.state
	if s.asked && now-s.lastResync < resyncEvery {
		return
	}
	s.asked, s.lastResync = true, now
	c.stats.Resyncs++
	c.out.open()
	c.out.buf = wire.AppendResync(c.out.buf, wire.Resync{Tick: s.tick(), Reason: reason})
	c.stats.BytesOut += c.out.close()
}

// receiveHash compares the server's hash with the state it speaks of, if that is the one held.
func (c *Core) receiveHash(now time.Duration, msg []byte) error {
	h, err := wire.ParseHash(msg)
	if err != nil {
		return err
	}
	cur := c.state.cur()
	if cur == nil || cur.Tick != h.Tick || !c.state.based {
		return nil
	}
	c.stats.HashChecks++
	got := cur.Hash()
	if got == h.Hash {
		return nil
	}
	c.stats.HashMismatches++
	c.resync(now, wire.ResyncHash)
	if c.on.Mismatch != nil {
		c.on.Mismatch(c, now, Mismatch{Tick: h.Tick, Want: h.Hash, Got: got})
	}
	return nil
}
