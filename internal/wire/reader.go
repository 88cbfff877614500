package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

// ErrMalformed is returned for bytes that are not the msgpack objects a frame must hold: close code 4003.
var ErrMalformed = errors.New("malformed frame")

// A Reader takes msgpack objects from a byte slice one after another. It never allocates, never recurses and never trusts
// a length: every announced length is checked against the bytes that are left. The first error sticks, and all later
// reads return zero values, so that a parser checks Err once, at its end. Slices it returns alias the input.
type Reader struct {
	buf []byte
	off int
	err error
}

// NewReader reads from b, which must stay unchanged while the Reader and what it returned are in use.
func NewReader(b []byte) Reader { return Reader{buf: b} }

// Err is ErrMalformed after the first object that did not fit, nil before.
func (r *Reader) Err() error { return r.err }

// Len is the number of bytes not yet read; it is 0 after an error.
func (r *Reader) Len() int { return len(r.buf) - r.off }

// Rest returns the bytes not yet read, without taking them.
func (r *Reader) Rest() []byte { return r.buf[r.off:] }

func (r *Reader) fail() {
	r.err = ErrMalformed
	r.off = len(r.buf)
}

// Fail makes the Reader stick in ErrMalformed: for a parser that finds an object of the right type with a wrong value.
func (r *Reader) Fail() { r.fail() }

// Int reads an integer of any width.
func (r *Reader) Int() int64 {
	if r.off >= len(r.buf) {
		r.fail()
		return 0
	}
	c := r.buf[r.off]
	if int8(c) >= -32 { // positive and negative fixint: nearly every element of a state frame
		r.off++
		return int64(int8(c))
	}
	return r.wideInt(c)
}

func (r *Reader) wideInt(c byte) int64 {
	b := r.buf[r.off+1:]
	size := 0
	switch c {
	case 0xcc, 0xd0:
		size = 1
	case 0xcd, 0xd1:
		size = 2
	case 0xce, 0xd2:
		size = 4
	case 0xcf, 0xd3:
		size = 8
	}
	if size == 0 || len(b) < size {
		r.fail()
		return 0
	}
	r.off += 1 + size
	switch c {
	case 0xcc:
		return int64(b[0])
	case 0xd0:
		return int64(int8(b[0]))
	case 0xcd:
		return int64(binary.BigEndian.Uint16(b))
	case 0xd1:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 0xce:
		return int64(binary.BigEndian.Uint32(b))
	case 0xd2:
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	v := binary.BigEndian.Uint64(b)
	if c == 0xcf && v > math.MaxInt64 {
		r.fail()
		return 0
	}
	return int64(v)
}

// Int32 reads an integer that fits 32 signed bits.
func (r *Reader) Int32() int32 {
	v := r.Int()
	if v != int64(int32(v)) {
		r.fail()
		return 0
	}
	return int32(v)
}

// Uint32 reads an integer that fits 32 unsigned bits.
func (r *Reader) Uint32() uint32 {
	v := r.Int()
	if v != int64(uint32(v)) {
		r.fail()
		return 0
	}
	return uint32(v)
}

// Uint64 reads an integer of at most 63 bits that is not negative.
func (r *Reader) Uint64() uint64 {
	v := r.Int()
	if v < 0 {
		r.fail()
		return 0
	}
	return uint64(v)
}

// ArrayLen reads an array header. The result is never larger than the number of bytes left: each element takes one.
func (r *Reader) ArrayLen() int {
	if r.off >= len(r.buf) {
		r.fail()
		return 0
	}
	c, b := r.buf[r.off], r.buf[r.off+1:]
	n, skip := -1, 1
	switch {
	case c&0xf0 == 0x90:
		n = int(c & 0x0f)
	case c == 0xdc && len(b) >= 2:
		n, skip = int(binary.BigEndian.Uint16(b)), 3
	case c == 0xdd && len(b) >= 4:
		n, skip = int(binary.BigEndian.Uint32(b)), 5
	}
	if n < 0 || n > len(r.buf)-r.off-skip {
		r.fail()
		return 0
	}
	r.off += skip
	return n
}

// IsNil takes a nil if one is next, and reports whether it did.
func (r *Reader) IsNil() bool {
	if r.off < len(r.buf) && r.buf[r.off] == 0xc0 {
		r.off++
		return true
	}
	return false
}

// String reads a str object of valid UTF-8 and at most limit bytes. The result aliases the input.
func (r *Reader) String(limit int) []byte {
	if r.off >= len(r.buf) {
		r.fail()
		return nil
	}
	c := r.buf[r.off]
	head, n := 1, int(c&0x1f)
	if c&0xe0 != 0xa0 {
		head, n = r.length(c, 0xd9)
	}
	s := r.take(head, n, limit)
	if !utf8.Valid(s) {
		r.fail()
		return nil
	}
	return s
}

// Bytes reads a bin object of at most limit bytes. The result aliases the input.
func (r *Reader) Bytes(limit int) []byte {
	if r.off >= len(r.buf) {
		r.fail()
		return nil
	}
	head, n := r.length(r.buf[r.off], 0xc4)
	return r.take(head, n, limit)
}

// length reads the 8, 16 or 32-bit length behind the codes base, base+1 and base+2; n is -1 for any other code.
func (r *Reader) length(c, base byte) (head, n int) {
	b := r.buf[r.off+1:]
	switch {
	case c == base && len(b) >= 1:
		return 2, int(b[0])
	case c == base+1 && len(b) >= 2:
		return 3, int(binary.BigEndian.Uint16(b))
	case c == base+2 && len(b) >= 4:
		return 5, int(binary.BigEndian.Uint32(b))
	}
	return 0, -1
}

func (r *Reader) take(head, n, limit int) []byte {
	if n < 0 || n > limit || n > len(r.buf)-r.off-head {
		r.fail()
		return nil
	}
	start := r.off + head
	r.off = start + n
	return r.buf[start:r.off:r.off]
}

// Skip passes over n objects of any type with at most the bytes that are left. Arrays and maps are walked without
// recursion, so depth costs nothing.
func (r *Reader) Skip(n int) {
	for left := n; left > 0 && r.err == nil; left-- {
		left += r.skipOne()
	}
}

// skipOne passes over one object, without its elements, and returns how many elements follow.
func (r *Reader) skipOne() (elements int) {
	if r.off >= len(r.buf) {
		r.fail()
		return 0
	}
	c := r.buf[r.off]
	switch {
	case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
		r.off++
	case c&0xf0 == 0x90, c == 0xdc, c == 0xdd:
		return r.ArrayLen()
	case c&0xe0 == 0xa0:
		r.take(1, int(c&0x1f), math.MaxInt32)
	case c >= 0xd9 && c <= 0xdb:
		head, size := r.length(c, 0xd9)
		r.take(head, size, math.MaxInt32)
	case c >= 0xc4 && c <= 0xc6:
		head, size := r.length(c, 0xc4)
		r.take(head, size, math.MaxInt32)
	case c >= 0xcc && c <= 0xcf, c >= 0xd0 && c <= 0xd3:
		r.skipNumber(c)
	default: // maps, floats, extensions: nothing of ours
		r.fail()
	}
	return 0
}

func (r *Reader) skipNumber(c byte) { r.take(1, 1<<(c&3), 8) }
