package wire

import (
	"encoding/binary"
	"math/bits"
)

// Murmur32 is MurmurHash3 x86_32 with seed 0. It finds accidents, not attackers.
func Murmur32(b []byte) uint32 {
	n := uint32(len(b))
	var h uint32
	for ; len(b) >= 4; b = b[4:] {
		h = murmurMix(h, binary.LittleEndian.Uint32(b))
	}
	var tail uint32
	for i := len(b) - 1; i >= 0; i-- {
		tail = tail<<8 | uint32(b[i])
	}
	if len(b) > 0 {
		h ^= murmurScramble(tail)
	}
	return murmurFinal(h, n)
}

// A WordHash is Murmur32 over the little-endian bytes of the words given to it so far, for the HASH of a state. Its zero
// value is ready.
type WordHash struct {
	h uint32
	n uint32 // bytes, modulo 2^32 as the algorithm wants
}

// Word adds a word.
func (w *WordHash) Word(v uint32) {
	w.h = murmurMix(w.h, v)
	w.n += 4
}

// Sum is the hash of the words so far; more may follow.
func (w *WordHash) Sum() uint32 { return murmurFinal(w.h, w.n) }

func murmurScramble(k uint32) uint32 { return bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593 }

func murmurMix(h, k uint32) uint32 { return bits.RotateLeft32(h^murmurScramble(k), 13)*5 + 0xe6546b64 }

func murmurFinal(h, n uint32) uint32 {
	h ^= n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
