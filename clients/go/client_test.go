package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"github.com/ringside-server/ringside/internal/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// A wsServer speaks for a fakeServer over real sockets. Each connection runs script, told how many came before.
type wsServer struct {
	*httptest.Server
	mu    sync.Mutex
	fake  *fakeServer
	hello []wire.Hello
	conns int
}

type wsConn struct {
	tb   testing.TB
	conn interface {
		Read([]byte) (int, error)
		Write([]byte) (int, error)
		Close() error
	}
}

// send writes frames in one go.
func (c *wsConn) send(msgs ...[]byte) {
	var out []byte
	for _, m := range msgs {
		out = append(out, ws.MustCompileFrame(ws.NewBinaryFrame(m))...)
	}
	c.conn.Write(out)
}

func (c *wsConn) close(code wire.CloseCode, reason string) {
	c.conn.Write(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), reason))))
}

// read returns the next message of the client, nil at its end.
func (c *wsConn) read() []byte {
	_, p, err := readFrame(c.conn)
	if err != nil {
		return nil
	}
	return p
}

// readFrame reads one frame, unmasked.
func readFrame(r io.Reader) (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return h, nil, err
	}
	p := make([]byte, h.Length)
	_, err = io.ReadFull(r, p)
	ws.Cipher(p, h.Mask, 0)
	return h, p, err
}

// until reads until the client sends a frame of type t; nil at its end.
func (c *wsConn) until(t wire.Type) []byte {
	for {
		m := c.read()
		if m == nil {
			return nil
		}
		if got, _ := wire.PeekType(m); got == t {
			return m
		}
	}
}

func newWSServer(tb testing.TB, script func(s *wsServer, c *wsConn, n int)) *wsServer {
	s := &wsServer{fake: newFake(tb, testSchema())}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/join" {
			var req JoinRequest
			json.NewDecoder(r.Body).Decode(&req)
			if req.Game != "test" {
				http.Error(w, `{"title":"Not Found","status":404,"detail":"no such game"}`, http.StatusNotFound)
				return
			}
			json.NewEncoder(w).Encode(Seat{Room: "room", URL: s.url(), Token: "seat", Seat: 3, Slot: 2})
			return
		}
		up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == wire.Subprotocol }}
		conn, _, _, err := up.Upgrade(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		c := &wsConn{tb: tb, conn: conn}
		h, err := wire.ParseHello(c.read())
		if err != nil {
			tb.Errorf("HELLO: %v", err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock() // one connection's script at a time
		s.hello = append(s.hello, h)
		s.conns++
		script(s, c, s.conns-1)
	}))
	tb.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	return s
}

func (s *wsServer) url() string { return strings.Replace(s.URL, "http", "ws", 1) + "/v1/rooms/room/ws" }

// next is the delta of the next tick.
func (s *wsServer) next() []byte {
	s.fake.step(1)
	put(s.fake.cur, 1, int32(s.fake.tick))
	addNames(s.fake)
	return s.fake.delta()
}

func (s *wsServer) first() []byte {
	s.fake.step(1)
	put(s.fake.cur, 1, int32(s.fake.tick))
	addNames(s.fake)
	return s.fake.snapshot()
}

