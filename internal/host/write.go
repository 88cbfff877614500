package host

import (
	"errors"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/internal/ws"
)

// closeLinger is how long a connection that was told why is kept, in nanoseconds, so that the peer can read it: closing a socket
// with unread bytes in it resets the connection and takes back what was sent.
const closeLinger = int64(1e9)

// A sink collects what a session is sent at one tick in the worker's buffer.
type sink struct{ w *worker }

var _ engine.Sink = (*sink)(nil)

// Message implements engine.Sink.
func (s *sink) Message(head, shared, private []byte) {
	w := s.w
	w.out = ws.AppendHeader(w.out, len(head)+len(shared)+len(private))
	w.out = append(append(append(w.out, head...), shared...), private...)
	w.n.framesSent++
}

// flush sends a session what is new, in one write, if its socket takes it.
func (w *worker) flush(h *hosted, c *conn) {
	if d := c.session.Dropped(); d != c.dropped {
		w.n.inputsDropped += uint64(d - c.dropped)
		c.dropped = d
	}
	if !w.ready(c) {
		return
	}
	w.out = append(w.out[:0], c.pong...)
	c.pong = c.pong[:0]
	h.room.Flush(c.session, &w.sink)
	switch {
	case len(w.out) == 0:
	case w.batch.takes(c):
		w.batch.add(c, w.out)
	default:
		w.send(c)
	}
	if cap(w.out) > maxKeep {
		w.out = nil
	}
}

// ready reports whether everything sent so far has gone out. While it has not, states are skipped: the next that is sent is
// the newest. It closes a connection that has kept us waiting for too long.
func (w *worker) ready(c *conn) bool {
	if len(c.tail) == 0 && !c.link.busy() {
		c.stuck = 0
		return true
	}
	if len(c.tail) > 0 {
		if !w.sendTail(c) {
			return false // lost
		}
		if len(c.tail) == 0 && !c.link.busy() {
			c.stuck = 0
			return true
		}
	}
	w.n.framesSkipped++
	if c.stuck == 0 {
		c.stuck = w.now
	}
	if w.now-c.stuck > int64(w.host.cfg.SlowTimeout) {
		w.closeConn(c, wire.CloseSlow, wire.CloseSlow.Reason())
	}
	return false
}

// send sends the worker's buffer.
func (w *worker) send(c *conn) {
	n, err := c.link.send(w.out)
	w.sent(c, w.out, n, err)
}

// sent is what became of frames that were sent: what the socket did not take is kept.
func (w *worker) sent(c *conn, frames []byte, n int, err error) {
	w.n.bytesSent += uint64(n)
	c.sent += uint64(n)
	if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
		w.lose(c)
		return
	}
	if n < len(frames) {
		c.tail = append(c.tail[:0], frames[n:]...)
		c.stuck = w.now
	}
}

// sendTail sends what was left over; false means that the connection was lost.
func (w *worker) sendTail(c *conn) bool {
	n, err := c.link.send(c.tail)
	w.n.bytesSent += uint64(n)
	c.sent += uint64(n)
	if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
		w.lose(c)
		return false
	}
	if c.tail = c.tail[:copy(c.tail, c.tail[n:])]; len(c.tail) == 0 {
		c.tail = nil
	}
	return true
}

// closeConn tells a connection why and lets go of it.
func (w *worker) closeConn(c *conn, code wire.CloseCode, text string) {
	w.out = w.out[:0]
	w.dismissConn(c, code, text)
}

// closeAfter is closeConn for a connection that the room has no more use for: what its session was told last goes out before.
func (w *worker) closeAfter(c *conn, o engine.Closing) {
	w.out = w.out[:0]
	if o.Last != nil && c.state == live {
		c.room.room.FlushEvents(o.Last, &w.sink)
	}
	w.dismissConn(c, o.Code, o.Text)
}

// dismissConn sends the worker's buffer, why, and goodbye.
func (w *worker) dismissConn(c *conn, code wire.CloseCode, text string) {
	if c.state == closing {
		return
	}
	if text == "" {
		text = code.Reason()
	}
	w.leave(c)
	if code >= wire.CloseLeft {
		w.sink.Message(wire.AppendErr(nil, wire.Err{Code: uint32(code), Text: text}), nil, nil)
	}
	w.sendLast(c, code, text)
}

// farewell answers the peer's close frame. It is counted as the client's wish, whatever it says: our codes are for what we do, and
// operators are woken up by some.
func (w *worker) farewell(c *conn, code wire.CloseCode) {
	w.leave(c)
	w.out = w.out[:0]
	why := wire.CloseCode(1000)
	if code == 1001 || code == 1002 {
		why = code
	}
	w.sendGoodbye(c, code, "", why)
}

// leave takes a connection away from its room: the session is held for the grace.
func (w *worker) leave(c *conn) {
	h := c.room
	if h == nil {
		return
	}
	c.removeFrom(&h.conns)
	if c.state == joining {
		h.waiting--
	}
	if c.session != nil {
		c.stood()
		if !h.flying { // else the worker ends, and so does the room
			h.room.Lost(c.session, c.id)
		}
	}
	c.room, c.session = nil, nil
}

// sendLast sends the worker's buffer and a close frame, and keeps the connection until the peer has had time to read them.
func (w *worker) sendLast(c *conn, code wire.CloseCode, reason string) {
	w.sendGoodbye(c, code, reason, code)
}

// sendGoodbye is sendLast for a close that is counted by another code than it says.
func (w *worker) sendGoodbye(c *conn, code wire.CloseCode, reason string, counted wire.CloseCode) {
	w.out = ws.AppendClose(w.out, code, reason)
	w.host.stats.closed(counted)
	c.partedWith(counted)
	c.state, c.until = closing, w.now+closeLinger
	c.tail = append(c.tail, w.out...)
	c.pong, c.rest, c.parser = nil, nil, ws.Parser{}
	c.addTo(&c.slot.closing)
	w.finishSending(c)
}

// finishSending sends a closing connection's rest and ends the stream behind it. The link is asked even when that is done: what it
// holds itself goes out when it is.
func (w *worker) finishSending(c *conn) {
	if len(c.tail) > 0 && !w.sendTail(c) {
		return
	}
	if !c.link.busy() && len(c.tail) == 0 && !c.shut {
		c.shut = true
		c.link.shut()
	}
}

// lose gives up a connection whose socket has ended.
func (w *worker) lose(c *conn) {
	if c.state == closing {
		w.forget(c, 0)
		return
	}
	w.leave(c)
	w.forget(c, lostCode)
}

// forget closes the socket. code 0: the close has been counted.
func (w *worker) forget(c *conn, code wire.CloseCode) {
	if c.state == closing {
		c.removeFrom(&c.slot.closing)
	}
	if code != 0 {
		w.host.stats.closed(code)
		c.partedWith(code)
	}
	c.state = dead
	c.slot.conns--
	c.link.close()
	w.table.remove(c)
	w.host.names.back(c.id)
	w.host.stats.Connections.Add(-1)
}
