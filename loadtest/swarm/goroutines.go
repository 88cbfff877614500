package swarm

import (
	"errors"
	"net"
	"os"
	"time"
)

// A connLink is a socket that blocks, where there are no raw ones.
type connLink struct{ net.Conn }

// Send writes all of b.
func (c connLink) Send(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(time.Second))
	return c.Write(b)
}

// drive is one bot's goroutine for as long as the socket lasts. Bots of a lane take turns.
func (s *swarm) drive(b *bot, conn net.Conn, early []byte) {
	l := b.lane
	l.owner.Lock()
	if b.leaving {
		conn.Close()
		b.over = true
		l.owner.Unlock()
		return
	}
	b.link = connLink{conn}
	b.core.Start(s.now())
	b.receive(s.now(), early)
	l.owner.Unlock()
	buf := make([]byte, recvBuffer/4)
	for {
		l.owner.Lock()
		wait := b.act(s.now()) - s.now()
		gone := b.link != connLink{conn}
		l.owner.Unlock()
		if gone {
			return
		}
		conn.SetReadDeadline(time.Now().Add(max(wait, nap)))
		n, err := conn.Read(buf)
		l.owner.Lock()
		switch {
		case n > 0:
			b.receive(s.now(), buf[:n])
		case !errors.Is(err, os.ErrDeadlineExceeded):
			b.lost(s.now(), 0, cause(err))
		}
		l.owner.Unlock()
	}
}

// allLeave sends the bots of a lane without a loop home.
func (l *lane) allLeave() {
	l.owner.Lock()
	defer l.owner.Unlock()
	for _, b := range l.bots {
		b.leave(l.swarm.now())
	}
}

// hangUp closes what is still open in a lane without a loop.
func (l *lane) hangUp() {
	l.owner.Lock()
	defer l.owner.Unlock()
	for _, b := range l.bots {
		b.leaving = true
		if b.link != nil {
			b.link.Close()
		}
	}
}
