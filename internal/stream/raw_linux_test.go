package stream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// dialRaw sends bytes to the rig's server.
func (r *rig) dialRaw(text string) net.Conn {
	r.tb.Helper()
	conn, err := net.Dial("tcp", r.srv.Listener.Addr().String())
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testPatience))
	if _, err := io.WriteString(conn, text); err != nil {
		r.tb.Fatal(err)
	}
	return conn
}

func TestRawRequests(t *testing.T) {
	const later = "GET /wait?topic=b HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tt := range []struct {
		name, request string
		status, body  string
	}{
		{"1.1", "GET /wait?topic=a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", "now"},
		{"1.0", "GET /wait?topic=a HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", "now"},
		{"1.0 keep-alive", "GET /wait?topic=a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 200 OK", "now"},
		{"with a body", "POST /wait?topic=a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK", "now"},
		{"pipelined", "GET /wait?topic=a HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat(later, 200), "HTTP/1.1 200 OK", "now"},
		{"stream 1.0", "GET /events?topic=a HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", "retry: 1000\n\ndata: last\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, backends[0], Config{})
			asked := 0
			r.answer = func(bool) *Response {
				if asked++; asked == 1 {
					return nil
				}
				return &Response{Body: []byte("now")}
			}
			conn := r.dialRaw(tt.request)
			r.eventually("parked", func(s Stats) bool { return s.Parked == 1 })
			r.hub.Publish("a", func() (Event, bool) { return Event{Data: []byte("last")}, true })
			all, err := io.ReadAll(conn) // no reset, whatever was left unread
			head, body, _ := strings.Cut(string(all), "\r\n\r\n")
			if err != nil || !strings.HasPrefix(head, tt.status+"\r\n") || body != tt.body || !strings.Contains(head, "\r\nConnection: close") ||
				strings.Contains(head, "Transfer-Encoding") {
				t.Errorf("got %q, %q, %v; want %s, %q", head, body, err, tt.status, tt.body)
			}
		})
	}
}

// The deadlines of http.Server are for answers that come at once. Keepalives show that the stream outlives them.
func TestServerDeadlinesDoNotEndStreams(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		const deadline = 50 * time.Millisecond
		timed := b
		timed.start = func(h http.Handler) *httptest.Server {
			s := httptest.NewUnstartedServer(nil)
			s.Config.ReadTimeout, s.Config.WriteTimeout = deadline, deadline
			switch b.name {
			case "http2":
				s.EnableHTTP2 = true
				s.Config.Handler = h
				s.StartTLS()
				return s
			case "fallback":
				s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(plainWriter{w}, r) })
			case "wrapped":
				s.Listener = wrappingListener{s.Listener}
				s.Config.Handler = h
			default:
				s.Config.Handler = h
			}
			s.Start()
			return s
		}
		r := newRig(t, timed, Config{Keepalive: deadline / 2})
		s := r.events("a")
		s.want("retry: 1000")
		for range 8 {
			if got := s.block(); got != ":" {
				t.Fatalf("got %q, want a keepalive", got)
			}
		}
		r.publish("a", number(1))
		s.want(numberBlock(1))
	})
}

// A wrapper that implements Unwrap does not keep a connection from being parked.
func TestParkedThroughAWrapper(t *testing.T) {
	b := backends[0]
	b.start = func(h http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(unwrapper{w}, r)
		}))
	}
	r := newRig(t, b, Config{})
	s := r.events("a")
	r.held(b, 1, 0)
	r.publish("a", number(1))
	s.want("retry: 1000", numberBlock(1))
}

type unwrapper struct{ http.ResponseWriter }

func (u unwrapper) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// A handler's header cannot end the head of a raw response.
func TestRawHeadIsOneHead(t *testing.T) {
	header := http.Header{
		"X-Evil": {"a\r\nSet-Cookie: b"}, "Bad Name": {"x"}, "Transfer-Encoding": {"chunked"}, "Content-Length": {"7"}, "Connection": {"keep-alive"},
	}
	raw := (&Response{Status: 418, Body: []byte("tea")}).raw(1, header, false)
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(raw))), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "tea" || resp.StatusCode != 418 || !resp.Close || resp.ContentLength != 3 || resp.TransferEncoding != nil ||
		resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("X-Evil") != "a  Set-Cookie: b" {
		t.Errorf("response %s, %v, %q", resp.Status, resp.Header, got)
	}
}

// The end of a client is seen, bytes of one that is still there are not taken for it, and visit may remove.
func TestSweepSeesEndsOnly(t *testing.T) {
	var s sweep
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	const n = pollBatch + 7
	var clients, conns []net.Conn
	for range n {
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fd, ok := descriptor(conn)
		if !ok {
			t.Fatal("a TCP connection has a descriptor")
		}
		s.add(fd)
		clients, conns = append(clients, client), append(conns, conn)
	}
	for i, c := range clients {
		if i%3 == 0 {
			c.Close()
		} else {
			io.WriteString(c, "more")
		}
		conns[i].SetReadDeadline(time.Now().Add(testPatience))
		if _, err := conns[i].Read(make([]byte, 1)); (err == io.EOF) != (i%3 == 0) {
			t.Fatalf("read %d: %v", i, err)
		}
	}
	gone, last := 0, n
	s.gone(func(i int) {
		if i%3 != 0 || i >= last {
			t.Errorf("socket %d is said to be gone after %d", i, last)
		}
		last = i
		gone++
		s.remove(i)
	})
	if gone != (n+2)/3 || len(s.fds) != n-gone {
		t.Errorf("%d gone, %d left; want %d", gone, len(s.fds), (n+2)/3)
	}
	if _, ok := descriptor(struct{ net.Conn }{conns[0]}); ok {
		t.Error("the descriptor of a wrapped connection was taken")
	}
}
