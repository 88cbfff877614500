package view

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

func compile(t testing.TB, s *Schema) *Layout {
	t.Helper()
	l, err := Compile(s)
	if err != nil {
		t.Fatalf("Compile %s: %v", s.JSON(), err)
	}
	return l
}

func numbers(n int) []Field {
	fields := make([]Field, n)
	for i := range fields {
		fields[i] = Field{Name: string(rune('a' + i)), Type: Int}
	}
	return fields
}

func schemaOf(kinds ...Kind) *Schema {
	return &Schema{Game: "test", TickHz: 20, SendHz: 20, MaxPlayers: 8, Kinds: kinds}
}

// A body turns what the client holds into exactly what the server recorded, from the last frame, from an older one, from
// nothing; shared and private parts follow one another in one body; both sides come to one hash.
func TestDeltaBringsClientToServersFrame(t *testing.T) {
	ticks := 1000
	if testing.Short() {
		ticks = 200
	}
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 11))
		s := randomSchema(rng)
		l := compile(t, s)
		for tick, p := 1, newPair(t, l, s); tick <= ticks; tick++ {
			p.step(rng)
			if t.Failed() {
				t.Fatalf("seed %d, tick %d, schema %s", seed, tick, s.JSON())
			}
		}
	}
}

// A pair is a server's views of the last ticks and the client that follows them.
type pair struct {
	testing.TB
	layout  *Layout
	schema  *Schema
	shared  []model // newest last
	private []model
	held    []*Frame // by the client, of the same ticks
}

const keep = 8

func newPair(t testing.TB, l *Layout, s *Schema) *pair {
	return &pair{TB: t, layout: l, schema: s, shared: []model{newModel(l.Kinds())}, private: []model{newModel(l.Kinds())},
		held: []*Frame{l.NewClientFrame()}}
}

// step makes a tick and brings the client there, on a base chosen at random.
func (p *pair) step(rng *rand.Rand) {
	n := len(p.held)
	shared, private := p.shared[n-1], p.private[n-1]
	if rng.IntN(10) > 0 {
		shared, private = shared.evolve(rng, p.schema), private.evolve(rng, p.schema)
	}
	back := 1
	switch rng.IntN(6) {
	case 0:
		back = 1 + rng.IntN(n) // DELTAB on an older state
	case 1:
		back = 0 // SNAPSHOT
	}
	fresh := back == 0 || rng.IntN(4) == 0
	got := p.send(rng, shared, private, back, fresh)
	p.check(got, shared, private)
	p.shared, p.private, p.held = append(p.shared, shared), append(p.private, private), append(p.held, got)
	if len(p.held) > keep {
		p.shared, p.private, p.held = p.shared[1:], p.private[1:], p.held[1:]
	}
}

// send encodes the step from the state back ticks ago (0: nothing) and decodes it.
func (p *pair) send(rng *rand.Rand, shared, private model, back int, fresh bool) *Frame {
	var base, privBase, held *Frame
	if back > 0 {
		i := len(p.held) - back
		base, held = p.shared[i].frame(p, p.layout, rng), p.held[i]
		if !fresh {
			privBase = p.private[i].frame(p, p.layout, rng)
		}
	}
	sharedNow, privNow := shared.frame(p, p.layout, rng), private.frame(p, p.layout, rng)
	body, n := AppendDelta(nil, base, sharedNow, 0)
	body, m := AppendDelta(body, privBase, privNow, p.layout.Kinds())
	if want := countElements(p, body); n+m != want {
		p.Errorf("body of %d elements counted as %d: %x", want, n+m, body)
	}
	got := p.layout.NewClientFrame()
	r := wire.NewReader(body)
	if err := Decode(got, held, &r, n+m, fresh); err != nil || r.Len() != 0 {
		p.Errorf("Decode %x: %v, %d bytes left", body, err, r.Len())
	}
	var h wire.WordHash
	sharedNow.HashInto(&h, 0)
	privNow.HashInto(&h, p.layout.Kinds())
	if got.Hash() != h.Sum() {
		p.Errorf("hash of the client %08x, of the server %08x", got.Hash(), h.Sum())
	}
	return got
}

