package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

var (
	// ErrSessionOver ends a Client whose session is no longer held, or whose room is gone: ask the matchmaker for a new seat.
	ErrSessionOver = errors.New("session is over")
	// ErrClosed ends a Client that was closed by its program.
	ErrClosed = errors.New("client closed")
)

// A CloseError ends a Client that the server has sent away.
type CloseError struct {
	Code   CloseCode
	Reason string
}

// Error names the code and the server's reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("closed by server: %d %v: %s", uint16(e.Code), e.Code, e.Reason)
}

// A Client is a session with a socket: one goroutine reads, one writes, and when the socket dies it opens another and goes
// on where it was. Its methods are safe for concurrent use. Handlers run on the reading goroutine with the Client locked:
// they call the Core they are given, never the Client.
type Client struct {
	// Immutable after Dial.
	origin time.Time
	net    network
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wake   chan struct{}  // capacity 1: something waits to be written; a full channel says so already
	joined chan struct{}  // closed at the first WELCOME
	done   chan struct{}  // closed when the session has ended
	moved  sync.WaitGroup // the goroutine of a planned move

	mu       sync.Mutex
	core     *Core
	sock     *socket            // the session's
	takeover *socket            // of a planned move: the session is on it already, and run takes it next
	moving   bool               // the move's goroutine runs
	attempt  context.CancelFunc // ends the attempt to open a socket, nil when there is none: a takeover makes it needless
	pongs    []byte             // answers to WebSocket pings, framed
	err      error              // set before done is closed
}

// A network is what a Client needs of it.
type network struct {
	open func(ctx context.Context, url string) (conn net.Conn, early []byte, err error) // OpenSocket
	find func(ctx context.Context, url string) string                                   // lookup
}

// Dial opens a session and returns when the server has welcomed it. ctx bounds that only; the Client lives until Close,
// Leave or its end.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c := &Client{
		origin: time.Now(), net: network{OpenSocket, lookup}, wake: make(chan struct{}, 1), joined: make(chan struct{}), done: make(chan struct{}),
	}
	if cfg.net != nil {
		c.net = *cfg.net
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	welcome, first := cfg.On.Welcome, true
	cfg.On.Welcome = func(core *Core, now time.Duration, w *Welcome) {
		if welcome != nil {
			welcome(core, now, w)
		}
		if first {
			first = false
			close(c.joined)
		}
	}
	c.core = New(cfg)
	go c.run()
	select {
	case <-c.joined:
		return c, nil
	case <-c.done:
		return nil, c.Err()
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("join: %w", ctx.Err())
	}
}

// Do runs fn with the session, alone. The Core must not be used afterwards. A panic of fn is the caller's, and leaves the
// Client as usable as it was.
func (c *Client) Do(fn func(core *Core, now time.Duration)) {
	// Deferred: who panics in fn, or ends the goroutine, often has a Close deferred, which would wait for the lock for good.
	defer c.poke()
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(c.core, c.now())
}

// Input is Core.Input: it panics if the number of fields is wrong.
func (c *Client) Input(delay time.Duration, fields ...int32) (seq uint32) {
	defer c.poke()
	c.mu.Lock()
	defer c.mu.Unlock() // as in Do
	return c.core.Input(c.now(), delay, fields...)
}

// Message is Core.Message with the fields encoded.
func (c *Client) Message(id uint32, fields ...any) (ref uint32) {
	payload := AppendPayload(nil, fields...)
	c.Do(func(core *Core, _ time.Duration) { ref = core.Message(id, payload) })
	return ref
}

// Leave gives the seat up and waits until the server has closed, or ctx ends. Then the Client is closed.
func (c *Client) Leave(ctx context.Context) error {
	c.Do(func(core *Core, _ time.Duration) { core.Leave() })
	defer c.Close()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave: %w", ctx.Err())
	}
}

// Close drops the socket without giving the seat up and waits for the Client's goroutines. The seat is held for the room's
// grace: Core.Save has what it takes to come back.
func (c *Client) Close() {
	c.cancel()
	<-c.done
}

// Done is closed when the session has ended; Err says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the session lives, then ErrClosed, ErrSessionOver or a *CloseError.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Client) now() time.Duration { return time.Since(c.origin) }

func (c *Client) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run owns the session's sockets, one after another.
func (c *Client) run() {
	defer close(c.done)
	defer c.moved.Wait() // it closes a socket that nobody is left to take
	defer c.cancel()
	for {
		s, err := c.nextSocket()
		if err != nil {
			c.mu.Lock()
			c.err = err
			if c.takeover != nil {
				c.takeover.conn.Close()
			}
			c.mu.Unlock()
			return
		}
		c.serve(s)
	}
}

// nextSocket waits for the next socket by the Core's decisions, or returns why there is none.
func (c *Client) nextSocket() (*socket, error) {
	for {
		if c.ctx.Err() != nil {
			return nil, ErrClosed
		}
		c.mu.Lock()
		if s := c.takeover; s != nil {
			c.takeover = nil
			c.mu.Unlock()
			return s, nil
		}
		n := c.core.NextDial(c.now())
		c.mu.Unlock()
		switch n.Kind {
		case DialStop:
			return nil, &CloseError{Code: n.Code, Reason: n.Reason}
		case DialMatchmaker:
			return nil, fmt.Errorf("%w: %w", ErrSessionOver, &CloseError{Code: n.Code, Reason: n.Reason})
		case DialNothing: // a parked socket is about to take over, or to fail
			c.moved.Wait()
			continue
		}
		if s := c.open(n); s != nil {
			return s, nil
		}
	}
}

// open makes one attempt; nil if it failed, which the Core knows then, or if a takeover made it needless.
func (c *Client) open(n Next) *socket {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	c.mu.Lock()
	c.attempt = cancel
	late := c.takeover != nil
	c.mu.Unlock()
	if late || !sleep(ctx, n.At-c.now()) {
		return nil
	}
	url := n.URL
	if n.Lookup {
		if found := c.net.find(ctx, url); found != "" {
			url = found
			c.Do(func(core *Core, _ time.Duration) { core.SetURL(found) })
		}
	}
	conn, early, err := c.net.open(ctx, url)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempt = nil
	switch {
	case c.takeover != nil: // the session is on another socket: to start or lose this one would end that
		if err == nil {
			conn.Close()
		}
		return nil
	case err != nil:
		code := CloseCode(0)
		if errors.Is(err, ErrSubprotocol) {
			code = 1002 // not a server of ours: giving up is the rule
		}
		c.core.Lost(c.now(), code, err.Error())
		return nil
	}
	c.core.Start(c.now())
	return newSocket(conn, early)
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
