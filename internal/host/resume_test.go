package host

import (
	"net"
	"testing"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// back opens a new connection for a client that holds what old holds.
func (r *rig) back(old *client, key string) *client {
	r.tb.Helper()
	c := r.dial("a")
	c.states, c.seq, c.inSeq, c.layout = old.states, old.seq, old.inSeq, old.layout
	c.hello(key, old.holds())
	return c
}

func TestSpentToken(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one := r.join("a", 0)
		one.input(1, 0)
		one.until("the input's state", func() bool { return one.inSeq == 1 })
		again := r.dial("a")
		again.hello(token("a", 0), nil)
		if got := again.untilClosed(); got != wire.CloseToken {
			t.Errorf("a spent token closes with %d", got)
		}
	})
}

// The WELCOME got lost: the same token opens the same session again and replaces the connection that did not get through.
func TestLostWelcome(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one := r.join("a", 0)
		two := r.join("a", 0)
		if two.welcome.Session != one.welcome.Session || two.welcome.Slot != 0 {
			t.Errorf("welcome %+v, was %+v", two.welcome, one.welcome)
		}
		if got := one.untilClosed(); got != wire.CloseReplaced {
			t.Errorf("the old connection closes with %d", got)
		}
		two.input(1, 0)
		two.until("the input's state", func() bool { return two.inSeq == 1 })
	})
}

func TestResumeAfterDrop(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		for _, drop := range []struct {
			name string
			how  func(c *client)
		}{
			{"reset", func(c *client) { _ = c.conn.(*net.TCPConn).SetLinger(0); c.conn.Close() }},
			{"closed", func(c *client) { c.conn.Close() }},
			{"half closed", func(c *client) { _ = c.conn.(*net.TCPConn).CloseWrite() }},
			{"close frame", func(c *client) { c.raw(masked(ws.OpClose, []byte{0x03, 0xe9})) }},
			{"in the middle of a frame", func(c *client) {
				b := masked(ws.OpBinary, wire.AppendPing(nil, wire.Ping{}))
				c.raw(b[:len(b)-2])
				c.conn.Close()
			}},
		} {
			t.Run(drop.name, func(t *testing.T) {
				r := newRig(t, b, nil)
				r.open("a")
				one, other := r.join("a", 0), r.join("a", 1)
				one.input(3, 0)
				one.until("the input's state", func() bool { return one.inSeq == 1 })
				rosters := other.rosters
				drop.how(one)
				other.until("the roster to say away", func() bool { return other.rosters > rosters })

				two := r.back(one, one.welcome.Key)
				two.until("a state", func() bool { return two.welcomed && two.newest != 0 })
				if two.welcome.Resumed != wire.ResumedDelta || two.welcome.Session != one.welcome.Session || two.welcome.InSeq != 1 {
					t.Errorf("welcome %+v", two.welcome)
				}
				two.input(1, 0)
				two.until("hash and input", func() bool { x, _, _ := two.dot(0); return two.hashes > 0 && x == 4 })

				late := r.dial("a")
				late.hello(one.welcome.Key, one.holds())
				if got := late.untilClosed(); got != wire.CloseResumeUnknown {
					t.Errorf("the old key closes with %d", got)
				}
			})
		}
	})
}

func TestReplacedByKey(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one := r.join("a", 0)
		one.input(1, 0)
		one.until("the input's state", func() bool { return one.inSeq == 1 })
		two := r.back(one, one.welcome.Key)
		two.until("a state", func() bool { return two.newest != 0 })
		if got := one.untilClosed(); got != wire.CloseReplaced {
			t.Errorf("the first connection closes with %d", got)
		}
	})
}
