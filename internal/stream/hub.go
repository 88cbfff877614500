package stream

import (
	"context"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Hub holds answers open and sends them what is published. Its methods may be called from any goroutine.
type Hub struct {
	// Immutable after New.
	cfg     Config
	start   time.Time
	writers []*writer
	topics  topics
	back    *giveBack // nil: Listener was not called

	stats   counters
	waves   atomic.Int32   // writers that are telling of a change
	turn    atomic.Uint32  // whose writer the next listener gets
	running sync.WaitGroup // the writers
	closing chan struct{}  // closed by Close
	drained chan struct{}  // closed when a Hub that closes holds no answer any more

	mu      sync.Mutex
	closed  bool
	emptied bool // drained is closed
	held    int
	clients map[string]int // how many of them each client has
}

// New starts a Hub. Close ends it.
func New(cfg Config) *Hub {
	h := &Hub{
		cfg: cfg.withDefaults(), start: time.Now(), clients: make(map[string]int),
		closing: make(chan struct{}), drained: make(chan struct{}),
	}
	h.topics.seed, h.topics.limit, h.topics.sum.limit = maphash.MakeSeed(), h.cfg.Ring, int64(h.cfg.RingSum)
	for range writerCount() {
		w := newWriter(h)
		h.writers = append(h.writers, w)
		h.running.Go(w.run)
	}
	return h
}

// Publish says that what topic is about has changed: the event that make returns is sent to the topic's event streams, and its
// long polls ask anew. last ends the streams that the event reaches.
//
// make is called in Publish, at most once, and only if there is an event stream; without listeners Publish is one look-up and
// allocates nothing. It never waits for a client. Events published by one goroutine arrive in its order; those of several in
// one order for everybody. Change what first and answer read before calling Publish, and nobody misses the change.
func (h *Hub) Publish(topic string, make func() (e Event, last bool)) {
	t := h.topics.find(topic)
	if t != nil && t.publish(make) {
		h.stats.published.Add(1)
	}
}

// now is the time since the Hub's start, the clock of everything inside it.
func (h *Hub) now() time.Duration { return time.Since(h.start) }

// A place is the right to hold one answer, and its subscription to a topic. It has one owner: the handler's goroutine, then
// the writer it was parked at.
type place struct {
	hub    *Hub
	client string
	stream bool
	taken  bool   // false: given back
	group  *group // nil: not subscribed
}

// enter takes a place among those of the request's client, or says how the request is refused.
func (h *Hub) enter(r *http.Request, stream bool) (place, *Response) {
	// The name may be a part of all headers, and outlives them.
	p := place{hub: h, client: strings.Clone(h.cfg.ClientOf(r)), stream: stream}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return p, problemClosing.response()
	case h.held >= h.cfg.Max:
		h.stats.refused.Add(1)
		h.cfg.Limited("max-streams")
		return p, problemFull.response()
	case h.clients[p.client] >= h.cfg.MaxPerClient:
		h.stats.refused.Add(1)
		h.cfg.Limited("limit-streams")
		return p, problemClient.response()
	}
	p.take()
	return p, nil
}

// take counts the place. The caller holds the Hub's mu.
func (p *place) take() {
	p.taken = true
	p.hub.held++
	p.hub.clients[p.client]++
	p.hub.stats.holding(p.stream, 1)
}

// again takes a place that was given back, even if there is none left.
func (p *place) again() {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	p.take()
}

// subscribe makes the place a listener of a topic; see topic.join.
func (p *place) subscribe(name, lastID string) (cursor uint64, resumed bool) {
	h := p.hub
	w := h.writers[h.turn.Add(1)%uint32(len(h.writers))]
	p.group, cursor, resumed = h.topics.hold(name).join(w, p.stream, lastID)
	return cursor, resumed
}

// leave ends the subscription and gives the place back, each if it has not happened yet.
func (p *place) leave() {
	h := p.hub
	if g := p.group; g != nil {
		p.group = nil
		g.topic.leave(g, p.stream)
		h.topics.release(g.topic)
	}
	if !p.taken {
		return
	}
	p.taken = false
	h.stats.holding(p.stream, -1)

	h.mu.Lock()
	defer h.mu.Unlock()
	h.held--
	if h.clients[p.client]--; h.clients[p.client] == 0 {
		delete(h.clients, p.client)
	}
	h.checkEmpty()
}

// checkEmpty tells Close when nothing is held any more. The caller holds mu.
func (h *Hub) checkEmpty() {
	if h.closed && h.held == 0 && !h.emptied {
		h.emptied = true
		close(h.drained)
	}
}

// Close refuses new requests and ends all that are held: event streams with a comment and a line that says when to come back,
// long polls with 503 and Retry-After. It returns when all of that is written, or with ctx's error after having cut off what
// was not. Answers in a handler's goroutine end with that. Call it before http.Server.Shutdown, which knows nothing of parked
// connections and waits for the others.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.closing)
		h.checkEmpty()
	}
	h.mu.Unlock()

	for _, w := range h.writers {
		w.enter(ending)
	}
	cut := context.AfterFunc(ctx, func() {
		for _, w := range h.writers {
			w.enter(stopped)
		}
	})
	select {
	case <-h.drained:
		for _, w := range h.writers {
			w.enter(lastTails)
		}
	case <-ctx.Done():
	}
	h.running.Wait()
	if h.back != nil {
		h.back.Close()
	}
	if !cut() {
		return context.Cause(ctx)
	}
	return nil
}
