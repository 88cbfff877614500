package host

import (
	"sync"

	"github.com/ringside-server/ringside/internal/sock"
)

// A link is one connection as a worker sees it: it never blocks. Only the worker that owns it calls it.
type link interface {
	// watch makes the poller of the connection's slot report id while something can be received.
	watch(p *poller, id uint64) error
	// recv reads what has arrived: sock.ErrWouldBlock if that is nothing, io.EOF at the end, or an error.
	recv(buf []byte) (int, error)
	// send takes as much of b as there is room for: less than all of it, even nothing, without an error or with
	// sock.ErrWouldBlock.
	send(b []byte) (int, error)
	// busy reports whether it is known that send would take nothing.
	busy() bool
	// shut ends the stream to the peer behind what was sent. Receiving goes on.
	shut()
	// unwatch takes it out of its poller, for another worker or slot that will watch it anew.
	unwatch()
	// close gives the connection up. The link must not be used again.
	close()
}

// A poller reports which links of one slot have something to receive: those of an epoll set, and those that have put
// themselves on the list. It belongs to a worker, but for mark.
type poller struct {
	ep     *sock.Epoll // nil until the first descriptor
	fds    int         // watched
	polls  uint64      // made so far: the number of the wake, as links see it
	events []sock.Event

	mu    sync.Mutex
	ready []uint64 // Guarded by mu: ids of links that hold what no descriptor announces
}

// watchFD adds a descriptor.
func (p *poller) watchFD(fd int, id uint64) error {
	if p.ep == nil {
		ep, err := sock.NewEpoll()
		if err != nil {
			return err
		}
		p.ep = ep
	}
	if err := p.ep.Add(fd, sock.In|sock.RdHup, id); err != nil {
		return err
	}
	p.fds++
	return nil
}

// unwatchFD takes a descriptor out. It fails only for one that is not in the set.
func (p *poller) unwatchFD(fd int) {
	_ = p.ep.Del(fd)
	p.fds--
}

// mark reports a link at the next poll.
func (p *poller) mark(id uint64) {
	p.mu.Lock()
	p.ready = append(p.ready, id)
	p.mu.Unlock()
}

// poll appends the ids of the links that have something to receive. There is room for an event of every descriptor, so one
// that is not read (its room is frozen) takes no other's place.
func (p *poller) poll(dst []uint64) ([]uint64, error) {
	var err error
	p.polls++
	if p.fds > 0 {
		if len(p.events) < p.fds {
			p.events = make([]sock.Event, max(2*p.fds, 16))
		}
		var n int
		n, err = p.ep.Wait(p.events, 0)
		for i := range p.events[:n] {
			dst = append(dst, p.events[i].Data())
		}
	}
	p.mu.Lock()
	dst = append(dst, p.ready...)
	p.ready = p.ready[:0]
	p.mu.Unlock()
	return dst, err
}

// unread says that a link that was reported has not been read.
func (p *poller) unread(l link, id uint64) {
	switch l := l.(type) { // an epoll set repeats by itself
	case *pipe:
		p.mark(id)
	case *tlsLink:
		l.mark()
	}
}

func (p *poller) close() {
	if p.ep != nil {
		p.ep.Close()
	}
}

// An fdLink is a descriptor that was taken out of the runtime's poller. Closing it takes it out of its epoll set; because only
// the worker closes, no event of the batch in hand can be another connection's that got the same number: ids differ.
type fdLink struct {
	fd     int
	poller *poller
}

var _ link = (*fdLink)(nil)

func (l *fdLink) watch(p *poller, id uint64) error {
	if err := p.watchFD(l.fd, id); err != nil {
		return err
	}
	l.poller = p
	return nil
}

func (l *fdLink) recv(buf []byte) (int, error) { return sock.Recv(l.fd, buf) }
func (l *fdLink) send(b []byte) (int, error)   { return sock.Send(l.fd, b) }
func (l *fdLink) busy() bool                   { return false }
func (l *fdLink) shut()                        { _ = sock.ShutWrite(l.fd) } // a socket that is gone is found at the next recv

func (l *fdLink) unwatch() {
	l.poller.unwatchFD(l.fd)
	l.poller = nil
}

func (l *fdLink) close() {
	if l.poller != nil {
		l.poller.fds--
	}
	_ = sock.Close(l.fd)
}
