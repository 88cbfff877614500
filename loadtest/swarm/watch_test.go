package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

// A fakeDirectory is one room that can be watched, and a counter of what was asked.
type fakeDirectory struct {
	*httptest.Server
	key  string // that calls must show
	deaf bool   // every third watcher hears nothing
	hang bool   // connections are closed behind a poll's answer

	mu       sync.Mutex
	version  int
	n        string
	changed  chan struct{} // closed at each change
	watchers int
	rooms    int
	joins    int
}

func newFakeDirectory(tb testing.TB) *fakeDirectory {
	f := &fakeDirectory{changed: make(chan struct{}), key: "secret"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/rooms", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		f.rooms++
		f.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"r1"}`)
	})
	mux.HandleFunc("POST /v1/join", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		f.joins++
		f.mu.Unlock()
		fmt.Fprint(w, `{"room":"r1"}`)
	})
	mux.HandleFunc("GET /v1/rooms/r1", f.read)
	mux.HandleFunc("GET /v1/rooms/r1/events", f.events)
	mux.HandleFunc("PATCH /v1/rooms/r1", f.change)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		fmt.Fprintf(w, "%s %g\n%s %d\n", metricCPU, 0.002*float64(f.joins), metricRSS, 1<<20+f.watchers*5000)
	})
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+f.key {
			http.Error(w, "no key", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(func() { f.Close(); http.DefaultClient.CloseIdleConnections() })
	return f
}

// watch is the room now, and what tells of its next change. lucky is false for a watcher that shall hear nothing.
func (f *fakeDirectory) watch(isNew bool) (etag, body string, next chan struct{}, lucky bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if isNew {
		f.watchers++
	}
	return fmt.Sprintf(`"%d"`, f.version), fmt.Sprintf(`{"id":"r1","metadata":{"n":%q},"version":%d}`, f.n, f.version), f.changed, !f.deaf || f.watchers%3 != 0
}

func (f *fakeDirectory) read(w http.ResponseWriter, r *http.Request) {
	polls := r.URL.Query().Get("wait") != ""
	etag, body, next, lucky := f.watch(polls && r.Header.Get("If-None-Match") == `"0"`)
	for polls && (etag == r.Header.Get("If-None-Match") || !lucky) {
		select {
		case <-r.Context().Done():
			return
		case <-next:
		}
		etag, body, next, _ = f.watch(false)
	}
	if polls && f.hang {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("ETag", etag)
	fmt.Fprint(w, body)
}

func (f *fakeDirectory) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, body, next, lucky := f.watch(true)
	for {
		if lucky {
			half := len(body) / 2 // in two pieces, between which a marker may stand
			fmt.Fprint(w, "data: "+body[:half])
			w.(http.Flusher).Flush()
			fmt.Fprint(w, body[half:]+"\n\n")
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-next:
		}
		_, body, next, _ = f.watch(false)
	}
}

func (f *fakeDirectory) change(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Metadata map[string]string `json:"metadata"`
	}
	err := json.NewDecoder(r.Body).Decode(&req)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || r.Header.Get("If-Match") != fmt.Sprintf(`"%d"`, f.version) {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	f.version++
	f.n = req.Metadata["n"]
	close(f.changed)
	f.changed = make(chan struct{})
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, f.version))
	fmt.Fprint(w, `{}`)
}

func TestStreams(t *testing.T) {
	if !sock.Supported {
		t.Skip("streams need raw sockets")
	}
	for _, kind := range []string{"sse", "poll", "poll, closed"} {
		t.Run(kind, func(t *testing.T) {
			f := newFakeDirectory(t)
			kind, _, closes := strings.Cut(kind, ", ")
			f.hang = closes
			r, err := MeasureStreams(t.Context(), StreamsConfig{
				URL: f.URL, Game: "fake", Kind: kind, Count: 90, Changes: 3, APIKey: "secret", settle: 200 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Errors) != 0 || r.Missed != 0 || r.Count != 90 || r.RSSBytesPerStream == nil || *r.RSSBytesPerStream != 5000 ||
				r.ReachMS.P50 <= 0 || r.ReachMS.Max < r.ReachMS.P50 {
				t.Errorf("report %+v", r)
			}
			text, err := json.Marshal(r)
			for _, key := range []string{`"kind"`, `"count":90`, `"rss_bytes_per_stream":5000`, `"reach_ms":{"p50"`, `"missed":0`} {
				if err != nil || !strings.Contains(string(text), key) {
					t.Errorf("JSON has no %s: %s", key, text)
				}
			}
		})
	}
}

func TestStreamsThatHearNothing(t *testing.T) {
	if !sock.Supported {
		t.Skip("streams need raw sockets")
	}
	f := newFakeDirectory(t)
	f.deaf = true
	r, err := MeasureStreams(t.Context(), StreamsConfig{
		URL: f.URL, Game: "fake", Kind: "sse", Count: 9, Changes: 1, APIKey: "secret", settle: 200 * time.Millisecond, giveUp: 300 * time.Millisecond,
	})
	if err != nil || r.Missed != 3 || len(r.Errors) != 1 || !strings.Contains(r.Errors[0], "3 of 9 × 1 changes did not arrive") {
		t.Fatalf("report %+v, %v", r, err)
	}
	for _, c := range []struct {
		name string
		cfg  StreamsConfig
		want string
	}{
		{"wrong path", StreamsConfig{Path: "/nowhere"}, "the server answers 404"},
		{"wrong key", StreamsConfig{APIKey: "other"}, "401"},
		{"TLS", StreamsConfig{URL: "https://x"}, "want http://HOST"},
		{"a kind that is none", StreamsConfig{Kind: "carrier pigeon"}, "want sse or poll"},
	} {
		cfg := StreamsConfig{URL: f.URL, Game: "fake", Kind: "sse", Count: 2, APIKey: "secret", settle: 300 * time.Millisecond, Path: c.cfg.Path}
		for _, set := range []struct {
			to   *string
			from string
		}{{&cfg.URL, c.cfg.URL}, {&cfg.Kind, c.cfg.Kind}, {&cfg.APIKey, c.cfg.APIKey}} {
			if set.from != "" {
				*set.to = set.from
			}
		}
		if r, err := MeasureStreams(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v, want %q", c.name, r, err, c.want)
		}
	}
}

func TestAnswersInPieces(t *testing.T) {
	for _, c := range []struct {
		name, data  string
		head, whole int
	}{
		{"nothing", "", -1, -1},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le", -1, -1},
		{"a body", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", 38, 40},
		{"no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 48, 48},
		{"chunks to come", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{", 47, -1},
		{"all chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n", 47, 58},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", 19, maxPartial + 1},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 39, maxPartial + 1},
	} {
		if head, whole := answerLength([]byte(c.data)); head != c.head || whole != c.whole {
			t.Errorf("%s: head %d, whole %d, want %d, %d", c.name, head, whole, c.head, c.whole)
		}
	}
}

// FuzzAnswer feeds what a server may send: no bytes may panic or make the loop believe in more than there is.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		head, whole := answerLength(data)
		if head > len(data) || whole >= 0 && whole < head || whole > len(data)+maxPartial+1 {
			t.Errorf("head %d, whole %d of %d bytes", head, whole, len(data))
		}
		if s := statusOf(data); s < -99 || s > 999 {
			t.Errorf("status %d", s)
		}
	})
}

func TestJoins(t *testing.T) {
	f := newFakeDirectory(t)
	r, err := MeasureJoins(t.Context(), JoinsConfig{URL: f.URL, Game: "fake", Rooms: 50, Joins: 40, APIKey: "secret", idle: time.Millisecond})
	if err != nil || f.rooms != 50 || f.joins != 40 || r.CPUMSPerJoin != 2 || r.P50MS <= 0 || r.P99MS < r.P50MS || r.Rooms != 50 || r.Joins != 40 {
		t.Errorf("%d rooms, %d joins, report %+v, %v", f.rooms, f.joins, r, err)
	}
	if _, err := MeasureJoins(t.Context(), JoinsConfig{URL: f.URL, Game: "fake", Rooms: 1, Joins: 1, APIKey: "other"}); err == nil {
		t.Error("a wrong key is no error")
	}
	if _, err := MeasureJoins(t.Context(), JoinsConfig{URL: f.URL, Game: "fake"}); !errors.Is(err, ErrConfig) {
		t.Errorf("no joins: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := MeasureJoins(ctx, JoinsConfig{URL: f.URL, Game: "fake", Joins: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
