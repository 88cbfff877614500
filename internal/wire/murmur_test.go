package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// murmurVectors come from the reference implementation (MurmurHash3_x86_32, seed 0).
var murmurVectors = []struct {
	in   string
	want uint32
}{
	{"", 0},
	{"a", 0x3c2569b2},
	{"abc", 0xb3dd93fa},
	{"abcd", 0x43ed676a},
	{"hello", 0x248bfa47},
	{"Hello, world!", 0xc0363e43},
	{"The quick brown fox jumps over the lazy dog", 0x2e4ff723},
	{"\x00\x00\x00\x00", 0x2362f9de},
	{"\xff\xff\xff\xff", 0x76293b50},
	{"\x21\x43\x65\x87", 0xf55b516b},
	{"\x21\x43\x65", 0x7e4a8634},
	{"\x21\x43", 0xa0f7b07a},
	{"\x21", 0x72661cf4},
}

func TestMurmur32(t *testing.T) {
	for _, v := range murmurVectors {
		if got := Murmur32([]byte(v.in)); got != v.want {
			t.Errorf("Murmur32(%q) = %#x, want %#x", v.in, got, v.want)
		}
	}
}

func TestWordHashIsMurmur32(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var w WordHash
	var b []byte
	for n := range 1000 {
		if got, want := w.Sum(), Murmur32(b); got != want {
			t.Fatalf("after %d words: Sum = %#x, Murmur32 %#x", n, got, want)
		}
		v := rng.Uint32()
		w.Word(v)
		b = binary.LittleEndian.AppendUint32(b, v)
	}
}