func (p *pair) check(got *Frame, shared, private model) {
	k := p.layout.Kinds()
	if s := shared.diff(got, 0); s != "" {
		p.Errorf("shared: %s", s)
	}
	if s := private.diff(got, k); s != "" {
		p.Errorf("private: %s", s)
	}
	if want := murmur3(append(shared.words(0), private.words(k)...)); got.Hash() != want {
		p.Errorf("Hash %08x, by the letter of the protocol %08x", got.Hash(), want)
	}
}

func TestNothingChangedIsAnEmptyBody(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s := randomSchema(rng)
		l := compile(t, s)
		m := newModel(l.Kinds()).evolve(rng, s).evolve(rng, s)
		if body, n := AppendDelta(nil, m.frame(t, l, rng), m.frame(t, l, rng), 0); len(body) != 0 || n != 0 {
			t.Errorf("seed %d: body %x of %d elements, want none", seed, body, n)
		}
		if body, n := AppendDelta(nil, nil, l.NewFrame(), 0); len(body) != 0 || n != 0 {
			t.Errorf("seed %d: snapshot of nothing: %x of %d elements", seed, body, n)
		}
	}
}

// The worked example of docs/PROTOCOL.md §5.1, byte for byte.
func TestWorkedExample(t *testing.T) {
	l := compile(t, schemaOf(Kind{Name: "dot", Fields: numbers(2)}))
	record := func(m model) *Frame { return m.frame(t, l, rand.New(rand.NewPCG(1, 1))) }
	base := record(model{{0: {int32(10), int32(20)}, 4: {int32(1), int32(1)}}})
	cur := record(model{{0: {int32(13), int32(18)}}})
	private := record(model{{7: {int32(5), int32(9)}}})

	body, n := AppendDelta(nil, base, cur, 0)
	body, m := AppendDelta(body, nil, private, l.Kinds())
	frame := append(wire.AppendDeltaHead(nil, n+m, 1, 1), body...)
	want := []byte{0x9e, 0x23, 1, 1, 1, 3, 3, 0xfe, 4, 0, 0, 1, 0xf8, 5, 9}
	if !bytes.Equal(frame, want) {
		t.Errorf("frame % x, want % x", frame, want)
	}
	held := l.NewClientFrame()
	full, k := AppendDelta(nil, nil, base, 0)
	r := wire.NewReader(full)
	if err := Decode(held, nil, &r, k, false); err != nil {
		t.Fatal(err)
	}
	st, err := wire.ParseState(want)
	if err != nil {
		t.Fatal(err)
	}
	next := l.NewClientFrame()
	if err := Decode(next, held, &st.Body, st.Elements, false); err != nil {
		t.Fatal(err)
	}
	if s := (model{{0: {int32(13), int32(18)}}, {7: {int32(5), int32(9)}}}).diff(next, 0); s != "" {
		t.Error(s)
	}
}

// The encodings of §5.2, one value each: base, current, the d that must be on the wire.
func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name     string
		field    Field
		old, now int32
		want     int64
	}{
		{"int up", Field{Type: Int}, 5, 8, 3},
		{"int down", Field{Type: Int}, 5, -8, -13},
		{"int over the end", Field{Type: Int}, 1<<31 - 1, -1 << 31, 1},
		{"int far", Field{Type: Int}, -1 << 31, 1<<31 - 1, -1},
		{"angle", Field{Type: Angle, Turn: 1024}, 10, 14, 4},
		{"angle over zero", Field{Type: Angle, Turn: 1024}, 1020, 4, 8},
		{"angle back over zero", Field{Type: Angle, Turn: 1024}, 4, 1020, -8},
		{"half a turn is negative", Field{Type: Angle, Turn: 1024}, 0, 512, -512},
		{"half a turn back too", Field{Type: Angle, Turn: 1024}, 512, 0, -512},
		{"odd turn", Field{Type: Angle, Turn: 5}, 0, 2, 2},
		{"odd turn, other way", Field{Type: Angle, Turn: 5}, 0, 3, -2},
	} {
		c.field.Name = "v"
		l := compile(t, schemaOf(Kind{Name: "k", Fields: []Field{c.field}}))
		one := func(v int32) *Frame { return model{{3: {v}}}.frame(t, l, rand.New(rand.NewPCG(1, 1))) }
		got, _ := AppendDelta(nil, one(c.old), one(c.now), 0)
		if want := wire.AppendInt([]byte{4, 1}, c.want); !bytes.Equal(got, want) {
			t.Errorf("%s: %d → %d is % x, want % x", c.name, c.old, c.now, got, want)
		}
	}
}
