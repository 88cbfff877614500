package wire

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// boundaries are the integers on both sides of each change of width.
var boundaries = []int64{
	0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, math.MaxInt32, math.MaxInt32 + 1,
	math.MaxUint32, math.MaxUint32 + 1, 1<<53 - 1, math.MaxInt64,
	-1, -32, -33, -0x80, -0x81, -0x8000, -0x8001, math.MinInt32, math.MinInt32 - 1, math.MinInt64,
}

var lengths = []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536}

// randomInt picks the width first, so that small numbers are as frequent as large ones.
func randomInt(rng *rand.Rand) int64 { return int64(rng.Uint64()) >> rng.IntN(64) }

func byLibrary(t testing.TB, encode func(e *msgpack.Encoder) error) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := encode(msgpack.NewEncoder(&buf)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestAppendMatchesLibrary(t *testing.T) {
	same := func(what string, v any, got []byte, encode func(e *msgpack.Encoder) error) {
		t.Helper()
		want := byLibrary(t, encode)
		if !bytes.Equal(got, want) {
			t.Errorf("%s(%v) = %x, the library %x", what, v, head(got), head(want))
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	ints := append([]int64(nil), boundaries...)
	for range 100_000 {
		ints = append(ints, randomInt(rng))
	}
	for _, v := range ints {
		same("AppendInt", v, AppendInt(nil, v), func(e *msgpack.Encoder) error { return e.EncodeInt(v) })
		u := uint64(v)
		same("AppendUint", u, AppendUint(nil, u), func(e *msgpack.Encoder) error { return e.EncodeUint(u) })
	}
	for _, n := range lengths {
		s := strings.Repeat("x", n)
		same("AppendArrayLen", n, AppendArrayLen(nil, n), func(e *msgpack.Encoder) error { return e.EncodeArrayLen(n) })
		same("AppendString of length", n, AppendString(nil, s), func(e *msgpack.Encoder) error { return e.EncodeString(s) })
		same("AppendBytes of length", n, AppendBytes(nil, []byte(s)), func(e *msgpack.Encoder) error { return e.EncodeBytes([]byte(s)) })
	}
	same("AppendNil", nil, AppendNil(nil), (*msgpack.Encoder).EncodeNil)
}

func head(b []byte) []byte { return b[:min(len(b), 16)] }

func TestAppendKeepsWhatIsThere(t *testing.T) {
	dst := []byte("before")
	for _, got := range [][]byte{
		AppendInt(dst, -1), AppendUint(dst, 1), AppendArrayLen(dst, 1), AppendNil(dst), AppendString(dst, "s"),
		AppendBytes(dst, []byte("b")), AppendPing(dst, Ping{1}), AppendSnapshotHead(dst, 1, 1, 1, 1),
	} {
		if !bytes.HasPrefix(got, dst) || len(got) == len(dst) {
			t.Errorf("got %q, want something after %q", got, dst)
		}
	}
}
