// Package sock is the thinnest layer over Linux sockets that a tick-driven loop needs: non-blocking receive and send that
// do not tell the Go scheduler, level-triggered epoll, a precise sleep, the socket options of the design, and the way a
// connection leaves the runtime's own poller.
//
// It knows nothing of WebSocket, rooms or ticks. The server's workers and the load test's bots call it; each descriptor and
// each Epoll has one owner, nothing here locks. Nothing here allocates. On other systems than Linux everything compiles,
// Supported is false and every call answers ErrUnsupported.
//
// Recv, Send and Wait(0) are raw system calls: they return at once, so the scheduler need not know. Sleep is one too and
// holds its processor while it sleeps: a program with n such loops wants GOMAXPROCS = CPUs + n.
//
//	fd, err := sock.DupOut(conn) // conn is closed, fd is ours
//	err = sock.Options{NoDelay: true, SendBuffer: 16 << 10}.Set(fd)
//	ep, err := sock.NewEpoll()
//	err = ep.Add(fd, sock.In, slot)
//	ready, err := ep.Wait(events[:], 0)
//	n, err := sock.Recv(fd, buf) // io.EOF, ErrWouldBlock
package sock

import (
	"errors"
	"time"
)

var (
	// ErrWouldBlock is answered by Recv when nothing has arrived and by Send when no byte fitted into the send buffer.
	ErrWouldBlock = errors.New("socket would block")
	// ErrUnsupported is answered by everything on systems other than Linux.
	ErrUnsupported = errors.New("raw sockets need linux")
	// ErrConn is answered by DupOut for a connection that is no plain socket, such as TLS.
	ErrConn = errors.New("connection has no descriptor")
)

// Options are socket options; a zero field leaves the system's value.
type Options struct {
	NoDelay      bool          // TCP_NODELAY: send at once
	SendBuffer   int           // SO_SNDBUF in bytes; the kernel doubles it
	NotSentLowat int           // TCP_NOTSENT_LOWAT: bytes not yet on the wire beyond which Send answers ErrWouldBlock
	UserTimeout  time.Duration // TCP_USER_TIMEOUT: how long sent bytes may stand unacknowledged before the kernel gives up
}

// A Sending is one send of a Ring's batch: FD and B are the caller's, N and Err the answer, which is Send's.
type Sending struct {
	FD  int
	B   []byte // not empty; must not change before the batch is sent
	N   int
	Err error
}
