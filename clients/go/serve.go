package client

import (
	"net"
	"time"
)

// writeTimeout is how long a socket may refuse to take what a client says before it counts as lost.
const writeTimeout = 5 * time.Second

// readBuffer holds some hundred state frames of a small game.
const readBuffer = 16 << 10

// A socket is an open connection and what has arrived on it.
type socket struct {
	conn   net.Conn
	stream Stream
	buf    []byte
}

func newSocket(conn net.Conn, early []byte) *socket {
	s := &socket{conn: conn, buf: make([]byte, readBuffer)}
	s.stream.Push(early)
	return s
}

// next waits for the next message or control frame.
func (s *socket) next() (StreamKind, []byte, error) {
	for {
		kind, p, err := s.stream.Next()
		if kind != StreamNothing || err != nil {
			return kind, p, err
		}
		n, err := s.conn.Read(s.buf)
		if err != nil {
			return StreamNothing, nil, err
		}
		s.stream.Push(s.buf[:n])
	}
}

// serve reads a socket until its end while write writes; then it tells the Core, unless another socket has taken over.
func (c *Client) serve(s *socket) {
	c.mu.Lock()
	c.sock = s
	c.mu.Unlock()
	gone, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		c.write(s, gone)
	}()
	code, reason := c.read(s)
	close(gone)
	s.conn.Close()
	<-written
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sock = nil
	c.pongs = c.pongs[:0]
	if c.takeover == nil {
		c.core.Lost(c.now(), code, reason)
	}
}

// read feeds the Core until the socket ends, and returns the close frame's code and reason.
func (c *Client) read(s *socket) (CloseCode, string) {
	for {
		kind, p, err := s.next()
		if err != nil {
			return 0, ""
		}
		switch kind {
		case StreamClose:
			return CloseReason(p)
		case StreamPing:
			c.mu.Lock()
			c.pongs = AppendPong(c.pongs, p)
			c.mu.Unlock()
		case StreamMessage:
			if !c.receive(p) {
				return 0, ""
			}
		}
		c.poke()
	}
}

// receive hands one message to the Core; false if the socket is of no more use.
func (c *Client) receive(msg []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.takeover != nil {
		return false
	}
	if err := c.core.Receive(c.now(), msg); err != nil {
		return false
	}
	if url := c.core.Moving(); url != "" && !c.moving {
		c.moving = true
		c.moved.Add(1)
		go c.park(url)
	}
	return true
}

// write sends what the Core wants to say, when it says it and when its timers want it.
func (c *Client) write(s *socket, gone <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf []byte
	for {
		var wait time.Duration
		var ok bool
		if buf, wait, ok = c.gather(s, buf[:0]); !ok {
			s.conn.Close() // the reader ends and tells the Core
			return
		}
		if len(buf) > 0 {
			s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := s.conn.Write(buf); err != nil {
				s.conn.Close()
				return
			}
		}
		timer.Reset(wait)
		select {
		case <-c.wake:
		case <-timer.C:
		case <-gone:
			return
		case <-c.ctx.Done():
			s.conn.Close()
			return
		}
	}
}

// gather frames all that waits to be written on s; wait is when to ask again. It is false when the server has fallen silent,
// or the session is on another socket: what the Core says then belongs there.
func (c *Client) gather(s *socket, buf []byte) (out []byte, wait time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sock != s || c.takeover != nil {
		return buf, 0, false
	}
	now := c.now()
	if err := c.core.Tick(now); err != nil {
		return buf, 0, false
	}
	buf = append(buf, c.pongs...)
	c.pongs = c.pongs[:0]
	for m := c.core.Outgoing(); m != nil; m = c.core.Outgoing() {
		buf = AppendFrame(buf, m)
	}
	return buf, max(0, c.core.NextTimer()-now), true
}

// park is the goroutine of a planned move: it waits at the new place until the room has arrived. When it has, takeWelcome
// has put the socket into takeover already.
func (c *Client) park(url string) {
	defer c.moved.Done()
	s := c.parked(url)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moving = false
	switch {
	case s == nil:
		c.core.LostMove(c.now())
	case c.ctx.Err() != nil: // run has ended, or is about to and looks for it as well
		s.conn.Close()
	}
}

// parked returns the second socket once the session is on it, nil if it came to nothing.
func (c *Client) parked(url string) *socket {
	conn, early, err := c.net.open(c.ctx, url)
	if err != nil {
		return nil
	}
	s := newSocket(conn, early)
	stop := closeWith(c.ctx.Done(), conn)
	defer stop()
	c.mu.Lock()
	c.core.StartMove(c.now())
	hello := AppendFrame(nil, c.core.OutgoingMove())
	c.mu.Unlock()
	conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := conn.Write(hello); err != nil {
		conn.Close()
		return nil
	}
	for {
		kind, p, err := s.next()
		if err != nil || kind == StreamClose {
			conn.Close()
			return nil
		}
		if kind != StreamMessage {
			continue
		}
		switched, err := c.receiveMove(s, p)
		switch {
		case err != nil:
			conn.Close()
			return nil
		case switched:
			return s
		}
	}
}

// receiveMove hands a message of the second socket to the Core. With its WELCOME the session is on that socket, and in the
// same breath nothing more may come from the first, go out on it, or be said of its end: a moment later the first socket's
// reader would feed its states to the new session, its writer would take what is to be sent again, and its end would count
// as the session's. The same goes for an attempt to replace a first socket that is gone already.
func (c *Client) receiveMove(s *socket, msg []byte) (switched bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if switched, err = c.core.ReceiveMove(c.now(), msg); !switched {
		return false, err
	}
	c.takeover = s
	if c.sock != nil {
		c.sock.conn.Close()
	}
	if c.attempt != nil {
		c.attempt()
	}
	return true, nil
}

// closeWith closes conn when done is closed before stop is called.
func closeWith(done <-chan struct{}, conn net.Conn) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-done:
			conn.Close()
		case <-stopped:
		}
	}()
	return func() { close(stopped); <-ended }
}
