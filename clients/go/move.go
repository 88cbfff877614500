package client

import (
	"fmt"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// A move is a planned change of node: the server named a place and a key, a second socket waits there until the room has
// arrived, and the first goes on meanwhile.
//
//	MOVED ──▶ wanted ──StartMove──▶ parked ──WELCOME──▶ the second socket is the session's
//	                                   └────LostMove──▶ none: the first socket's close (4300) leads on
type move struct {
	url, key string
	wanted   bool
	parked   bool
	out      outQueue
}

// Moving returns the URL of a second socket that should be opened now, "" if none is wanted. After opening it the caller
// calls StartMove, or LostMove if it cannot be opened.
func (c *Core) Moving() string {
	if !c.move.wanted {
		return ""
	}
	return c.move.url
}

// StartMove is called when the second socket is open; it makes the HELLO for it, which OutgoingMove returns.
func (c *Core) StartMove(now time.Duration) {
	m := &c.move
	m.wanted, m.parked = false, true
	m.out.put(func(dst []byte) []byte { return c.appendHello(dst, m.key) })
}

// OutgoingMove is Outgoing for the second socket.
func (c *Core) OutgoingMove() []byte { return c.move.out.next() }

// ReceiveMove takes a message of the second socket. When it reports true, the second socket is the session's: from then on
// its messages go to Receive and its bytes come from Outgoing, and the caller closes the first socket without a word to
// the Core.
func (c *Core) ReceiveMove(now time.Duration, msg []byte) (switched bool, err error) {
	if !c.move.parked || c.phase == phaseDone {
		return false, nil
	}
	t, err := wire.PeekType(msg)
	switch {
	case err != nil || len(msg) > wire.MaxServerMessage:
		return false, fmt.Errorf("%w: on a move's socket", ErrProtocol)
	case t != wire.TypeWelcome:
		return false, nil // ERR before a close, or an extension
	}
	url := c.move.url
	c.out.reset()
	c.state.based, c.state.asked = false, false
	if err := c.receiveWelcome(now, msg); err != nil {
		return false, fmt.Errorf("%w: %v: %w", ErrProtocol, t, err)
	}
	c.stats.Messages++
	c.stats.BytesIn += uint64(len(msg))
	c.started, c.heard, c.pings = now, now, 0
	c.retry.url = url
	c.move = move{}
	return true, nil
}

// LostMove is called when the second socket is gone or could not be opened before it was taken over. If the first is gone
// too, the session resumes at the new place.
func (c *Core) LostMove(now time.Duration) {
	url := c.move.url
	c.move = move{}
	if c.phase == phaseLost && c.retry.next.Kind == DialNothing {
		c.Lost(now, wire.CloseMoved, url)
	}
}

func (c *Core) receiveMoved(now time.Duration, msg []byte) error {
	m, err := wire.ParseMoved(msg)
	if err != nil {
		return err
	}
	if !c.move.parked {
		c.move.url, c.move.key, c.move.wanted = m.URL, m.Key, true
	}
	if c.on.Moved != nil {
		c.on.Moved(c, now, m)
	}
	return nil
}
