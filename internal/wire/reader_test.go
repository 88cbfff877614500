package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

func TestReaderMatchesLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		// Up to nine bytes behind an integer's code: each width, also where a shorter one would do.
		b := make([]byte, 10)
		for i := range b {
			b[i] = byte(rng.Uint32()) >> (4 * rng.IntN(2) * rng.IntN(2))
		}
		if rng.IntN(2) == 0 {
			b[0] = 0xcc + byte(rng.IntN(8))
		}
		r := NewReader(b)
		got := r.Int()
		dec := msgpack.NewDecoder(bytes.NewReader(b))
		want, err := dec.DecodeInt64()
		switch {
		case !isInt(b[0]) || b[0] == 0xcf && b[1] >= 0x80: // the library takes floats and nil, and wraps at 2^63
			if r.Err() == nil {
				t.Fatalf("Int of %x = %d, want ErrMalformed", b, got)
			}
		case err != nil || r.Err() != nil || got != want:
			t.Fatalf("Int of %x = %d, %v; the library %d, %v", b, got, r.Err(), want, err)
		}
	}
	for _, n := range lengths {
		s := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		r := NewReader(byLibrary(t, func(e *msgpack.Encoder) error { return e.EncodeMulti(s, []byte(s)) }))
		if got := r.String(n); string(got) != s {
			t.Errorf("String of length %d: got %d bytes", n, len(got))
		}
		if got := r.Bytes(n); string(got) != s {
			t.Errorf("Bytes of length %d: got %d bytes", n, len(got))
		}
		if r.Err() != nil || r.Len() != 0 {
			t.Errorf("length %d: err %v, %d bytes left", n, r.Err(), r.Len())
		}
		r = NewReader(append(byLibrary(t, func(e *msgpack.Encoder) error { return e.EncodeArrayLen(n) }), make([]byte, n)...))
		if got := r.ArrayLen(); got != n || r.Len() != n {
			t.Errorf("ArrayLen = %d with %d bytes left, want %d", got, r.Len(), n)
		}
	}
}

func isInt(c byte) bool { return int8(c) >= -32 || c >= 0xcc && c <= 0xd3 }

func TestReaderRanges(t *testing.T) {
	for _, v := range boundaries {
		b := AppendInt(nil, v)
		for _, c := range []struct {
			what string
			read func(r *Reader) int64
			fits bool
		}{
			{"Int", (*Reader).Int, true},
			{"Int32", func(r *Reader) int64 { return int64(r.Int32()) }, v >= math.MinInt32 && v <= math.MaxInt32},
			{"Uint32", func(r *Reader) int64 { return int64(r.Uint32()) }, v >= 0 && v <= math.MaxUint32},
			{"Uint64", func(r *Reader) int64 { return int64(r.Uint64()) }, v >= 0},
		} {
			r := NewReader(b)
			got := c.read(&r)
			if (r.Err() == nil) != c.fits || c.fits && got != v || !c.fits && got != 0 {
				t.Errorf("%s of %d = %d, %v; fits: %t", c.what, v, got, r.Err(), c.fits)
			}
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	text := func(r *Reader) { r.String(100) }
	bin := func(r *Reader) { r.Bytes(100) }
	array := func(r *Reader) { r.ArrayLen() }
	skip := func(r *Reader) { r.Skip(1) }
	for _, c := range []struct {
		name, hex string
		read      func(r *Reader)
	}{
		{"str of nothing", "", text},
		{"str cut", "a261", text},
		{"str without its length", "d9", text},
		{"str of 2^32-1 bytes", "dbffffffff61", text},
		{"str over the limit", "d965" + strings.Repeat("61", 101), text},
		{"str that is bin", "c40161", text},
		{"str of half a rune", "a1c3", text},
		{"str of a surrogate", "a3eda080", text},
		{"bin of nothing", "", bin},
		{"bin cut", "c40261", bin},
		{"bin of 2^32-1 bytes", "c6ffffffff61", bin},
		{"bin over the limit", "c465" + strings.Repeat("61", 101), bin},
		{"bin that is str", "a161", bin},
		{"array of nothing", "", array},
		{"array longer than the bytes", "9201", array},
		{"array of 2^25", "dd0200000001", array},
		{"array of 2^32-1", "ddffffffff01", array},
		{"array header cut", "dc00", array},
		{"map for an array", "80", array},
		{"skip a map", "80", skip},
		{"skip a float", "ca00000000", skip},
		{"skip an extension", "d40000", skip},
		{"skip a cut number", "cd01", skip},
		{"skip a cut str", "a261", skip},
		{"skip nothing", "", skip},
		{"skip deep nesting cut short", strings.Repeat("91", 100_000), skip},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(b)
		c.read(&r)
		if !errors.Is(r.Err(), ErrMalformed) || r.Len() != 0 {
			t.Errorf("%s: err %v, %d bytes left", c.name, r.Err(), r.Len())
		}
		if r.Int() != 0 || r.String(9) != nil || r.Bytes(9) != nil || r.ArrayLen() != 0 || r.IsNil() || r.Err() == nil {
			t.Errorf("%s: the error did not stick", c.name)
		}
	}
}

func TestReaderFail(t *testing.T) {
	r := NewReader([]byte{1, 2})
	if r.Fail(); !errors.Is(r.Err(), ErrMalformed) || r.Int() != 0 || r.Len() != 0 {
		t.Errorf("after Fail: %v, %d bytes left", r.Err(), r.Len())
	}
}

func TestReaderSkip(t *testing.T) {
	deep := append(bytes.Repeat([]byte{0x91}, 100_000), 0x01)
	b := AppendNil(nil)
	for _, v := range boundaries {
		b = AppendInt(b, v)
	}
	objects := 1 + len(boundaries)
	for _, n := range lengths {
		b = AppendBytes(AppendString(b, strings.Repeat("x", n)), make([]byte, n))
		b = append(AppendArrayLen(b, n), make([]byte, n)...)
		objects += 3
	}
	b = append(b, deep...)
	b = append(b, 0x2a)
	r := NewReader(b)
	r.Skip(objects + 1)
	if got := r.Int(); got != 0x2a || r.Err() != nil {
		t.Errorf("after Skip: %d, %v, want 42", got, r.Err())
	}
}
