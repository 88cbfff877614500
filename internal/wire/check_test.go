package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// randomTree is any value the library encodes, nested up to depth.
func randomTree(rng *rand.Rand, depth int) any {
	n := rng.IntN(20)
	if depth == 0 {
		n = rng.IntN(14)
	}
	size := []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536}[min(rng.IntN(12), 9)] // every form of length
	if depth < 3 {
		size %= 300
	}
	switch n {
	case 0:
		return nil
	case 1:
		return rng.IntN(2) == 0
	case 2:
		return rng.Float32()
	case 3:
		return math.Float64frombits(rng.Uint64())
	case 4:
		return int8(rng.Uint32())
	case 5:
		return uint16(rng.Uint32())
	case 6:
		return int32(rng.Uint32())
	case 7:
		return rng.Int64()
	case 8:
		return -rng.Int64()
	case 9:
		return rng.Uint64()
	case 10, 11:
		return string(make([]byte, size))
	case 12:
		return make([]byte, size)
	case 13:
		return time.Unix(rng.Int64N(1<<40), rng.Int64N(1e9)) // an extension, of 4, 8 or 12 bytes
	case 14, 15, 16:
		list := make([]any, rng.IntN(40))
		for i := range list {
			list[i] = randomTree(rng, depth-1)
		}
		return list
	}
	dict := make(map[string]any)
	for i := range rng.IntN(40) {
		dict[fmt.Sprint(i)] = randomTree(rng, depth-1)
	}
	return dict
}

// Whatever the library writes is accepted whole, and refused with a byte missing anywhere at its end or one too many.
func TestCheckObjectTakesWhatTheLibraryWrites(t *testing.T) {
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 9))
		v := randomTree(rng, 3)
		b, err := msgpack.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckObject(b); err != nil {
			t.Fatalf("seed %d: %T in %d bytes: %v", seed, v, len(b), err)
		}
		for _, cut := range []int{0, len(b) - 1, rng.IntN(len(b))} {
			if err := CheckObject(b[:cut]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("seed %d: the first %d of %d bytes: %v, want ErrMalformed", seed, cut, len(b), err)
			}
		}
		if err := CheckObject(append(b, 0xc0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("seed %d: a byte behind the object: %v, want ErrMalformed", seed, err)
		}
	}
}

func nested(depth int) []byte { return append(bytes.Repeat([]byte{0x91}, depth), 0xc0) }

func TestCheckObject(t *testing.T) {
	fill := func(head string, n int) []byte { return append([]byte(head), make([]byte, n)...) }
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"nothing", nil, false},
		{"two objects", []byte{1, 2}, false},
		{"the code that is none", []byte{0xc1}, false},
		{"the code that is none, inside", []byte{0x92, 1, 0xc1}, false},
		{"array of 2^32−1", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, false},
		{"array of 2^25", []byte{0xdd, 2, 0, 0, 0}, false},
		{"map of 2^32−1", []byte{0xdf, 0xff, 0xff, 0xff, 0xff}, false},
		{"map of 2^31: twice that is 0 in 32 bits", []byte{0xdf, 0x80, 0, 0, 0}, false},
		{"str of 2^32−1", []byte{0xdb, 0xff, 0xff, 0xff, 0xff}, false},
		{"bin of 2^32−1", []byte{0xc6, 0xff, 0xff, 0xff, 0xff}, false},
		{"ext of 2^32−1", []byte{0xc9, 0xff, 0xff, 0xff, 0xff, 5}, false},
		{"array one short", []byte{0x93, 1, 2}, false},
		{"map without its last value", []byte{0x82, 1, 1, 2}, false},
		{"lengths that share the same bytes", []byte{0x93, 0x93, 1, 2, 3}, false},
		{"length field cut", []byte{0xdc, 1}, false},
		{"float cut", fill("\xcb", 7), false},
		{"float", fill("\xcb", 8), true},
		{"fixext 16", fill("\xd8", 17), true},
		{"fixext 16 cut", fill("\xd8", 16), false},
		{"ext 8 without its type", []byte{0xc7, 0}, false},
		{"ext 8 of nothing", []byte{0xc7, 0, 1}, true},
		{"empty array", []byte{0x90}, true},
		{"empty map 32", []byte{0xdf, 0, 0, 0, 0}, true},
		{"as deep as allowed", nested(MaxDepth), true},
		{"one deeper", nested(MaxDepth + 1), false},
		{"8 MiB deep", nested(8 << 20), false},
		{"deep twice, side by side", append(append([]byte{0x92}, nested(MaxDepth-1)...), nested(MaxDepth-1)...), true},
		{"empty arrays at the bottom", append(bytes.Repeat([]byte{0x91}, MaxDepth), 0x90), true},
	} {
		if err := CheckObject(c.b); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want accepted %v", c.name, err, c.ok)
		}
	}
}

// Each of the 256 first bytes is measured as the library measures it.
func TestCheckObjectKnowsEveryCode(t *testing.T) {
	for c := range 256 {
		for extra := range 24 {
			b := append([]byte{byte(c)}, make([]byte, extra)...)
			dec := msgpack.NewDecoder(bytes.NewReader(b))
			err := dec.Skip()
			whole := err == nil && dec.Buffered().(*bytes.Reader).Len() == 0
			if c == 0xc1 {
				whole = false
			}
			if got := CheckObject(b) == nil; got != whole {
				t.Errorf("code %#x and %d zeros: accepted %v, the library takes exactly that: %v (%v)", c, extra, got, whole, err)
			}
		}
	}
}

func TestCheckObjectDoesNotAllocate(t *testing.T) {
	b, err := msgpack.Marshal(randomTree(rand.New(rand.NewPCG(4, 4)), 3))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { sink.err = CheckObject(b) }); n != 0 || sink.err != nil {
		t.Errorf("%v allocations, %v", n, sink.err)
	}
}

// FuzzCheckObject: the library's general decoder is safe with whatever is accepted.
func FuzzCheckObject(f *testing.F) {
	for seed := range uint64(40) {
		if b, err := msgpack.Marshal(randomTree(rand.New(rand.NewPCG(seed, 9)), 2)); err == nil && len(b) < 4096 {
			f.Add(b)
		}
	}
	f.Add(nested(MaxDepth))
	f.Add([]byte{0xdd, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckObject(b) != nil {
			return
		}
		boundedAlloc(t, 4*len(b), func() { // a map's entry of two bytes is a string, an interface and their place in the map
			var v any
			_ = msgpack.Unmarshal(b, &v)
		})
	})
}
