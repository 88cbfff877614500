package view

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

// aBase is a layout of three kinds (two ints; an angle; a text and bytes) and a client that holds some of each.
func aBase(t testing.TB) (*Layout, *Frame) {
	t.Helper()
	limit := int32(8)
	l := compile(t, schemaOf(
		Kind{Name: "dot", Fields: numbers(2)},
		Kind{Name: "hand", Fields: []Field{{Name: "at", Type: Angle, Turn: 100}}},
		Kind{Name: "sign", Fields: []Field{{Name: "t", Type: Text, Max: &limit}, {Name: "b", Type: Bytes, Max: &limit}}},
	))
	f := l.NewClientFrame()
	f.Epoch, f.Tick = 1, 9
	for _, id := range []uint32{3, 4, 900} {
		copy(f.Add(0, id), []int32{int32(id), -5})
	}
	f.Add(1, 2)[0] = 99
	vals := f.Add(2, 1)
	vals[0], vals[1] = f.AddText(2, "hello"), f.AddBlob(2, []byte{1, 2})
	f.Add(3, 7)[1] = 70
	return l, f
}

func TestDecodeRefuses(t *testing.T) {
	objects := func(vs ...any) (b []byte) {
		for _, v := range vs {
			switch v := v.(type) {
			case int:
				b = wire.AppendInt(b, int64(v))
			case string:
				b = wire.AppendString(b, v)
			case []byte:
				b = wire.AppendBytes(b, v)
			}
		}
		return b
	}
	for _, c := range []struct {
		name     string
		body     []byte
		elements int
		want     error
	}{
		{"change of an entity that is not there", objects(1, 1, 5), 3, ErrBase},
		{"removal of an entity that is not there", objects(2, 0), 2, ErrBase},
		{"removal behind the last", objects(902, 0), 2, ErrBase},
		{"the same entity changed twice", objects(4, 1, 5, 0, 0), 5, ErrBase},
		{"mask too wide", objects(4, 4, 1), 3, ErrBase},
		{"mask with the highest bit", append(objects(4), 0xce, 0x80, 0, 0, 0), 2, ErrBase},
		{"negative mask", objects(4, -1), 2, wire.ErrMalformed},
		{"switch to where we are", objects(0, 0), 2, ErrBase},
		{"switch backwards", objects(0, 2, 0, 1), 4, ErrBase},
		{"switch beyond the last", objects(0, 6), 2, ErrBase},
		{"switch below nothing", objects(0, -1), 2, ErrBase},
		{"id beyond the largest", objects(-(MaxID + 2), 0, 0), 3, ErrBase},
		{"gap beyond the largest", objects(math.MaxInt32, 0), 2, ErrBase},
		{"appearance with the lowest gap", objects(math.MinInt32, 0, 0), 3, ErrBase},
		{"ids summed up beyond the largest", objects(-MaxID, 0, 0, -2, 0, 0), 6, ErrBase},
		{"gap of 64 bits", append([]byte{0xcf, 0, 0, 0, 1}, make([]byte, 4)...), 1, wire.ErrMalformed},
		{"angle past a turn", objects(0, 1, 3, 1, 101), 5, ErrBase},
		{"angle two turns back", objects(0, 1, 3, 1, -200), 5, ErrBase},
		{"text too long", objects(0, 2, 2, 1, "too long.", 0), 5, wire.ErrMalformed},
		{"text not UTF-8", objects(0, 2, 2, 1, "\xff"), 5, wire.ErrMalformed},
		{"number where a text is due", objects(0, 2, 2, 1, 5), 5, wire.ErrMalformed},
		{"text where bytes are due", objects(0, 2, 2, 2, "x"), 5, wire.ErrMalformed},
		{"bytes where a number is due", objects(4, 1, []byte{1}), 3, wire.ErrMalformed},
		{"ends inside a change", objects(4, 3, 1), 3, wire.ErrMalformed},
		{"ends behind a gap", objects(4), 1, wire.ErrMalformed},
		{"ends inside an appearance", objects(-1, 5), 2, wire.ErrMalformed},
		{"ends behind a switch", objects(0), 1, wire.ErrMalformed},
		{"more elements than announced", objects(4, 3, 1, 1), 3, wire.ErrMalformed},
		{"fewer bytes than elements", objects(4, 1, 1), 4, wire.ErrMalformed},
		{"an array", []byte{0x91, 1}, 2, wire.ErrMalformed},
		{"nil", []byte{0xc0}, 1, wire.ErrMalformed},
		{"a code that is none", []byte{0xc1}, 1, wire.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, base := aBase(t)
			before := l.NewClientFrame()
			before.CopyFrom(base)
			r := wire.NewReader(c.body)
			err := Decode(l.NewClientFrame(), base, &r, c.elements, false)
			if !errors.Is(err, c.want) {
				t.Errorf("Decode % x: %v, want %v", c.body, err, c.want)
			}
			if !reflect.DeepEqual(base, before) {
				t.Errorf("Decode % x changed its base", c.body)
			}
		})
	}
}

// An entity that is there may appear again: it is replaced. A private section can be told to start from empty.
func TestDecodeReplacesAndClears(t *testing.T) {
	l, base := aBase(t)
	got := l.NewClientFrame()
	body := []byte{0xfb, 8, 9} // −5: entity 4
	r := wire.NewReader(body)
	if err := Decode(got, base, &r, 3, true); err != nil {
		t.Fatal(err)
	}
	want := model{{3: {int32(3), int32(-5)}, 4: {int32(8), int32(9)}, 900: {int32(900), int32(-5)}}, {2: {int32(99)}},
		{1: {"hello", []byte{1, 2}}}, {}, {}, {}}
	if s := want.diff(got, 0); s != "" {
		t.Error(s)
	}
}

