package view

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

// scene is n entities of seven numbers at two consecutive ticks, every number a little different, as a moving crowd is.
func scene(t testing.TB, n int, fields []Field) (l *Layout, base, cur *Frame) {
	t.Helper()
	l = compile(t, schemaOf(Kind{Name: "thing", Fields: fields}))
	base, cur = l.NewFrame(), l.NewFrame()
	rng := rand.New(rand.NewPCG(1, 1))
	for id := range uint32(n) {
		recordThing(base, id, rng, fields)
		recordThing(cur, id, rng, fields)
	}
	for _, f := range []*Frame{base, cur} {
		if err := f.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	return l, base, cur
}

func recordThing(f *Frame, id uint32, rng *rand.Rand, fields []Field) {
	vals := f.Add(0, id)
	for k := range vals {
		switch fields[k].Type {
		case Text:
			vals[k] = f.AddText(0, strings.Repeat("n", 20+rng.IntN(40)))
		case Bytes:
			vals[k] = f.AddBlob(0, make([]byte, 40))
		default:
			vals[k] = int32(id)*10 + rng.Int32N(30)
		}
	}
}

func mixedFields() []Field {
	limit := int32(64)
	return []Field{{Name: "x", Type: Fixed, Scale: 32}, {Name: "at", Type: Angle, Turn: 1 << 16},
		{Name: "t", Type: Text, Max: &limit}, {Name: "b", Type: Bytes, Max: &limit}}
}

// holding is the client frame that holds a server's shared frame.
func holding(t testing.TB, l *Layout, f *Frame) *Frame {
	t.Helper()
	body, n := AppendDelta(nil, nil, f, 0)
	c := l.NewClientFrame()
	r := wire.NewReader(body)
	if err := Decode(c, nil, &r, n, false); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for name, fields := range map[string][]Field{"numbers": numbers(7), "mixed": mixedFields()} {
		l, base, cur := scene(t, 32, fields)
		held, next, kept := holding(t, l, base), l.NewClientFrame(), l.NewFrame()
		var body []byte
		var n int
		encode := func() { body, n = AppendDelta(body[:0], base, cur, 0) }
		snapshot := func() { body, n = AppendDelta(body[:0], nil, cur, 0) }
		decode := func() {
			r := wire.NewReader(body)
			if err := Decode(next, held, &r, n, false); err != nil {
				t.Fatal(err)
			}
		}
		rng := rand.New(rand.NewPCG(2, 2))
		frame := l.NewFrame()
		record := func() {
			frame.Reset()
			for i := range uint32(32) {
				vals := frame.Add(0, (i*7)%32) // in no order
				for k := range vals {
					switch fields[k].Type {
					case Text:
						vals[k] = frame.AddText(0, "the same text every time, rather long")
					case Bytes:
						vals[k] = frame.AddBlob(0, nil)
					default:
						vals[k] = rng.Int32N(100)
					}
				}
			}
			if err := frame.Seal(); err != nil {
				t.Fatal(err)
			}
		}
		history := NewHistory()
		commit := func() { history.Next(l).Add(0, 1); history.Commit() }
		for range 2 * HistoryLen {
			commit()
		}
		for _, c := range []struct {
			name string
			f    func()
		}{
			{"AppendDelta of a snapshot", snapshot}, {"AppendDelta", encode}, {"Decode", decode},
			{"Hash", func() { next.Hash() }}, {"CopyFrom", func() { kept.CopyFrom(cur) }},
			{"Add and Seal", record}, {"History.Next", commit}, {"History.Find", func() { history.Find(1, 1) }},
		} {
			if got := testing.AllocsPerRun(100, c.f); got != 0 {
				t.Errorf("%s: %s: %v allocations, want 0", name, c.name, got)
			}
		}
	}
}

func benchmarkAppendDelta(b *testing.B, n int) {
	_, base, cur := scene(b, n, numbers(7))
	var body []byte
	b.ReportAllocs()
	for b.Loop() {
		body, _ = AppendDelta(body[:0], base, cur, 0)
	}
	b.ReportMetric(float64(len(body)), "bytes")
}

func benchmarkDecode(b *testing.B, n int) {
	l, base, cur := scene(b, n, numbers(7))
	body, elements := AppendDelta(nil, base, cur, 0)
	held, next := holding(b, l, base), l.NewClientFrame()
	b.ReportAllocs()
	for b.Loop() {
		r := wire.NewReader(body)
		if err := Decode(next, held, &r, elements, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendDelta8(b *testing.B)  { benchmarkAppendDelta(b, 8) }
func BenchmarkAppendDelta64(b *testing.B) { benchmarkAppendDelta(b, 64) }
func BenchmarkDecode8(b *testing.B)       { benchmarkDecode(b, 8) }
func BenchmarkDecode64(b *testing.B)      { benchmarkDecode(b, 64) }

// What a hostile or a busy room costs when all of it is texts.
func BenchmarkAppendDeltaMixed64(b *testing.B) {
	_, base, cur := scene(b, 64, mixedFields())
	var body []byte
	b.ReportAllocs()
	for b.Loop() {
		body, _ = AppendDelta(body[:0], base, cur, 0)
	}
}

func BenchmarkHash64(b *testing.B) {
	l, base, _ := scene(b, 64, numbers(7))
	held := holding(b, l, base)
	b.ReportAllocs()
	for b.Loop() {
		held.Hash()
	}
}

// Recording 64 entities in order and sealing them: what a View costs on top of the game's own.
func BenchmarkRecord64(b *testing.B) {
	l := compile(b, schemaOf(Kind{Name: "thing", Fields: numbers(7)}))
	f := l.NewFrame()
	b.ReportAllocs()
	for b.Loop() {
		f.Reset()
		for id := range uint32(64) {
			vals := f.Add(0, id)
			vals[0], vals[6] = int32(id), 1
		}
		if err := f.Seal(); err != nil {
			b.Fatal(err)
		}
	}
}
