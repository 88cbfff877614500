package swarm

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/tlsock"
)

// nap is how long a loop sleeps between two looks at its sockets: what it adds to every latency, at most. A loop of few bots
// finds little at each look and pays for the waking alone, so it sleeps for longNap.
const (
	nap     = time.Millisecond
	longNap = 2 * time.Millisecond
	fewBots = 256
)

// recvBuffer is how much one receive takes.
const recvBuffer = 64 << 10

func wouldBlock(err error) bool { return errors.Is(err, sock.ErrWouldBlock) }

// A socket is a bot's, out of the runtime's poller: no call of it blocks.
type socket interface {
	link
	FD() int
	Recv(buf []byte) (int, error)
	More() bool // Recv may have something that the descriptor does not announce
}

var (
	_ socket = rawSocket(0)
	_ socket = (*tlsock.Conn)(nil)
)

// A rawSocket is a socket without TLS.
type rawSocket int

// FD is the descriptor.
func (s rawSocket) FD() int { return int(s) }

// Recv reads what has arrived.
func (s rawSocket) Recv(b []byte) (int, error) { return sock.Recv(int(s), b) }

// More is false.
func (s rawSocket) More() bool { return false }

// Send writes what fits.
func (s rawSocket) Send(b []byte) (int, error) { return sock.Send(int(s), b) }

// Close closes it.
func (s rawSocket) Close() error { return sock.Close(int(s)) }

// opener makes connections that detach can take, over TLS too. Nothing changes it.
var opener = client.SocketDialer{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return tlsock.Wrap(conn), nil
}}

// detach takes a connection out of the runtime's poller.
func detach(conn net.Conn) (socket, error) {
	if secure, ok := conn.(*tls.Conn); ok {
		c, err := tlsock.Take(secure)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	fd, err := sock.DupOut(conn)
	if err != nil {
		return nil, err
	}
	return rawSocket(fd), nil
}

// A loop drives the bots of a lane from one goroutine.
type loop struct {
	lane    *lane
	epoll   *sock.Epoll
	events  [512]sock.Event
	arrived []arrival
	timers  wheel
	buf     []byte
}

func newLoop(l *lane) (*loop, error) {
	e, err := sock.NewEpoll()
	if err != nil {
		return nil, err
	}
	return &loop{lane: l, epoll: e, buf: make([]byte, recvBuffer)}, nil
}

// run goes on until stop is closed. It keeps its processor: see sock.Sleep.
func (l *loop) run(stop <-chan struct{}) {
	defer l.close()
	pause := nap
	if len(l.lane.bots) < fewBots {
		pause = longNap
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		l.lane.asked()
		l.adopt()
		l.read()
		l.act()
		sock.Sleep(pause)
	}
}

func (l *loop) close() {
	for _, b := range l.lane.bots {
		if b.link != nil {
			b.link.Close()
		}
	}
	arrived, _ := l.lane.take(nil)
	for _, a := range arrived {
		if a.err == nil {
			a.conn.Close()
		}
	}
	l.epoll.Close()
}

// adopt takes in new sockets, and sends everybody home when that is wanted.
func (l *loop) adopt() {
	var leave bool
	l.arrived, leave = l.lane.take(l.arrived)
	now := l.lane.swarm.now()
	for _, a := range l.arrived {
		b := a.bot
		switch {
		case a.err != nil:
			b.failed(now, a.err)
			continue
		case b.leaving:
			a.conn.Close()
			b.over = true
			continue
		}
		if err := l.epoll.Add(a.conn.FD(), sock.In|sock.RdHup, uint64(b.index)|uint64(b.generation)<<32); err != nil {
			a.conn.Close()
			b.failed(now, err)
			continue
		}
		b.link = a.conn
		b.core.Start(now)
		b.receive(now, a.early)
		if a.conn.More() && b.link != nil {
			l.receive(b)
		}
		l.timers.add(b, now)
	}
	if leave {
		for _, b := range l.lane.bots {
			b.leave(now)
			if b.link == nil {
				b.over = true
			}
		}
	}
}

// read receives once from each socket that has something.
func (l *loop) read() {
	for {
		n, err := l.epoll.Wait(l.events[:], 0)
		if err != nil {
			l.lane.swarm.faults.add("poll: %v", err)
			return
		}
		for i := range n {
			l.readable(&l.events[i])
		}
		if n < len(l.events) {
			return
		}
	}
}

func (l *loop) readable(e *sock.Event) {
	b := l.lane.bots[uint32(e.Data())]
	if b.link == nil || b.generation != uint32(e.Data()>>32) {
		return
	}
	l.receive(b)
}

// receive takes what has arrived for a bot.
func (l *loop) receive(b *bot) {
	s := b.link.(socket)
	n, err := s.Recv(l.buf)
	now := l.lane.swarm.now()
	switch {
	case err == nil:
		b.receive(now, l.buf[:n])
		if s.More() && b.link == s {
			l.receive(b)
		}
	case errors.Is(err, io.EOF):
		b.lost(now, 0, "the socket ended without a close frame")
	case !wouldBlock(err):
		b.lost(now, 0, cause(err))
	}
}

// act calls the bots whose time has come.
func (l *loop) act() {
	now := l.lane.swarm.now()
	for b := l.timers.next(now); b != nil; b = l.timers.next(now) {
		if due := b.act(now); due != never {
			l.timers.add(b, due)
		}
	}
}
