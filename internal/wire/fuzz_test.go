package wire

import (
	"errors"
	"math"
	"reflect"
	"runtime"
	"runtime/metrics"
	"testing"
)

// seed gives the fuzzer every vector up to 4 KiB; longer ones only slow it down.
func seed(f *testing.F, want func(t Type) bool) {
	v := readVectors(f)
	add := func(t Type, b []byte) {
		if want(t) && len(b) <= 4096 {
			f.Add(b)
		}
	}
	for _, x := range append(v.Frames, v.Accept...) {
		add(x.Type, x.Hex)
	}
	for _, x := range v.Bad {
		add(x.Type, x.Hex)
	}
}

// boundedAlloc runs parse and fails if it allocates out of proportion to the n bytes it was given. The worst honest ratio
// is a ROSTER of gone players: two bytes of input for one RosterEntry.
func boundedAlloc(t *testing.T, n int, parse func()) {
	t.Helper()
	bound := 64<<10 + uint64(n)*uint64(reflect.TypeFor[RosterEntry]().Size())
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	parse()
	metrics.Read(sample)
	if sample[0].Value.Uint64()-before <= bound {
		return
	}
	// The cheap counter moves in steps of whole spans; ask the exact one before crying.
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	parse()
	runtime.ReadMemStats(&m1)
	if got := m1.TotalAlloc - m0.TotalAlloc; got > bound {
		t.Errorf("%d bytes of input allocate %d, want at most %d", n, got, bound)
	}
}

// rawParsers are the parsers without what the tests put around them.
var rawParsers = map[Type]func(frame []byte){
	TypeHello:    func(b []byte) { _, _ = ParseHello(b) },
	TypeInput:    func(b []byte) { _, _ = ParseInput(b) },
	TypeTwin:     func(b []byte) { _, _ = ParseTwin(b) },
	TypeWelcome:  func(b []byte) { _, _ = ParseWelcome(b) },
	TypeSnapshot: func(b []byte) { _, _ = ParseState(b) },
	TypeDelta:    func(b []byte) { _, _ = ParseState(b) },
	TypeDeltaB:   func(b []byte) { _, _ = ParseState(b) },
	TypeMoved:    func(b []byte) { _, _ = ParseMoved(b) },
	TypeErr:      func(b []byte) { _, _ = ParseErr(b) },
	TypeRoster:   func(b []byte) { _, _ = ParseRoster(b) },
	TypeEnd:      func(b []byte) { _, _ = ParseEnd(b) },
}

// checkFrame holds the parser of typ to its promises on arbitrary bytes.
func checkFrame(t *testing.T, typ Type, b []byte) {
	t.Helper()
	if raw := rawParsers[typ]; raw != nil { // the others have nothing to allocate for
		boundedAlloc(t, len(b), func() { raw(b) })
	}
	x, err := parsers[typ](b)
	if err != nil {
		if !errors.Is(err, ErrMalformed) {
			t.Fatalf("%s: error %v, want ErrMalformed", typ, err)
		}
		return
	}
	again, err := parsers[typ](appendAny(nil, x))
	if err != nil || !reflect.DeepEqual(again, x) {
		t.Fatalf("%s: parsed %+v, and after encoding it again %+v, %v", typ, x, again, err)
	}
}

func FuzzParseAny(f *testing.F) {
	seed(f, func(Type) bool { return true })
	f.Fuzz(func(t *testing.T, b []byte) {
		typ, err := PeekType(b)
		if _, known := parsers[typ]; known && err == nil {
			checkFrame(t, typ, b)
			return
		}
		for typ, parse := range parsers {
			if _, err := parse(b); !errors.Is(err, ErrMalformed) {
				t.Fatalf("PeekType refuses what the parser of %s takes", typ)
			}
		}
	})
}

func FuzzParseHello(f *testing.F) {
	seed(f, func(t Type) bool { return t == TypeHello })
	f.Fuzz(func(t *testing.T, b []byte) { checkFrame(t, TypeHello, b) })
}

func FuzzParseInput(f *testing.F) {
	seed(f, func(t Type) bool { return t == TypeInput })
	f.Fuzz(func(t *testing.T, b []byte) { checkFrame(t, TypeInput, b) })
}

func FuzzParseState(f *testing.F) {
	seed(f, func(t Type) bool { return hot(t) && t != TypeInput })
	f.Fuzz(func(t *testing.T, b []byte) { checkFrame(t, TypeSnapshot, b) })
}

// FuzzReader reads arbitrary bytes by an arbitrary script of calls: every call moves forward or fails for good, and what
// one of the typed calls takes, Skip passes over too.
func FuzzReader(f *testing.F) {
	for _, c := range goodCases() {
		if frame := appendAny(nil, c.frame); len(frame) <= 4096 {
			f.Add([]byte{4, 0, 0, 5, 6, 3, 7, 8}, frame)
		}
	}
	f.Fuzz(func(t *testing.T, script, b []byte) {
		r := NewReader(b)
		for _, op := range script {
			before, skipped := r, r
			flat := readOne(&r, op%9)
			if r.Len() > before.Len() || r.Len() < 0 {
				t.Fatalf("op %d: %d bytes left after %d", op%9, r.Len(), before.Len())
			}
			if before.Err() != nil && r.Err() == nil || r.Err() != nil && r.Len() != 0 {
				t.Fatalf("op %d: error %v after %v with %d bytes left", op%9, r.Err(), before.Err(), r.Len())
			}
			if skipped.Skip(1); flat && r.Err() == nil && (skipped.Err() != nil || skipped.Len() != r.Len()) {
				t.Fatalf("op %d: Skip leaves %d bytes (%v), the call %d", op%9, skipped.Len(), skipped.Err(), r.Len())
			}
		}
	})
}

// readOne makes the call number op; flat says that it takes one whole object when it succeeds.
func readOne(r *Reader, op byte) (flat bool) {
	switch op {
	case 0:
		r.Int()
	case 1:
		r.Int32()
	case 2:
		r.Uint32()
	case 3:
		r.Uint64()
	case 4:
		r.ArrayLen()
		return false
	case 5:
		r.String(math.MaxInt32)
	case 6:
		r.Bytes(math.MaxInt32)
	case 7:
		return r.IsNil()
	case 8:
		r.Skip(1)
	}
	return true
}
