package swarm

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// A fakeServer is a game server of a goroutine per connection: each client has a room of its own, its own faults and a
// HASH every fourth state, so that short tests see many.
type fakeServer struct {
	*httptest.Server
	schema *client.Schema
	layout *view.Layout
	text   []byte
	seats  atomic.Uint32
	conns  sync.WaitGroup
	frames atomic.Int64

	// Chaos.
	away  atomic.Bool // sockets are refused
	lost  atomic.Bool // rooms are unknown
	epoch atomic.Uint32
	live  sync.Map // net.Conn → *fakeConn
	ticks sync.Map // slot → the tick its room is restored at
	used  sync.Map // by slot: the newest input in a state

	// Faults, by slot. Set before the run.
	flip  map[uint32]bool // a bit of one delta
	cut   map[uint32]bool // the socket dies after a second
	slow  map[uint32]bool // every third state is left out
	deny  map[uint32]bool // the token is refused
	quiet bool            // no metrics
}

func newFakeServer(tb testing.TB, input bool) *fakeServer {
	one, minus := int32(1), int32(-1)
	s := &fakeServer{schema: &client.Schema{
		Game: "fake", Version: 1, TickHz: 20, SendHz: 20, MaxPlayers: 8,
		Kinds: []view.Kind{{Name: "ship", Fields: []view.Field{{Name: "x", Type: view.Int}, {Name: "aim", Type: view.Angle, Turn: 1024}}}},
		Messages: []view.Message{
			{Name: "say", Rate: 5, Fields: []view.Field{{Name: "text", Type: view.Text, Max: &one}}},
			{Name: "play", Rate: 5, Fields: []view.Field{{Name: "card", Type: view.Int, Min: new(int32)}}},
		},
	}}
	if input {
		s.schema.Input = &view.Input{Mode: "one", Fields: []view.Field{
			{Name: "dx", Type: view.Int, Min: &minus, Max: &one}, {Name: "aim", Type: view.Angle, Turn: 1024}, {Name: "fire", Type: view.Bool},
		}}
	}
	layout, err := view.Compile(s.schema)
	if err != nil {
		tb.Fatal(err)
	}
	s.layout, s.text = layout, s.schema.JSON()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/rooms", s.createRoom)
	mux.HandleFunc("POST /v1/rooms/{id}/seats", s.reserve)
	mux.HandleFunc("GET /v1/rooms/{id}/ws", func(w http.ResponseWriter, r *http.Request) { s.play(tb, w, r) })
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /v1/games", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"games":[{"name":"chess","max_players":2},{"name":"fake","max_players":8}]}`)
	})
	s.Server = httptest.NewServer(mux)
	tb.Cleanup(func() { s.Close(); s.conns.Wait(); http.DefaultClient.CloseIdleConnections() })
	return s
}

// restoredTicks is how much of each room is forgotten at a restart.
const restoredTicks = 3

// dropAll cuts all sockets, as the end of the process would.
func (s *fakeServer) dropAll() {
	s.live.Range(func(k, _ any) bool { k.(net.Conn).Close(); return true })
	s.conns.Wait()
}

// back lets clients in again, at an earlier tick in a new epoch.
func (s *fakeServer) back(lose bool) {
	s.epoch.Add(1)
	s.lost.Store(lose)
	s.away.Store(false)
}

func (s *fakeServer) createRoom(w http.ResponseWriter, r *http.Request) {
	var req roomRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Game != "fake" || r.Header.Get("Idempotency-Key") == "" {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"Not Found","detail":"no such game"}`)
		return
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":"r%d"}`, s.seats.Load())
}

func (s *fakeServer) reserve(w http.ResponseWriter, r *http.Request) {
	var req seatsRequest
	json.NewDecoder(r.Body).Decode(&req)
	var all struct {
		Seats []client.Seat `json:"seats"`
	}
	for range req.Players {
		n := s.seats.Add(1)
		all.Seats = append(all.Seats, client.Seat{
			Room: r.PathValue("id"), Slot: n, Token: fmt.Sprint(n),
			URL: strings.Replace(s.URL, "http", "ws", 1) + "/v1/rooms/" + r.PathValue("id") + "/ws",
		})
	}
	json.NewEncoder(w).Encode(all)
}

func (s *fakeServer) metrics(w http.ResponseWriter, _ *http.Request) {
	if s.quiet {
		http.NotFound(w, nil)
		return
	}
	n := s.frames.Load()
	fmt.Fprintf(w, "# HELP x y\n%s %g\n%s 1e+07\n%s %d\n%s 4\n%s %d\n", metricCPU, float64(n)*10e-6, metricRSS, metricMallocs, 7*n, metricConnections, metricFrames, n)
	fmt.Fprintf(w, "%s{worker=\"0\"} %g\n%s{worker=\"1\"} %g\n", metricStep, float64(n)*1e-6, metricStep, float64(n)*1e-6)
	for _, le := range []string{"0.0001", "0.001", "+Inf"} {
		fmt.Fprintf(w, "%s_bucket{worker=\"0\",le=\"%s\"} %d\n", metricLate, le, n)
	}
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

// A fakeConn is one client of the fake server.
type fakeConn struct {
	s     *fakeServer
	conn  net.Conn
	slot  uint32
	inSeq atomic.Uint32
	left  atomic.Bool
	out   []byte
}

func (c *fakeConn) message(m []byte) {
	c.out = append(c.out, ws.MustCompileFrame(ws.NewBinaryFrame(m))...)
}

func (c *fakeConn) send() bool {
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err == nil
}

func (c *fakeConn) close(code wire.CloseCode) {
	c.out = append(c.out, ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), code.Reason())))...)
	c.send()
}

