package tlsock

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/ringside-server/ringside/internal/sock"
)

// A Conn is a TLS connection that never blocks. It belongs to whoever took it; the *tls.Conn must not be used beside it.
type Conn struct {
	tls   *tls.Conn
	below *Transport
	inErr error // why nothing more will be received
	more  bool
}

// Takes reports whether Take can take a connection: it stands above a Transport.
func Takes(conn *tls.Conn) bool {
	_, ok := conn.NetConn().(*Transport)
	return ok
}

// Take makes a connection whose handshake is complete, and that nobody else uses, a Conn. On an error it is closed. Whatever the
// peer has sent by now is the Conn's to give: More is true.
func Take(conn *tls.Conn) (*Conn, error) {
	below, ok := conn.NetConn().(*Transport)
	if !ok || below.conn == nil || !conn.ConnectionState().HandshakeComplete {
		conn.NetConn().Close() // TLS would wait until the peer takes its goodbye
		return nil, ErrTransport
	}
	if err := below.detach(); err != nil {
		return nil, err
	}
	return &Conn{tls: conn, below: below, more: true}, nil
}

// FD is the descriptor, for an Epoll and for socket options. -1 after Close.
func (c *Conn) FD() int { return c.below.fd }

// Recv fills buf, which must not be empty, with what has arrived, and takes no more than len(buf) bytes from the socket for it, in
// as few receives as that needs. It answers sock.ErrWouldBlock when there is nothing, io.EOF when the peer has ended its side, or
// another error after which nothing more comes. It never blocks.
func (c *Conn) Recv(buf []byte) (n int, err error) {
	if !c.Busy() {
		c.below.answers = 0
	}
	c.below.budget = len(buf)
	for n < len(buf) && c.inErr == nil {
		m, err := c.tls.Read(buf[n:])
		if m > 0 {
			n, c.below.silent = n+m, 0
		}
		if errors.Is(err, errDry) {
			break
		}
		if c.inErr = err; c.below.answers > maxAnswers {
			c.inErr = errAnswers // crypto/tls has gone on with keys that do not fit
		}
	}
	c.more = n == len(buf) || n > 0 && c.inErr != nil
	switch {
	case n > 0:
		return n, nil
	case c.inErr != nil:
		return 0, c.inErr
	}
	return 0, sock.ErrWouldBlock
}

// More reports whether Recv may have something to give that no descriptor announces: a record can be larger than a buffer, and its
// rest, as well as records behind it, is in the hands of TLS already.
func (c *Conn) More() bool { return c.more }

// Send takes all of b, which it encrypts and sends or keeps, or nothing of it: sock.ErrWouldBlock while an earlier rest waits.
func (c *Conn) Send(b []byte) (int, error) {
	if c.Busy() {
		return 0, sock.ErrWouldBlock
	}
	c.below.talking = true
	n, err := c.tls.Write(b)
	c.below.talking = false
	return n, err
}

// Busy tries to send what waits, and reports whether something still does. An error is Send's to tell.
func (c *Conn) Busy() bool {
	if len(c.below.tail) > 0 {
		c.below.flush()
	}
	return len(c.below.tail) > 0
}

// Shut ends the stream to the peer behind what was sent: with TLS's goodbye, so that nobody can cut it short unnoticed, and then the
// socket's. If something waits, a later Busy does the rest. Receiving goes on.
func (c *Conn) Shut() {
	c.below.talking = true
	_ = c.tls.CloseWrite() // an error is one that Recv finds too
	c.below.talking = false
	c.below.fin = true
	c.below.flush()
}

// Close closes the descriptor. What waits is lost, and the peer is not told: that is Shut's.
func (c *Conn) Close() error {
	if c.below.fd < 0 {
		return net.ErrClosed
	}
	err := sock.Close(c.below.fd)
	c.below.fd, c.below.tail = -1, nil
	return err
}
