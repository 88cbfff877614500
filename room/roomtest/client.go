package roomtest

import (
	"bytes"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// A client is the least that can play: it decodes all it is sent and holds every hash against what it has.
type client struct {
	bench      *Bench
	conn       uint64
	session    *engine.Session
	closedCode int
	closedText string

	welcome  wire.Welcome
	state    *view.Frame // nil before the first
	spare    *view.Frame
	eventSeq uint32
	events   []wire.Event
	replies  []wire.Reply
}

func newClient(b *Bench, conn uint64) *client {
	return &client{bench: b, conn: conn, spare: b.prog.Layout.NewClientFrame()}
}

var _ engine.Sink = (*client)(nil)

// tick is that of the newest state.
func (c *client) tick() uint32 {
	if c.state == nil {
		return 0
	}
	return c.state.Tick
}

// Message takes one frame.
func (c *client) Message(head, shared, private []byte) {
	c.bench.Helper()
	frame := bytes.Join([][]byte{head, shared, private}, nil)
	t, err := wire.PeekType(frame)
	if err == nil {
		err = c.take(t, frame)
	}
	if err != nil {
		c.bench.Fatalf("tick %d: a client cannot read this %v: %v\n% x", c.bench.Now(), t, err, frame)
	}
	c.bench.checks.frames++
}

func (c *client) take(t wire.Type, frame []byte) (err error) {
	switch t {
	case wire.TypeWelcome:
		c.welcome, err = wire.ParseWelcome(frame)
		if c.welcome.Resumed == wire.ResumedNew {
			c.state = nil
		}
	case wire.TypeSnapshot, wire.TypeDelta, wire.TypeDeltaB:
		return c.takeState(frame)
	case wire.TypeHash:
		return c.takeHash(frame)
	case wire.TypeEvent:
		e, err := wire.ParseEvent(frame)
		if e.Seq == c.eventSeq+1 { // after a resume events may come again
			c.eventSeq++
			c.events = append(c.events, e)
		}
		return err
	case wire.TypeReply:
		r, err := wire.ParseReply(frame)
		if r.Seq == c.eventSeq+1 {
			c.eventSeq++
			c.replies = append(c.replies, r)
		}
		return err
	case wire.TypeRoster:
		_, err = wire.ParseRoster(frame)
	case wire.TypeEnd:
		_, err = wire.ParseEnd(frame)
	}
	return err
}

func (c *client) takeState(frame []byte) error {
	st, err := wire.ParseState(frame)
	if err != nil {
		return err
	}
	var base *view.Frame
	next := c.spare
	next.Epoch, next.Tick = st.Epoch, st.Tick
	switch st.Type {
	case wire.TypeDelta:
		base = c.state
		next.Epoch, next.Tick = base.Epoch, base.Tick+st.Tick
	case wire.TypeDeltaB:
		if base = c.state; base == nil || base.Epoch != st.BaseEpoch || base.Tick != st.BaseTick {
			return view.ErrBase
		}
	}
	if err := view.Decode(next, base, &st.Body, st.Elements, st.Flags&wire.FlagPrivateFresh != 0); err != nil {
		return err
	}
	if c.spare = c.state; c.spare == nil {
		c.spare = c.bench.prog.Layout.NewClientFrame()
	}
	c.state = next
	return nil
}

func (c *client) takeHash(frame []byte) error {
	h, err := wire.ParseHash(frame)
	if err == nil {
		c.bench.checks.hashes++
		if got := c.state.Hash(); h.Tick != c.state.Tick || h.Hash != got {
			c.bench.Fatalf("hash of tick %d: the server says %08x, the client holds tick %d and says %08x", h.Tick, h.Hash, c.state.Tick, got)
		}
	}
	return err
}