func (s *fakeServer) play(tb testing.TB, w http.ResponseWriter, r *http.Request) {
	if s.away.Load() || s.lost.Load() {
		status := http.StatusServiceUnavailable
		if s.lost.Load() {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		return
	}
	up := ws.HTTPUpgrader{Protocol: func(string) bool { return true }}
	conn, _, _, err := up.Upgrade(r, w)
	if err != nil {
		return
	}
	s.conns.Add(1)
	defer s.conns.Done()
	defer conn.Close()
	_, first, err := readFrame(conn)
	if err != nil {
		return
	}
	h, err := wire.ParseHello(first)
	if err != nil {
		tb.Errorf("HELLO: %v", err)
		return
	}
	c := &fakeConn{s: s, conn: conn}
	fmt.Sscan(strings.TrimPrefix(h.Token, "key-"), &c.slot)
	if s.deny[c.slot] {
		c.message(wire.AppendErr(nil, wire.Err{Code: uint32(wire.CloseToken), Text: "no"}))
		c.close(wire.CloseToken)
		return
	}
	s.live.Store(conn, c)
	defer s.live.Delete(conn)
	var reader sync.WaitGroup
	reader.Go(func() { c.read(tb) })
	defer reader.Wait()
	defer conn.Close()
	c.run(r.PathValue("id"), h.Resuming)
}

func (c *fakeConn) read(tb testing.TB) {
	for {
		h, m, err := readFrame(c.conn)
		if err != nil {
			return
		}
		switch t, _ := wire.PeekType(m); t {
		case wire.TypeInput:
			in, err := wire.ParseInput(m)
			if err != nil || in.N%3 != 0 || !h.Masked {
				tb.Errorf("INPUT % x: %v", m, err)
			}
			if x := in.Values.Int32(); x < -1 || x > 1 {
				tb.Errorf("dx = %d", x)
			}
			c.inSeq.Store(in.Seq)
		case wire.TypeMsg:
			if msg, err := wire.ParseMsg(m); err != nil || msg.ID != 1 {
				tb.Errorf("MSG % x: %v", m, err)
			}
		case wire.TypeLeave:
			c.left.Store(true)
		}
	}
}

// run is the connection's life: WELCOME, a snapshot, then 20 states a second.
func (c *fakeConn) run(room string, resumed bool) {
	w := wire.Welcome{
		Version: 1, Session: c.slot, Key: fmt.Sprintf("key-%d", c.slot), Room: room, Slot: c.slot, Epoch: 1 + c.s.epoch.Load(), Tick: 1,
		TickHz: 20, SendHz: 20, SchemaHash: wire.Murmur32(c.s.text), Schema: c.s.text,
		Limits: wire.Limits{MaxMessageBytes: 4096, GraceMS: 30000, PingTimeoutMS: 10000},
	}
	restored := uint32(0)
	if at, ok := c.s.ticks.Load(c.slot); ok && w.Epoch > 1 {
		restored = at.(uint32) - restoredTicks
		w.Tick = restored
	}
	if used, ok := c.s.used.Load(c.slot); ok {
		w.InSeq = used.(uint32) - min(used.(uint32), restoredTicks)
		c.inSeq.Store(w.InSeq)
	}
	if resumed {
		w.Resumed = wire.ResumedSnapshot
	}
	c.message(wire.AppendWelcome(nil, &w))
	base, cur := c.s.layout.NewFrame(), c.s.layout.NewFrame()
	sentTick, sentIn := uint32(0), uint32(0)
	start := time.Now()
	for t := restored + 1; !c.left.Load(); t++ {
		time.Sleep(time.Until(start.Add(time.Duration(t-restored) * 50 * time.Millisecond))) // a late tick is made up for
		if c.s.cut[c.slot] && t == 30 && !resumed {
			return
		}
		if c.s.slow[c.slot] && t%3 == 0 {
			continue
		}
		cur.Reset()
		vals := cur.Add(0, 1)
		vals[0], vals[1] = int32(100+t), int32(t)%1024
		cur.Seal()
		in := c.inSeq.Load()
		body, n := view.AppendDelta(nil, base, cur, 0)
		if c.s.flip[c.slot] && t == 26 {
			body[len(body)-1] ^= 4
		}
		head := wire.AppendSnapshotHead(nil, n, w.Epoch, t, in)
		if sentTick > 0 {
			head = wire.AppendDeltaHead(nil, n, t-sentTick, in-sentIn)
		}
		c.message(append(head, body...))
		if t%4 == 0 {
			c.message(wire.AppendHash(nil, wire.Hash{Tick: t, Hash: cur.Hash()}))
		}
		sentTick, sentIn = t, in
		base, cur = cur, base
		c.s.frames.Add(1)
		if !c.send() {
			return
		}
		c.s.ticks.Store(c.slot, t)
		c.s.used.Store(c.slot, in)
	}
	c.close(wire.CloseLeft)
}
