package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// A pipeServer answers a Client's dials by the URL: with a pipe whose other end script plays, or with an error.
type pipeServer struct {
	tb      testing.TB
	refuse  func(url string, n int) error                 // n counts the dials of all places; nil: never
	script  func(c *wsConn, url string, hello wire.Hello) // runs until it returns; then the pipe is closed
	mu      sync.Mutex
	dials   []time.Time
	running sync.WaitGroup
}

func (s *pipeServer) open(_ context.Context, url string) (net.Conn, []byte, error) {
	s.mu.Lock()
	n := len(s.dials)
	s.dials = append(s.dials, time.Now())
	s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(url, n); err != nil {
			return nil, nil, err
		}
	}
	here, there := net.Pipe()
	s.running.Go(func() {
		defer there.Close()
		c := &wsConn{tb: s.tb, conn: there}
		h, err := wire.ParseHello(c.read())
		if err != nil {
			return // closed before it spoke
		}
		s.script(c, url, h)
	})
	return here, nil, nil
}

func (s *pipeServer) network() *network { return &network{open: s.open, find: nowhere} }

func nowhere(context.Context, string) string { return "" }

func TestAClientIsBackWithinASecondOfARestart(t *testing.T) {
	for _, fault := range []struct {
		name string
		code wire.CloseCode // of the old node; 0: killed
		err  error          // while there is no new one
	}{
		{"killed", 0, syscall.ECONNREFUSED},
		{"drained", wire.CloseRestored, syscall.ECONNRESET},
		{"drained behind a proxy", wire.CloseDraining, ws.StatusError(503)},
	} {
		for _, outage := range []time.Duration{100 * ms, 900 * ms, 2 * time.Second, 5 * time.Second, 9 * time.Second} {
			t.Run(fault.name+" "+outage.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { restart(t, fault.code, fault.err, outage) })
			})
		}
	}
}

// restart takes a client through an outage.
func restart(t *testing.T, code wire.CloseCode, refusal error, outage time.Duration) {
	f := newFake(t, testSchema())
	f.welc.URLs = nil // nobody else to ask
	var down time.Time
	back := make(chan time.Time, 1)
	s := &pipeServer{tb: t}
	s.refuse = func(_ string, n int) error {
		if n > 0 && time.Since(down) < outage {
			return refusal
		}
		return nil
	}
	s.script = func(c *wsConn, _ string, h wire.Hello) {
		if !h.Resuming {
			c.send(f.welcome())
			time.Sleep(3 * time.Second) // plays
			down = time.Now()
			if code != 0 {
				c.close(code, "")
			}
			return
		}
		f.welc.Resumed, f.welc.Schema, f.welc.Key = wire.ResumedSnapshot, nil, "key-2"
		c.send(f.welcome())
		back <- time.Now()
		for c.read() != nil {
		}
	}
	c, err := Dial(t.Context(), Config{URL: "ws://home/ws", Token: "seat", net: s.network()})
	if err != nil {
		t.Fatal(err)
	}
	late := (<-back).Sub(down) - outage
	if late < 0 || late > time.Second {
		t.Errorf("back %v after the end of an outage of %v, want 1s at most (%d attempts)", late, outage, len(s.dials)-1)
	}
	c.Close()
	s.running.Wait()
}

// The WELCOME at the new place and the end of the old one come in any order; whatever the old one still says must not reach
// the session, nor its end count.
func TestATakeoverShutsTheFirstSocketOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, testSchema())
		s := &pipeServer{tb: t}
		gone := make(chan struct{})
		lateInputs := 0
		s.script = func(c *wsConn, url string, h wire.Hello) {
			if url == "ws://new/ws" {
				f.welc.Resumed, f.welc.Schema, f.welc.Key = wire.ResumedSnapshot, nil, "key-2"
				f.epoch = 2
				c.send(f.welcome())
				if c.until(wire.TypeInput) == nil {
					t.Error("the session's inputs do not come to the new place")
				}
				c.close(wire.CloseKicked, "done")
				return
			}
			defer close(gone)
			c.send(f.welcome(), wire.AppendMoved(nil, wire.Moved{URL: "ws://new/ws", Key: "move-key", FromTick: 2}))
			for m := c.read(); m != nil; m = c.read() {
				if typ, _ := wire.PeekType(m); typ == wire.TypeInput {
					lateInputs++
				}
				c.send(wire.AppendEnd(nil, wire.End{Code: uint32(wire.CloseEnded)})) // would end the session if it were heard
			}
		}
		moved := false
		c, err := Dial(t.Context(), Config{URL: "ws://home/ws", Token: "seat", net: s.network(), On: Handlers{
			Welcome: func(c *Core, now time.Duration, w *Welcome) {
				if w.Epoch == 2 && !moved {
					moved = true
					c.Input(now, 0, 1, 1) // belongs to the new socket, though the old one's writer is awake
				}
			},
			End: func(*Core, time.Duration, End) {
				if moved {
					t.Error("the old socket spoke into the new session")
				}
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		<-gone
		var closed *CloseError
		if !errors.As(c.Err(), &closed) || closed.Code != wire.CloseKicked {
			t.Errorf("the session ended with %v, want the new place's 4007", c.Err())
		}
		if lateInputs != 0 {
			t.Errorf("%d inputs of the new session went to the old socket", lateInputs)
		}
		s.running.Wait()
	})
}

// While the second socket is parked the first dies, and an attempt to replace it hangs: the takeover ends the attempt.
func TestATakeoverEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, testSchema())
		f.welc.URLs = nil
		s := &pipeServer{tb: t}
		s.script = func(c *wsConn, url string, h wire.Hello) {
			if url == "ws://new/ws" {
				time.Sleep(2 * time.Second)
				f.welc.Resumed, f.welc.Schema, f.welc.Key = wire.ResumedSnapshot, nil, "key-2"
				c.send(f.welcome())
				c.until(wire.TypeInput)
				c.close(wire.CloseKicked, "done")
				return
			}
			c.send(f.welcome(), wire.AppendMoved(nil, wire.Moved{URL: "ws://new/ws", Key: "move-key", FromTick: 2}))
			time.Sleep(time.Second)
		}
		first := true
		c, err := Dial(t.Context(), Config{URL: "ws://home/ws", Token: "seat", net: &network{find: nowhere, open: func(ctx context.Context, url string) (net.Conn, []byte, error) {
			if url == "ws://home/ws" && !first { // a host that swallows the SYN
				<-ctx.Done()
				return nil, nil, ctx.Err()
			}
			first = false
			return s.open(ctx, url)
		}}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.Sleep(2500 * ms)
		c.Input(0, 1, 1)
		<-c.Done()
		var closed *CloseError
		if !errors.As(c.Err(), &closed) || closed.Code != wire.CloseKicked || time.Since(start) > 3*time.Second {
			t.Errorf("ended with %v after %v, want the new place's 4007 at once", c.Err(), time.Since(start))
		}
		s.running.Wait()
	})
}
