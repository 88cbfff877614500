package edge

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// A rig is an edge, what it counted, and a clock that stands still.
type rig struct {
	*Edge
	at      time.Time
	refused map[string]int
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{at: start, refused: map[string]int{}}
	cfg.Now = func() time.Time { return r.at }
	cfg.Refused = func(reason string) { r.refused[reason]++ }
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Edge = e
	return r
}

// request makes a request of peer's. "Host: x" sets the host.
func request(t testing.TB, method, path, peer string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.RemoteAddr = peer
	r.Host = "game.example.com"
	for _, line := range headers {
		k, v, _ := strings.Cut(line, ": ")
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Add(k, v)
	}
	return r
}

// send sends a request through the whole edge; 204 means that it arrived.
func send(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var arrived = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

// code is the code of a problem, which must be whole.
func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code < 400 {
		return ""
	}
	var body struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || body.Status != w.Code || body.Detail == "" || body.Type != "about:blank" || body.Title == "" {
		t.Errorf("not a problem: %s %s", w.Header(), w.Body)
	}
	return body.Code
}

func origins(t testing.TB, list ...string) Origins {
	t.Helper()
	o, err := ParseOrigins(list)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A lockedBuffer is written by a goroutine and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	// Guarded by mu: closed with the first line
	wrote chan struct{}
}

func newLockedBuffer() *lockedBuffer { return &lockedBuffer{wrote: make(chan struct{})} }

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() == 0 {
		close(l.wrote)
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
