package tlsock

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

const (
	// maxSilent is how many bytes may come in a row without data: a record of the largest size, and a little.
	maxSilent = 20 << 10
	// maxAnswers is what TLS may write of its own accord in one Recv, and while the peer does not read: alerts, new keys. An honest
	// peer asks for new keys once in millions of records.
	maxAnswers = 8
)

// A Transport is what stands below TLS. Until Take it is the *net.TCPConn that it was made of; afterwards only the Conn uses it.
type Transport struct {
	conn *net.TCPConn // nil after detach

	// After detach: owned by the Conn's owner.
	fd      int // -1: closed
	budget  int // how much may be received until the next Recv of the Conn; 0 also when the socket is known to be dry
	silent  int // bytes received since there was data
	answers int
	talking bool   // what is written is the owner's
	tail    []byte // what the socket did not take
	outErr  error  // of sending: nothing more will go out
	fin     bool   // the stream ends behind the tail
}

var (
	_ net.Conn     = (*Transport)(nil)
	_ syscall.Conn = (*Transport)(nil)
)

// Wrap puts a Transport around a TCP connection; any other, and on systems without raw sockets each, is returned as it is.
func Wrap(conn net.Conn) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok && sock.Supported {
		return &Transport{conn: tcp}
	}
	return conn
}

// Listener makes a listener's connections Transports: it belongs below TLS.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Wrap(conn), nil
}

// detach takes the descriptor out of the runtime's poller. The connection is closed when that fails.
func (t *Transport) detach() error {
	fd, err := sock.DupOut(t.conn)
	if err != nil {
		return err
	}
	t.conn, t.fd = nil, fd
	return nil
}

// Read receives what is there, once more only if the last receive was not short: a short one says that there is no more.
func (t *Transport) Read(p []byte) (int, error) {
	switch {
	case t.conn != nil:
		return t.conn.Read(p)
	case t.fd < 0:
		return 0, net.ErrClosed
	case t.silent >= maxSilent:
		return 0, errSilent
	case t.budget == 0:
		return 0, errDry
	}
	p = p[:min(len(p), t.budget)]
	n, err := sock.Recv(t.fd, p)
	if t.budget -= n; n < len(p) {
		t.budget = 0
	}
	t.silent += n
	if errors.Is(err, sock.ErrWouldBlock) {
		err = errDry
	}
	return n, err
}

// Write sends what fits and keeps the rest.
func (t *Transport) Write(p []byte) (int, error) {
	switch {
	case t.conn != nil:
		return t.conn.Write(p)
	case t.fd < 0:
		return 0, net.ErrClosed
	case t.outErr != nil:
		return 0, t.outErr
	}
	if !t.talking {
		if t.answers++; t.answers > maxAnswers {
			t.outErr = errAnswers
			return 0, errAnswers
		}
	}
	sent := 0
	if len(t.tail) == 0 {
		n, err := sock.Send(t.fd, p)
		if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
			t.outErr = err
			return 0, err
		}
		sent = n
	}
	if sent < len(p) {
		t.tail = append(t.tail, p[sent:]...)
	}
	return len(p), nil
}

// flush sends what waits, and the end of the stream behind it.
func (t *Transport) flush() {
	if len(t.tail) > 0 {
		n, err := sock.Send(t.fd, t.tail)
		if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
			t.outErr, t.tail, t.fin = err, nil, false
			return
		}
		if t.tail = t.tail[:copy(t.tail, t.tail[n:])]; len(t.tail) > 0 {
			return
		}
		t.tail = nil
	}
	if t.fin {
		t.fin = false
		_ = sock.ShutWrite(t.fd) // a socket that is gone is found at the next Recv
	}
}

// Close closes the connection. Once it is taken, its Conn's Close does.
func (t *Transport) Close() error {
	if t.conn == nil {
		return net.ErrClosed
	}
	return t.conn.Close()
}

// LocalAddr is the address of this side, a nil *net.TCPAddr once the connection is taken.
func (t *Transport) LocalAddr() net.Addr {
	if t.conn == nil {
		return (*net.TCPAddr)(nil)
	}
	return t.conn.LocalAddr()
}

// RemoteAddr is the peer's address, a nil *net.TCPAddr once the connection is taken.
func (t *Transport) RemoteAddr() net.Addr {
	if t.conn == nil {
		return (*net.TCPAddr)(nil)
	}
	return t.conn.RemoteAddr()
}

// SetDeadline does nothing once the connection is taken, and neither do the other two: what does not block needs none.
func (t *Transport) SetDeadline(at time.Time) error {
	if t.conn == nil {
		return nil
	}
	return t.conn.SetDeadline(at)
}

// SetReadDeadline is SetDeadline for reading.
func (t *Transport) SetReadDeadline(at time.Time) error {
	if t.conn == nil {
		return nil
	}
	return t.conn.SetReadDeadline(at)
}

// SetWriteDeadline is SetDeadline for writing.
func (t *Transport) SetWriteDeadline(at time.Time) error {
	if t.conn == nil {
		return nil
	}
	return t.conn.SetWriteDeadline(at)
}

// SyscallConn gives access to the descriptor until the connection is taken.
func (t *Transport) SyscallConn() (syscall.RawConn, error) {
	if t.conn == nil {
		return nil, net.ErrClosed
	}
	return t.conn.SyscallConn()
}
