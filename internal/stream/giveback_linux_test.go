package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A poller is a server with a Listener, and what its polls wait for.
type poller struct {
	hub   *Hub
	addr  string
	fresh atomic.Int64 // connections that came from the network
	again atomic.Int64 // those that came back
	value atomic.Int64
}

func newPoller(t *testing.T) *poller {
	p := &poller{hub: New(Config{Log: zerolog.Nop()})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			had := p.value.Load()
			p.hub.Wait(w, r, "a", time.Minute, func(final bool) *Response {
				if now := p.value.Load(); now != had || final {
					return &Response{Body: fmt.Append(nil, now)}
				}
				return nil
			})
		}),
		ConnState: func(c net.Conn, s http.ConnState) {
			switch back := p.hub.Returned(c, s); {
			case s != http.StateNew:
			case back:
				p.again.Add(1)
			default:
				p.fresh.Add(1)
			}
		},
	}
	done := make(chan struct{}, 2)
	for _, l := range []net.Listener{l, p.hub.Listener(l.Addr())} {
		go func() {
			_ = server.Serve(l)
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.hub.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-done
		<-done
	})
	return p
}

// change answers the polls that are held, once as many are.
func (p *poller) change(t *testing.T, polls int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); p.hub.Stats().Polls != polls; {
		if time.Now().After(deadline) {
			t.Fatalf("%d polls are held, want %d", p.hub.Stats().Polls, polls)
		}
		time.Sleep(time.Millisecond)
	}
	p.value.Add(1)
	p.hub.Publish("a", func() (Event, bool) { return Event{}, false })
}

// A client asks again and again on one connection, parked each time.
func TestPollsKeepTheirConnection(t *testing.T) {
	p := newPoller(t)
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for n := range 5 {
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		p.change(t, 1)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != fmt.Sprint(n+1) || resp.Close {
			t.Fatalf("answer %d: %q, %v, closes: %v", n, body, err, resp.Close)
		}
	}
	if fresh, again := p.fresh.Load(), p.again.Load(); fresh != 1 || again != 4 {
		t.Errorf("the connection came from the network %d times, from the Hub %d times, want 1 and 4", fresh, again)
	}
	if s := p.hub.Stats(); s.Polls != 0 {
		t.Errorf("still held: %+v", s)
	}
}

// Who goes behind an answer, asks for the end of the connection or sends more than one request is not given back.
func TestConnectionsThatEnd(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		ends          bool
	}{
		{"gone behind the answer", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"closes", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true},
		{"old", "GET / HTTP/1.0\r\n\r\n", true},
		{"two at once", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPoller(t)
			conn, err := net.Dial("tcp", p.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, tt.request)
			p.change(t, 1)
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.Close != tt.ends {
				t.Fatalf("answer %+v, %v; want Close %v", resp, err, tt.ends)
			}
			if tt.ends {
				if rest, err := io.ReadAll(in); err != nil || string(rest) != "1" {
					t.Errorf("behind the head: %q, %v", rest, err)
				}
			}
		}) // and the poller's Close ends what waits
	}
}
