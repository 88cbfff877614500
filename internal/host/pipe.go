package host

import (
	"net"
	"sync"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

// A pipe is a link over any net.Conn: a reader goroutine with one buffer that the worker drains, and a writer goroutine with
// one buffer that the worker fills. A full buffer stops the reader, and so the peer; a writer at work is "busy", and the worker
// keeps newer states from it. 4 KiB and two stacks per connection.
type pipe struct {
	conn  net.Conn
	group *sync.WaitGroup // of the goroutines

	mu      sync.Mutex
	changed sync.Cond
	// Guarded by mu.
	poller *poller // nil: not watched just now
	id     uint64
	begun  bool   // its goroutines run
	in     []byte // received, not yet drained; the reader reads only while it is empty
	inErr  error
	out    []byte // being written
	outErr error
	ended  bool // shut was called
	closed bool
}

var _ link = (*pipe)(nil)

func newPipe(conn net.Conn, group *sync.WaitGroup) *pipe {
	p := &pipe{conn: conn, group: group}
	p.changed.L = &p.mu
	return p
}

// watch starts the goroutines, once. They end after close.
func (p *pipe) watch(poller *poller, id uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.poller, p.id = poller, id
	if p.begun { // what it was marked for is on another's list
		p.mark()
		return nil
	}
	p.begun = true
	p.group.Add(2)
	go p.read()
	go p.write()
	return nil
}

func (p *pipe) unwatch() {
	p.mu.Lock()
	p.poller = nil
	p.mu.Unlock()
}

// mark has the pipe reported if there is something to receive. The caller holds mu.
func (p *pipe) mark() {
	if p.poller != nil && (len(p.in) > 0 || p.inErr != nil) {
		p.poller.mark(p.id)
	}
}

func (p *pipe) read() {
	defer p.group.Done()
	buf := make([]byte, recvBytes)
	for {
		n, err := p.conn.Read(buf)
		p.mu.Lock()
		p.in, p.inErr = buf[:n], err
		p.mark()
		p.mu.Unlock()
		if err != nil {
			return
		}
		p.mu.Lock()
		for len(p.in) > 0 && !p.closed {
			p.changed.Wait()
		}
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return
		}
	}
}

// write writes until the end; it is the one that closes the connection, because closing TLS writes.
func (p *pipe) write() {
	defer p.group.Done()
	defer p.conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		switch {
		case len(p.out) > 0:
			p.mu.Unlock()
			_, err := p.conn.Write(p.out)
			p.mu.Lock()
			if p.out, p.outErr = p.out[:0], err; cap(p.out) > maxKeep {
				p.out = nil
			}
			if err != nil {
				p.wait()
			}
		case p.ended:
			p.closeWrite()
			p.wait()
		default:
			p.changed.Wait()
		}
	}
}

// wait waits for close. The caller holds mu.
func (p *pipe) wait() {
	for !p.closed {
		p.changed.Wait()
	}
}

// closeWrite ends the stream. The caller holds mu.
func (p *pipe) closeWrite() {
	p.mu.Unlock()
	if c, ok := p.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // an error is one that the reader has too
	}
	p.mu.Lock()
}

func (p *pipe) recv(buf []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.in) == 0 {
		if p.inErr != nil {
			return 0, p.inErr
		}
		return 0, sock.ErrWouldBlock
	}
	n := copy(buf, p.in)
	p.in = p.in[n:]
	p.mark()
	p.changed.Broadcast()
	return n, nil
}

func (p *pipe) send(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.outErr != nil:
		return 0, p.outErr
	case len(p.out) > 0:
		return 0, sock.ErrWouldBlock
	}
	p.out = append(p.out, b...)
	p.changed.Broadcast()
	return len(b), nil
}

func (p *pipe) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.out) > 0 && p.outErr == nil
}

func (p *pipe) shut() {
	p.mu.Lock()
	p.ended = true
	p.changed.Broadcast()
	p.mu.Unlock()
}

// close makes both goroutines end: a deadline in the past stops what they are in.
func (p *pipe) close() {
	p.mu.Lock()
	p.closed = true
	started := p.begun
	p.changed.Broadcast()
	p.mu.Unlock()
	_ = p.conn.SetDeadline(time.Unix(1, 0))
	if !started {
		p.conn.Close()
	}
}
