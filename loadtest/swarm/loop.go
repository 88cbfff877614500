package swarm

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
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

// A rawSocket is a socket out of the runtime's poller.
type rawSocket int

// Send writes what fits.
func (s rawSocket) Send(b []byte) (int, error) { return sock.Send(int(s), b) }

// Close closes it.
func (s rawSocket) Close() error { return sock.Close(int(s)) }

// detach makes a connection a rawSocket.
func detach(conn net.Conn) (rawSocket, error) {
	fd, err := sock.DupOut(conn)
	return rawSocket(fd), err
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
		if err := l.epoll.Add(int(a.conn), sock.In|sock.RdHup, uint64(b.index)|uint64(b.generation)<<32); err != nil {
			a.conn.Close()
			b.failed(now, err)
			continue
		}
		b.link = a.conn
		b.core.Start(now)
		b.receive(now, a.early)
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
	n, err := sock.Recv(int(b.link.(rawSocket)), l.buf)
	now := l.lane.swarm.now()
	switch {
	case err == nil:
		b.receive(now, l.buf[:n])
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