func dial(t *testing.T, s *wsServer, on Handlers) (*Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	seat, err := Join(ctx, s.URL, JoinRequest{Game: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return Dial(ctx, Config{URL: seat.URL, Token: seat.Token, On: on})
}

func TestClientPlaysAndLeaves(t *testing.T) {
	inputs := make(chan wire.Input, 1)
	s := newWSServer(t, func(s *wsServer, c *wsConn, n int) {
		c.send(s.fake.welcome(), s.first(), s.fake.hash())
		in, err := wire.ParseInput(c.until(wire.TypeInput))
		if err != nil {
			t.Errorf("INPUT: %v", err)
		}
		inputs <- in
		s.fake.inSeq = in.Seq
		c.conn.Write(ws.MustCompileFrame(ws.NewPingFrame([]byte("x"))))
		c.send(s.next(), s.fake.hash())
		if c.until(wire.TypeLeave) != nil {
			c.close(wire.CloseLeft, "bye")
		}
	})
	states := make(chan State, 8)
	c, err := dial(t, s, Handlers{State: func(_ *Core, _ time.Duration, s State) { states <- s }})
	if err != nil {
		t.Fatal(err)
	}
	<-states
	if seq := c.Input(100*ms, 1, 0); seq != 1 {
		t.Errorf("Input = %d", seq)
	}
	if in := <-inputs; in.Seq != 1 || in.DelayMS != 100 {
		t.Errorf("INPUT %+v", in)
	}
	if st := <-states; st.InSeq != 1 {
		t.Errorf("state includes input %d, want 1", st.InSeq)
	}
	if err := c.Leave(context.Background()); err != nil {
		t.Fatal(err)
	}
	var closed *CloseError
	if !errors.As(c.Err(), &closed) || closed.Code != wire.CloseLeft {
		t.Errorf("Err = %v, want close 4000", c.Err())
	}
}

func TestClientComesBack(t *testing.T) {
	s := newWSServer(t, func(s *wsServer, c *wsConn, n int) {
		if n == 0 {
			c.send(s.fake.welcome(), s.first())
			c.until(wire.TypeInput)
			return // the socket dies without a word
		}
		s.fake.welc.Resumed, s.fake.welc.Schema, s.fake.welc.Key = wire.ResumedDelta, nil, "key-2"
		in := s.fake.epoch
		s.fake.step(1)
		put(s.fake.cur, 1, 9)
		addNames(s.fake)
		c.send(s.fake.welcome(), s.fake.deltaB(in), s.fake.hash())
		if m := c.until(wire.TypeInput); m == nil {
			t.Error("the lost input was not sent again")
		}
		c.close(wire.CloseKicked, "enough")
		c.read()
	})
	c, err := dial(t, s, Handlers{})
	if err != nil {
		t.Fatal(err)
	}
	c.Input(0, 1, 1)
	<-c.Done()
	var closed *CloseError
	if !errors.As(c.Err(), &closed) || closed.Code != wire.CloseKicked || closed.Reason != "enough" {
		t.Errorf("Err = %v, want close 4007", c.Err())
	}
	c.Close()
	if h := s.hello[1]; h.Token != "key-1" || !h.Resuming || h.Resume.Tick == 0 || h.SchemaHash == 0 {
		t.Errorf("second HELLO %+v", h)
	}
	c.Do(func(core *Core, _ time.Duration) {
		if st := core.Stats(); st.HashChecks != 1 || st.HashMismatches != 0 || st.Resumes != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestClientFollowsAPlannedMove(t *testing.T) {
	there := newWSServer(t, func(s *wsServer, c *wsConn, n int) {
		s.fake.welc.Resumed, s.fake.welc.Schema = wire.ResumedSnapshot, nil
		s.fake.epoch, s.fake.tick = 2, 20
		c.send(s.fake.welcome(), s.first(), s.fake.hash())
		if c.until(wire.TypeInput) != nil {
			c.close(wire.CloseKicked, "done")
		}
		c.read()
	})
	here := newWSServer(t, func(s *wsServer, c *wsConn, n int) {
		c.send(s.fake.welcome(), s.first(), wire.AppendMoved(nil, wire.Moved{URL: there.url(), Key: "move-key", FromTick: 19}))
		for c.read() != nil {
		}
	})
	arrived := make(chan struct{})
	c, err := dial(t, here, Handlers{State: func(_ *Core, _ time.Duration, s State) {
		if s.Epoch == 2 {
			close(arrived)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	c.Input(0, 1, 1)
	<-c.Done()
	c.Close()
	if there.hello[0].Token != "move-key" {
		t.Errorf("HELLO there %+v", there.hello[0])
	}
}

// A caller who panics while the Client is theirs gets the panic, and a Close that is deferred above it does not wait for ever.
func TestAPanicLeavesTheClientUsable(t *testing.T) {
	for name, misuse := range map[string]func(*Client){
		"too few fields": func(c *Client) { c.Input(0, 1) },
		"no fields":      func(c *Client) { c.Input(0) },
		"too many":       func(c *Client) { c.Input(0, 1, 0, 1) },
		"a handler":      func(c *Client) { c.Do(func(*Core, time.Duration) { panic("the caller's own") }) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newWSServer(t, func(s *wsServer, c *wsConn, _ int) {
				c.send(s.fake.welcome(), s.first())
				c.until(wire.TypeInput)
				c.until(0)
			})
			c, err := dial(t, s, Handlers{})
			if err != nil {
				t.Fatal(err)
			}
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				defer c.Close()
				func() {
					defer func() {
						if recover() == nil {
							t.Error("no panic")
						}
					}()
					misuse(c)
				}()
				if seq := c.Input(0, 1, 0); seq != 1 {
					t.Errorf("the input after the panic has number %d, want 1", seq)
				}
			}()
			select {
			case <-closed:
			case <-time.After(10 * time.Second):
				t.Fatal("the Client is still locked 10 s after the panic")
			}
		})
	}
}

func TestClientRefusedAtTheDoor(t *testing.T) {
	s := newWSServer(t, func(s *wsServer, c *wsConn, n int) {
		c.send(wire.AppendErr(nil, wire.Err{Code: 4001, Text: "token expired"}))
		c.close(wire.CloseToken, "expired")
	})
	_, err := dial(t, s, Handlers{})
	var closed *CloseError
	if !errors.As(err, &closed) || closed.Code != wire.CloseToken {
		t.Errorf("Dial = %v, want close 4001", err)
	}
	_, err = Join(context.Background(), s.URL, JoinRequest{Game: "other"})
	var api *APIError
	if !errors.As(err, &api) || api.Status != 404 || api.Detail != "no such game" {
		t.Errorf("Join = %v, want 404", err)
	}
}

func TestClientCloseAtAnyTime(t *testing.T) {
	s := newWSServer(t, func(s *wsServer, c *wsConn, n int) {
		c.send(s.fake.welcome(), s.first())
		for c.read() != nil {
		}
	})
	c, err := dial(t, s, Handlers{})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	if !errors.Is(c.Err(), ErrClosed) {
		t.Errorf("Err = %v, want ErrClosed", c.Err())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*ms)
	defer cancel()
	if _, err := Dial(ctx, Config{URL: "ws://127.0.0.1:1/ws", Token: "x"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial of nobody = %v", err)
	}
}