// A game that shows nothing has no section that anything could appear in.
func TestDecodeWithoutKinds(t *testing.T) {
	l := compile(t, schemaOf())
	for _, body := range [][]byte{{0xff}, {1, 0}, {0, 0}, {0, 1}} {
		r := wire.NewReader(body)
		if err := Decode(l.NewClientFrame(), nil, &r, len(body), false); !errors.Is(err, ErrBase) {
			t.Errorf("Decode % x: %v, want ErrBase", body, err)
		}
	}
	r := wire.NewReader(nil)
	if err := Decode(l.NewClientFrame(), nil, &r, 0, false); err != nil {
		t.Errorf("Decode of an empty body: %v", err)
	}
}

// However many bodies of appearances come one after another, what a client holds stays bounded.
func TestDecodeBoundsEntities(t *testing.T) {
	l := compile(t, schemaOf(Kind{Name: "nothing"}))
	state, next := l.NewClientFrame(), l.NewClientFrame()
	for round := range 4 {
		body := wire.AppendInt(nil, int64(-(4-round)*MaxEntities)) // below all that came before
		for range MaxEntities - 1 {
			body = append(body, 0xff)
		}
		r := wire.NewReader(body)
		err := Decode(next, state, &r, MaxEntities, false)
		if got := next.Len(0); got > MaxEntities {
			t.Fatalf("round %d: the client holds %d entities, want at most %d", round, got, MaxEntities)
		}
		if round > 0 && !errors.Is(err, ErrBase) {
			t.Errorf("round %d: %v, want ErrBase", round, err)
		}
		if err == nil {
			state, next = next, state
		}
	}
}

// seedBodies gives the fuzzer real bodies for the layout of aBase.
func seedBodies(f *testing.F) {
	l, held := aBase(f)
	rng := rand.New(rand.NewPCG(5, 5))
	limit := int32(8)
	s := schemaOf(Kind{Fields: numbers(2)}, Kind{Fields: []Field{{Type: Angle, Turn: 100}}},
		Kind{Fields: []Field{{Type: Text, Max: &limit}, {Type: Bytes, Max: &limit}}})
	base := l.NewFrame()
	for sec := range base.sections {
		base.sections[sec].copyFrom(&held.sections[sec])
	}
	m := newModel(3)
	for range 20 {
		m = m.evolve(rng, s)
		body, n := AppendDelta(nil, nil, m.frame(f, l, rng), 0)
		f.Add(body, n, false)
		body, n = AppendDelta(nil, base, m.frame(f, l, rng), 0)
		body, k := AppendDelta(body, nil, m.frame(f, l, rng), 3)
		f.Add(body, n+k, true)
	}
}

// FuzzDecode: any bytes as a body leave the base as it was, allocate in proportion, and give, when they are accepted, a state
// in order that the encoder can send again.
func FuzzDecode(f *testing.F) {
	seedBodies(f)
	f.Fuzz(func(t *testing.T, body []byte, elements int, fresh bool) {
		l, base := aBase(t)
		hash := base.Hash()
		got := l.NewClientFrame()
		var err error
		bytes := allocated(func() {
			r := wire.NewReader(body)
			err = Decode(got, base, &r, elements, fresh)
		})
		if bound := uint64(64<<10 + 200*len(body)); bytes > bound {
			t.Errorf("%d bytes of body allocate %d, want at most %d", len(body), bytes, bound)
		}
		if base.Hash() != hash {
			t.Fatal("the base was changed")
		}
		if err == nil {
			checkOrder(t, got)
			checkResend(t, l, got)
		}
	})
}

func checkOrder(t *testing.T, f *Frame) {
	t.Helper()
	for sec := range f.sections {
		s := &f.sections[sec]
		if len(s.vals) != len(s.ids)*f.layout.kind(sec).width {
			t.Fatalf("section %d: %d entities with %d values", sec, len(s.ids), len(s.vals))
		}
		for i := 1; i < len(s.ids); i++ {
			if s.ids[i-1] >= s.ids[i] || s.ids[i] > MaxID {
				t.Fatalf("section %d: ids %v", sec, s.ids)
			}
		}
	}
}

// checkResend encodes what a client holds as two snapshots and decodes them again.
func checkResend(t *testing.T, l *Layout, held *Frame) {
	t.Helper()
	body, n := []byte(nil), 0
	for first := 0; first <= l.Kinds(); first += l.Kinds() {
		part := l.NewFrame()
		for i := range part.sections {
			part.sections[i].copyFrom(&held.sections[first+i])
		}
		var k int
		body, k = AppendDelta(body, nil, part, first)
		n += k
	}
	again := l.NewClientFrame()
	r := wire.NewReader(body)
	if err := Decode(again, nil, &r, n, false); err != nil || again.Hash() != held.Hash() {
		t.Fatalf("sent again as % x: %v, hash %08x, want %08x", body, err, again.Hash(), held.Hash())
	}
}

// allocated is how many bytes f allocates. The cheap counter moves in steps of whole spans, so anything it calls large is
// measured again with the exact one.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	if n := sample[0].Value.Uint64() - before; n < 64<<10 {
		return n
	}
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	f()
	runtime.ReadMemStats(&m1)
	return m1.TotalAlloc - m0.TotalAlloc
}
