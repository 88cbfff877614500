package host

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/tlsock"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { http.DefaultTransport.(*http.Transport).CloseIdleConnections() }))
}

// eachBackend runs a test against both backends, at the same time.
func eachBackend(t *testing.T, test func(t *testing.T, b Backend)) {
	for _, b := range []Backend{Goroutine, Epoll} {
		t.Run(string(b), func(t *testing.T) {
			if b == Epoll && !sock.Supported {
				t.Skip("not on this system")
			}
			t.Parallel()
			test(t, b)
		})
	}
}

// overTLS stands for Epoll with players who come over TLS.
const overTLS Backend = "tls"

// byUring stands for Epoll whose sends go by a ring.
const byUring Backend = "uring"

// eachLink is eachBackend, and the same over TLS and by a ring.
func eachLink(t *testing.T, test func(t *testing.T, b Backend)) {
	eachBackend(t, test)
	t.Run(string(overTLS), func(t *testing.T) {
		if !sock.Supported {
			t.Skip("not on this system")
		}
		t.Parallel()
		test(t, overTLS)
	})
	t.Run(string(byUring), func(t *testing.T) {
		ring, err := sock.NewRing(8)
		if err != nil {
			t.Skipf("not on this system: %v", err)
		}
		ring.Close()
		t.Parallel()
		test(t, byUring)
	})
}

// A town is the directory of the tests: it sells seats by writing tokens that say everything, and notes what it hears.
type town struct {
	mu       sync.Mutex
	heard    []string
	changed  chan struct{}
	confirms map[uint64]int
	onVerify error
	confirm  func(seat uint64) error
}

var (
	_ Seats     = (*town)(nil)
	_ Directory = (*town)(nil)
)

func newTown() *town { return &town{changed: make(chan struct{}), confirms: make(map[uint64]int)} }

type ticket struct {
	Room string
	Seat engine.Seat
}

// token is a seat of a room for the player of a slot.
func token(roomID string, slot int) string { return seatToken(roomID, slot, uint64(slot+1)) }

func seatToken(roomID string, slot int, seat uint64) string {
	b, _ := json.Marshal(ticket{roomID, engine.Seat{ID: seat, Slot: slot, PlayerID: fmt.Sprint("p", slot), Name: fmt.Sprint("Player ", slot)}})
	return string(b)
}

