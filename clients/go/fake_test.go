package client

import (
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// testSchema is a game with numbers, an angle, a text and an input.
func testSchema() *Schema {
	most := int32(20)
	return &Schema{
		Game: "test", Version: 1, TickHz: 20, SendHz: 20, MaxPlayers: 8,
		Kinds: []view.Kind{{Name: "ship", Fields: []view.Field{
			{Name: "x", Type: view.Fixed, Scale: 32, Pos: "x"}, {Name: "y", Type: view.Fixed, Scale: 32, Pos: "y"},
			{Name: "z", Type: view.Int}, {Name: "aim", Type: view.Angle, Turn: 1024}, {Name: "hp", Type: view.Int},
			{Name: "name", Type: view.Text, Max: &most}, {Name: "owner", Type: view.Int, Owner: true},
		}}},
		Input:    &view.Input{Mode: "one", Fields: []view.Field{{Name: "dx", Type: view.Int}, {Name: "fire", Type: view.Bool}}},
		Messages: []view.Message{{Name: "play", Rate: 5, Fields: []view.Field{{Name: "card", Type: view.Int}}}},
		Events:   []view.Event{{Name: "hit", Fields: []view.Field{{Name: "by", Type: view.Int}}}},
	}
}

// plainSchema is 8 × 7 numbers, for benchmarks.
func plainSchema() *Schema {
	s := testSchema()
	s.Kinds = []view.Kind{{Name: "thing"}}
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		s.Kinds[0].Fields = append(s.Kinds[0].Fields, view.Field{Name: n, Type: view.Int})
	}
	return s
}

// A fakeServer makes the frames of one session's server from wire and view, without a socket.
type fakeServer struct {
	text   []byte
	layout *view.Layout
	cur    *view.Frame // shared, K sections
	base   *view.Frame // as last sent
	priv   *view.Frame
	welc   wire.Welcome
	epoch  uint32
	tick   uint32
	inSeq  uint32
	sentT  uint32 // tick of the last state sent
	sentIn uint32
	buf    []byte
}

func newFake(tb testing.TB, s *Schema) *fakeServer {
	tb.Helper()
	l, err := view.Compile(s)
	if err != nil {
		tb.Fatal(err)
	}
	f := &fakeServer{text: s.JSON(), layout: l, cur: l.NewFrame(), base: l.NewFrame(), priv: l.NewFrame(), epoch: 1, tick: 1}
	f.welc = wire.Welcome{
		Version: 1, Session: 9, Key: "key-1", Room: "room", Slot: 2, Epoch: 1, Tick: 1, TickHz: 20, SendHz: 20,
		SchemaHash: wire.Murmur32(f.text), Schema: f.text, URLs: []string{"ws://other/ws"},
		Limits: wire.Limits{MaxMessageBytes: 4096, MaxFramesPerSecond: 240, InputQueue: 8, GraceMS: 30000, PingTimeoutMS: 10000},
	}
	return f
}

func (f *fakeServer) welcome() []byte {
	f.welc.Epoch, f.welc.Tick = f.epoch, f.tick
	return wire.AppendWelcome(nil, &f.welc)
}

// put sets an entity of the shared view.
func put(f *view.Frame, id uint32, vals ...int32) {
	copy(f.Add(0, id), vals)
}

// step starts the view of the next tick; the caller puts entities and seals.
func (f *fakeServer) step(ticks uint32) *view.Frame {
	f.tick += ticks
	f.cur.Reset()
	return f.cur
}

func (f *fakeServer) body(base *view.Frame) ([]byte, int) {
	if err := f.cur.Seal(); err != nil {
		panic(err)
	}
	body, n := view.AppendDelta(f.buf[:0], base, f.cur, 0)
	f.buf = body
	return body, n
}

func (f *fakeServer) sent() {
	f.base.CopyFrom(f.cur)
	f.sentT, f.sentIn = f.tick, f.inSeq
}

func (f *fakeServer) snapshot() []byte {
	body, n := f.body(nil)
	defer f.sent()
	return append(wire.AppendSnapshotHead(nil, n, f.epoch, f.tick, f.inSeq), body...)
}

func (f *fakeServer) delta() []byte {
	body, n := f.body(f.base)
	defer f.sent()
	return append(wire.AppendDeltaHead(nil, n, f.tick-f.sentT, f.inSeq-f.sentIn), body...)
}

// deltaB stands on the last state sent, which was of epoch.
func (f *fakeServer) deltaB(epoch uint32) []byte {
	body, n := f.body(f.base)
	defer f.sent()
	return append(wire.AppendDeltaBHead(nil, n, f.epoch, f.tick, epoch, f.sentT, f.inSeq, 0), body...)
}

// hash is the HASH of what the client must hold after the last state.
func (f *fakeServer) hash() []byte {
	var h wire.WordHash
	f.base.HashInto(&h, 0)
	return wire.AppendHash(nil, wire.Hash{Tick: f.sentT, Hash: h.Sum()})
}

// outgoing takes all messages a core wants to send.
func outgoing(c *Core) (msgs [][]byte) {
	for m := c.Outgoing(); m != nil; m = c.Outgoing() {
		msgs = append(msgs, append([]byte(nil), m...))
	}
	return msgs
}

// only returns the messages of one type.
func only(tb testing.TB, msgs [][]byte, t wire.Type) (some [][]byte) {
	tb.Helper()
	for _, m := range msgs {
		got, err := wire.PeekType(m)
		if err != nil {
			tb.Fatalf("client sent % x: %v", m, err)
		}
		if got == t {
			some = append(some, m)
		}
	}
	return some
}

func receive(tb testing.TB, c *Core, now time.Duration, msg []byte) {
	tb.Helper()
	if err := c.Receive(now, msg); err != nil {
		tb.Fatalf("Receive: %v", err)
	}
}

// join takes a core up to its first snapshot.
func join(tb testing.TB, cfg Config, f *fakeServer) *Core {
	tb.Helper()
	if cfg.Token == "" && cfg.Saved == nil {
		cfg.Token = "seat"
	}
	if cfg.URL == "" {
		cfg.URL = "ws://home/ws"
	}
	if cfg.Rand == nil {
		cfg.Rand = func() float64 { return 0.5 }
	}
	c := New(cfg)
	c.Start(0)
	receive(tb, c, 0, f.welcome())
	v := f.step(1)
	for id := range uint32(8) {
		put(v, id, int32(id)*100, 5, 6, 7, 8)
	}
	addNames(f)
	receive(tb, c, 0, f.snapshot())
	outgoing(c)
	return c
}

// addNames gives each entity a text if the game has one.
func addNames(f *fakeServer) {
	if f.layout.Width(0) != 7 || string(f.text) == string(plainSchema().JSON()) {
		return
	}
	f.cur.Seal()
	for i := range f.cur.Len(0) {
		_, vals := f.cur.At(0, i)
		vals[5] = f.cur.AddText(0, "name")
	}
}
