package stream

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// keepIdle is how long a connection whose poll was answered may take to ask again. Clients that poll do so at once.
const keepIdle = 20 * time.Second

// A giveBack is a listener whose connections are those that polls were answered on: their clients keep them, and ask again on
// them. Thousands who are told of one change would otherwise all connect anew, at the moment at which they ask.
//
// A connection waits for its next request in a small goroutine that reads nothing; net/http's larger one begins with the
// request.
type giveBack struct {
	addr  net.Addr
	limit int
	waves *atomic.Int32 // writers that are telling of a change
	conns chan net.Conn // to Accept; unbuffered: who offers owns the connection until it is taken
	ctx   context.Context
	close context.CancelFunc

	waits sync.WaitGroup

	mu      sync.Mutex
	waiting map[net.Conn]struct{} // for a request
	serving map[net.Conn]struct{} // accepted, and neither closed nor taken again
	closed  bool
}

var _ net.Listener = (*giveBack)(nil)

// Listener is where the connections of answered polls come back: serve it with the http.Server that the Hub's requests come
// from. Until it is called, and where nothing is parked, polls that were held are answered with Connection: close. Close ends
// it; call it once, before the first request.
func (h *Hub) Listener(addr net.Addr) net.Listener {
	h.back = newGiveBack(addr, h.cfg.Max, &h.waves)
	return h.back
}

// Returned is for an http.Server's ConnState: whether a connection came out of Listener. It was counted when it first came, and
// thousands of them may come at once.
func (h *Hub) Returned(c net.Conn, s http.ConnState) bool {
	if h.back == nil {
		return false
	}
	h.back.mu.Lock()
	defer h.back.mu.Unlock()
	_, ours := h.back.serving[c]
	if s == http.StateClosed || s == http.StateHijacked {
		delete(h.back.serving, c)
	}
	return ours
}

func newGiveBack(addr net.Addr, limit int, waves *atomic.Int32) *giveBack {
	g := &giveBack{addr: addr, limit: limit, waves: waves, conns: make(chan net.Conn), waiting: make(map[net.Conn]struct{}), serving: make(map[net.Conn]struct{})}
	g.ctx, g.close = context.WithCancel(context.Background())
	return g
}

// While a change is being told, those who have heard of it do not ask again before the others have, too: waveLook is how often
// that is looked at, waveMost the longest that they wait.
const (
	waveLook = 2 * time.Millisecond
	waveMost = time.Second
)

// Accept implements net.Listener.
func (g *giveBack) Accept() (net.Conn, error) {
	for begin := time.Now(); g.waves.Load() > 0 && time.Since(begin) < waveMost; {
		select {
		case <-time.After(waveLook):
		case <-g.ctx.Done():
			return nil, net.ErrClosed
		}
	}
	select {
	case c := <-g.conns:
		g.mu.Lock()
		g.serving[c] = struct{}{}
		g.mu.Unlock()
		return c, nil
	case <-g.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (g *giveBack) Addr() net.Addr { return g.addr }

// Close implements net.Listener: connections that wait are closed.
func (g *giveBack) Close() error {
	g.mu.Lock()
	g.closed = true
	for c := range g.waiting {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // ends its wait
	}
	g.mu.Unlock()
	g.close()
	g.waits.Wait()
	return nil
}

// put takes a connection whose answer is out.
func (g *giveBack) put(c net.Conn) {
	g.mu.Lock()
	full := g.closed || len(g.waiting)+len(g.serving) >= g.limit
	if !full {
		g.waiting[c] = struct{}{}
		_ = c.SetReadDeadline(time.Now().Add(keepIdle)) // fails on what is closed, and then so does the wait
		g.waits.Add(1)
	}
	g.mu.Unlock()
	if full {
		c.Close()
		return
	}
	go g.wait(c)
}

// wait offers the connection to Accept when its client has sent something.
func (g *giveBack) wait(c net.Conn) {
	defer g.waits.Done()
	asks := readable(c)
	g.mu.Lock()
	delete(g.waiting, c)
	g.mu.Unlock()
	if !asks {
		c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	select {
	case g.conns <- c:
	case <-g.ctx.Done():
		c.Close()
	}
}
