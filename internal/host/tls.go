package host

import (
	"crypto/tls"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/tlsock"
)

// A tlsLink is TLS above a descriptor that was taken out of the runtime's poller. The epoll set says what has reached the socket;
// what TLS holds already (the rest of a record, or the player's first inputs in the record of the HELLO) the link puts on the
// poller's list itself. Both may report it in one wake: it is read once.
type tlsLink struct {
	conn *tlsock.Conn

	// Set by watch.
	poller *poller
	id     uint64
	// Polls, by their number: the one it was last read after, and the one after which it was last marked.
	read, marked uint64
}

var _ link = (*tlsLink)(nil)

// newTLSLink takes a connection.
func (h *Host) newTLSLink(conn *tls.Conn) (link, error) {
	c, err := tlsock.Take(conn)
	if err != nil {
		return nil, err
	}
	if err := socketOptions.Set(c.FD()); err != nil {
		h.cfg.Log.Debug().Err(err).Msg("socket options not set")
	}
	return &tlsLink{conn: c}, nil
}

func (l *tlsLink) watch(p *poller, id uint64) error {
	if err := p.watchFD(l.conn.FD(), id); err != nil {
		return err
	}
	l.poller, l.id = p, id
	l.read, l.marked = p.polls-1, p.polls-1 // neither
	l.mark()
	return nil
}

// mark has the link reported at the next poll if the epoll set may not.
func (l *tlsLink) mark() {
	if l.conn.More() && l.marked != l.poller.polls {
		l.marked = l.poller.polls
		l.poller.mark(l.id)
	}
}

func (l *tlsLink) recv(buf []byte) (int, error) {
	if l.read == l.poller.polls {
		return 0, sock.ErrWouldBlock
	}
	l.read = l.poller.polls
	n, err := l.conn.Recv(buf)
	l.mark()
	return n, err
}

func (l *tlsLink) send(b []byte) (int, error) { return l.conn.Send(b) }
func (l *tlsLink) busy() bool                 { return l.conn.Busy() }
func (l *tlsLink) shut()                      { l.conn.Shut() }

func (l *tlsLink) unwatch() {
	l.poller.unwatchFD(l.conn.FD())
	l.poller = nil
}

func (l *tlsLink) close() {
	if l.poller != nil {
		l.poller.fds--
	}
	_ = l.conn.Close()
}
