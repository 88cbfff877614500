package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const testPatience = 20 * time.Second

// A backend is one of the ways in which answers are held. All keep one contract.
type backend struct {
	name  string
	parks bool
	start func(http.Handler) *httptest.Server
}

var backends = []backend{
	{"parked", canPark, httptest.NewServer},
	{"fallback", false, func(h http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(plainWriter{w}, r)
		}))
	}},
	{"http2", false, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true
		s.StartTLS()
		return s
	}},
	{"wrapped", false, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Listener = wrappingListener{s.Listener}
		s.Start()
		return s
	}},
}

// A plainWriter has no Hijack.
type plainWriter struct{ w http.ResponseWriter }

func (p plainWriter) Header() http.Header         { return p.w.Header() }
func (p plainWriter) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p plainWriter) WriteHeader(status int)      { p.w.WriteHeader(status) }
func (p plainWriter) FlushError() error           { return http.NewResponseController(p.w).Flush() }
func (p plainWriter) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(p.w).SetReadDeadline(t)
}
func (p plainWriter) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(p.w).SetWriteDeadline(t)
}

// A wrappingListener's connections can be taken and are no plain sockets.
type wrappingListener struct{ net.Listener }

func (l wrappingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

// A rig is a Hub behind a real server. GET /events?topic= and /wait?topic=.
type rig struct {
	tb     testing.TB
	hub    *Hub
	srv    *httptest.Server
	client *http.Client

	// Set before the first request.
	first  func(topic string) ([]Event, bool)
	answer func(final bool) *Response
	wait   time.Duration
}

func newRig(tb testing.TB, b backend, cfg Config) *rig {
	tb.Helper()
	r := &rig{tb: tb, hub: New(cfg), wait: testPatience}
	mux := http.NewServeMux()
	mux.HandleFunc("/events", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", req.Header.Get("Origin"))
		topic := req.FormValue("topic")
		r.hub.Events(w, req, topic, func() ([]Event, bool) {
			if r.first == nil {
				return nil, false
			}
			return r.first(topic)
		})
	})
	mux.HandleFunc("/wait", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", req.Header.Get("Origin"))
		w.Header().Set("Transfer-Encoding", "identity") // must not get through
		r.hub.Wait(w, req, req.FormValue("topic"), r.wait, r.answer)
	})
	r.srv = b.start(mux)
	r.srv.Config.ErrorLog = nil
	r.client = r.srv.Client()
	r.client.Timeout = testPatience
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testPatience)
		defer cancel()
		if err := r.hub.Close(ctx); err != nil {
			tb.Errorf("Close = %v", err)
		}
		r.client.CloseIdleConnections()
		r.srv.Close()
	})
	return r
}

// request answers with the response to GET path?topic=, with more headers in pairs.
func (r *rig) request(method, path, topic string, headers ...string) *http.Response {
	r.tb.Helper()
	req, err := http.NewRequestWithContext(r.tb.Context(), method, r.srv.URL+path+"?topic="+url.QueryEscape(topic), nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	req.Header.Set("Origin", "https://page.test")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { resp.Body.Close() })
	return resp
}

// A reader reads an event stream.
type reader struct {
	tb   testing.TB
	body io.Closer
	in   *bufio.Reader
}

// events opens a stream.
func (r *rig) events(topic string, headers ...string) *reader {
	r.tb.Helper()
	resp := r.request(http.MethodGet, "/events", topic, headers...)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		r.tb.Fatalf("GET /events = %s, %v", resp.Status, resp.Header)
	}
	return &reader{r.tb, resp.Body, bufio.NewReader(resp.Body)}
}

// block is the lines up to an empty one; "" at the end of the stream.
func (r *reader) block() string {
	r.tb.Helper()
	var lines []string
	for {
		line, err := r.in.ReadString('\n')
		switch {
		case err == io.EOF && line == "" && lines == nil:
			return ""
		case err != nil:
			r.tb.Fatalf("read stream: %v after %.100q", err, append(lines, line))
		case line == "\n":
			return strings.Join(lines, "|")
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// next is the next block that is no keepalive.
func (r *reader) next() string {
	r.tb.Helper()
	for {
		if b := r.block(); b != ":" {
			return b
		}
	}
}

func (r *reader) want(blocks ...string) {
	r.tb.Helper()
	for i, want := range blocks {
		if got := r.next(); got != want {
			r.tb.Fatalf("block %d = %q, want %q", i, got, want)
		}
	}
}

// number is event number i of a test, which the client can check.
func number(i int) Event { return Event{ID: fmt.Sprint(i), Name: "n", Data: fmt.Appendf(nil, "%d", i)} }

func numberBlock(i int) string { return fmt.Sprintf("id: %d|event: n|data: %d", i, i) }

func (r *rig) publish(topic string, e Event) {
	r.hub.Publish(topic, func() (Event, bool) { return e, false })
}

// eventually waits for something that nothing announces.
func (r *rig) eventually(what string, cond func(Stats) bool) {
	r.tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testPatience); !cond(r.hub.Stats()); <-tick.C {
		if time.Now().After(deadline) {
			r.tb.Fatalf("%s: never; %+v", what, r.hub.Stats())
		}
	}
}

// held waits until the Hub holds that many answers, in the backend's way.
func (r *rig) held(b backend, streams, polls int) {
	r.tb.Helper()
	parked := 0
	if b.parks {
		parked = streams + polls
	}
	r.eventually(fmt.Sprintf("%d streams and %d polls", streams, polls), func(s Stats) bool {
		return s.Streams == streams && s.Polls == polls && s.Parked == parked
	})
}

// forEach runs a test with each backend.
func forEach(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) { test(t, b) })
	}
}

func wantProblem(tb testing.TB, resp *http.Response, status int, code, retry string) {
	tb.Helper()
	var p problem
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	if err != nil || resp.StatusCode != status || p.Code != code || p.Status != status || resp.Header.Get("Retry-After") != retry {
		tb.Errorf("got %s, Retry-After %q, %q (%v); want %d %s, Retry-After %q",
			resp.Status, resp.Header.Get("Retry-After"), body, err, status, code, retry)
	}
}