func (d *town) Verify(tok, roomID string) (engine.Seat, uint32, error) {
	var t ticket
	if json.Unmarshal([]byte(tok), &t) != nil || t.Room != roomID {
		return engine.Seat{}, 0, ErrToken
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return t.Seat, 1, d.onVerify
}

func (d *town) Confirm(_ context.Context, _ string, _ uint32, seat uint64) error {
	d.mu.Lock()
	d.confirms[seat]++
	f := d.confirm
	d.mu.Unlock()
	if f != nil {
		return f(seat)
	}
	return nil
}

func (d *town) note(format string, args ...any) {
	d.mu.Lock()
	d.heard = append(d.heard, fmt.Sprintf(format, args...))
	close(d.changed)
	d.changed = make(chan struct{})
	d.mu.Unlock()
}

func (d *town) RoomStarted(r string, e uint32) { d.note("started %s %d", r, e) }
func (d *town) RoomRestored(r string, e uint32, gone []uint64) {
	d.note("restored %s %d %v", r, e, gone)
}
func (d *town) RoomRefused(r string, e uint32, t string)  { d.note("refused %s %d %s", r, e, t) }
func (d *town) SeatFreed(r string, e uint32, seat uint64) { d.note("freed %s %d %d", r, e, seat) }
func (d *town) SetLocked(r string, e uint32, on bool)     { d.note("locked %s %d %v", r, e, on) }
func (d *town) SetMetadata(r string, e uint32, k, v string) {
	d.note("metadata %s %d %s=%s", r, e, k, v)
}
func (d *town) EndIfIdle(r string, e uint32) { d.note("idle %s %d", r, e) }
func (d *town) RoomEnded(r string, e uint32, code wire.CloseCode, reason string, result []byte) {
	if result != nil {
		reason = string(result)
	}
	d.note("ended %s %d %d %s", r, e, code, reason)
}

// await waits until a line that starts so was heard n times.
func (d *town) await(tb testing.TB, prefix string, n int) string {
	tb.Helper()
	timeout := time.After(patience)
	for {
		d.mu.Lock()
		seen, last, changed := 0, "", d.changed
		for _, line := range d.heard {
			if strings.HasPrefix(line, prefix) {
				seen, last = seen+1, line
			}
		}
		all := slices.Clone(d.heard)
		d.mu.Unlock()
		if seen >= n {
			return last
		}
		select {
		case <-changed:
		case <-timeout:
			tb.Fatalf("the directory was never told %q %d times; heard %q", prefix, n, all)
		}
	}
}

// A rig is a host behind an HTTP server on loopback.
type rig struct {
	tb   testing.TB
	host *Host
	town *town
	url  string // of the HTTP server
	wss  string // where players go, if they go over TLS
	tls  *tls.Config
	mux  *http.ServeMux
	list []Assignment
}

func newRig(tb testing.TB, b Backend, change func(*Config)) *rig {
	tb.Helper()
	d := newTown()
	secure := b == overTLS
	if secure {
		b = Epoll
	}
	sends := Plain
	if b == byUring {
		b, sends = Epoll, Uring
	}
	cfg := Config{
		Sends: sends,
		Games: []*room.Program{dotProgram(tb, "dots", nil)}, Seats: d, Directory: d, Backend: b,
		Log: zerolog.New(zerolog.NewTestWriter(tb)).Level(zerolog.Disabled),
	}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := h.Start(); err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/rooms/{id}/ws", func(w http.ResponseWriter, r *http.Request) { h.ServeWS(w, r, r.PathValue("id")) })
	srv := httptest.NewServer(mux)
	r := &rig{tb: tb, host: h, town: d, url: srv.URL, mux: mux}
	if secure {
		r.listenTLS()
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			tb.Errorf("close: %v", err)
		}
		if n := h.Stats().Connections.Load(); n != 0 {
			tb.Errorf("%d connections are still counted", n)
		}
		srv.Close()
	})
	return r
}

// listenTLS serves the same over TLS, as a node does.
func (r *rig) listenTLS() {
	srv := httptest.NewUnstartedServer(r.mux)
	srv.Listener = tlsock.Listener(srv.Listener)
	srv.StartTLS()
	r.tb.Cleanup(srv.Close)
	r.wss = "wss" + strings.TrimPrefix(srv.URL, "https")
	r.tls = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	r.tls.NextProtos = nil
}

// open starts rooms of the game of dots and waits for them.
func (r *rig) open(ids ...string) {
	r.tb.Helper()
	for _, id := range ids {
		r.assign(Assignment{Room: id, Game: "dots", Seed: 1})
	}
	for _, id := range ids {
		r.town.await(r.tb, "started "+id, 1)
	}
}

func (r *rig) assign(a Assignment) {
	r.list = append(r.list, a)
	r.host.Reconcile(r.list)
}

func (r *rig) wsURL(id string) string {
	return "ws" + strings.TrimPrefix(r.url, "http") + "/v1/rooms/" + id + "/ws"
}

func (r *rig) dial(id string) *client {
	r.tb.Helper()
	if r.tls != nil {
		return dialOver(r.tb, r.wss+"/v1/rooms/"+id+"/ws", r.tls)
	}
	return dial(r.tb, r.wsURL(id))
}

// join brings a player into a room.
func (r *rig) join(id string, slot int) *client {
	r.tb.Helper()
	c := r.dial(id)
	c.hello(token(id, slot), nil)
	c.untilWelcome()
	return c
}

// hostedBy is a room that a worker is about to get.
func hostedBy(w *worker, a Assignment) *hosted {
	h := &hosted{Assignment: a, state: running, labels: labelsOf(&a)}
	h.worker.Store(w)
	return h
}

// eventually waits for something that nothing announces.
func eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: never", what)
		}
		time.Sleep(time.Millisecond)
	}
}
