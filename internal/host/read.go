package host

import (
	"errors"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/internal/ws"
)

// readSlot reads once from every connection of the slot that has something.
func (w *worker) readSlot(s *slot) {
	ids, err := s.poll.poll(w.ids[:0])
	w.ids = ids
	if err != nil {
		w.host.cfg.Log.Error().Err(err).Msg("poll failed")
	}
	for _, id := range ids {
		if c := w.table.find(id); c != nil {
			w.touched += c.touch()
		}
	}
	for _, id := range ids {
		c := w.table.find(id)
		switch {
		case c == nil:
		case c.state == joining || c.state == live && (c.room.frozen || c.room.flying):
			s.poll.unread(c.link, id)
		default:
			w.read(c)
		}
	}
}

// readRoom reads once from every connection of a room.
func (w *worker) readRoom(h *hosted) {
	for i := len(h.conns) - 1; i >= 0; i-- {
		if c := h.conns[i]; c.state == live {
			w.read(c)
		}
	}
}

// read takes at most recvBytes from a connection.
func (w *worker) read(c *conn) {
	n, err := c.link.recv(w.in[:])
	switch {
	case err == nil:
		w.n.bytesReceived += uint64(n)
		if c.state == live {
			c.room.traffic.bytesReceived += uint64(n)
			c.received += uint64(n)
			w.parse(c, w.in[:n])
		}
	case !errors.Is(err, sock.ErrWouldBlock):
		w.lose(c)
	}
}

// parse takes the messages out of what was received, until the connection is no longer live.
func (w *worker) parse(c *conn, buf []byte) {
	for len(buf) > 0 && c.state == live {
		m, n, err := c.parser.Next(buf, wire.MaxClientMessage)
		buf = buf[n:]
		if err != nil {
			w.closeConn(c, ws.CloseCode(err), err.Error())
			return
		}
		switch m.Op {
		case ws.Binary:
			w.n.framesReceived++
			c.room.traffic.framesReceived++
			if code := c.room.room.Receive(c.session, m.Payload); code != 0 {
				w.closeConn(c, code, code.Reason())
			}
		case ws.Ping, ws.Pong:
			if m.Op == ws.Ping {
				c.pong = ws.AppendPong(c.pong[:0], m.Payload) // the newest is answered, which RFC 6455 allows
			}
			if code := c.room.room.Control(c.session); code != 0 {
				w.closeConn(c, code, code.Reason())
			}
		case ws.Close:
			w.farewell(c, ws.ParseClose(m.Payload))
		}
	}
}

// bind makes a connection that was let in its session's.
func (w *worker) bind(c *conn, s *engine.Session) {
	c.session, c.state, c.dropped = s, live, s.Dropped()
	w.sat(c)
	c.room.waiting--
	rest := c.rest
	c.rest = nil
	w.parse(c, rest)
	if c.state == live {
		w.read(c) // a pipe reported while joining does not report again
	}
}
