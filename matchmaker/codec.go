package matchmaker

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// codec walks the fields of a value, either writing or reading them, so that
// one function describes both directions:
//
//	func (k *Key) fields(c *codec) { c.uint(&k.ID); c.bytes(&k.Secret, 64) }
//
// Values are msgpack arrays. A reader takes fewer elements than it knows,
// leaving the rest zero (written by an older version), never more. Every
// length is checked against a bound and against the bytes that are left
// before anything is allocated; nothing is decoded into an interface.
// The first error sticks, and later calls do nothing.
type codec struct {
	enc  *msgpack.Encoder // writing
	dec  *msgpack.Decoder // reading
	src  *bytes.Reader
	left int // elements left in the array being read
	n    int // elements seen while counting
	err  error
}

// encodeFields appends the array that fields describes to dst.
func encodeFields(dst []byte, fields func(*codec)) []byte {
	buf := bytes.NewBuffer(dst)
	c := &codec{enc: msgpack.NewEncoder(buf)}
	c.enc.UseCompactInts(true)
	c.array(fields)
	if c.err != nil {
		panic("matchmaker: encode: " + c.err.Error()) // a bytes.Buffer does not fail
	}
	return buf.Bytes()
}

// decodeFields reads the array that fields describes; b must hold nothing
// after it.
func decodeFields(b []byte, fields func(*codec)) error {
	src := bytes.NewReader(b)
	c := &codec{dec: msgpack.NewDecoder(src), src: src, left: 1}
	c.array(fields)
	if c.err == nil && src.Len() > 0 {
		c.err = fmt.Errorf("%d bytes left over", src.Len())
	}
	return c.err
}

// array walks one nested array.
func (c *codec) array(fields func(*codec)) {
	switch {
	case c.skip():
	case c.dec != nil:
		n := c.length(c.src.Len())
		if c.err != nil {
			return
		}
		outer := c.left
		c.left = n
		fields(c)
		if c.err == nil && c.left > 0 {
			c.err = fmt.Errorf("array has %d elements too many", c.left)
		}
		c.left = outer
	default:
		count := codec{}
		fields(&count)
		c.err = c.enc.EncodeArrayLen(count.n)
		fields(c)
	}
}

// skip says whether there is nothing to do for the next element: after an
// error, while counting, or when the array being read has ended.
func (c *codec) skip() bool {
	if c.err != nil {
		return true
	}
	if c.enc == nil && c.dec == nil {
		c.n++
		return true
	}
	if c.dec != nil {
		if c.left == 0 {
			return true
		}
		c.left--
	}
	return false
}

// length reads an array header and checks it; an element takes one byte at
// least.
func (c *codec) length(limit int) int {
	var n int
	n, c.err = c.dec.DecodeArrayLen()
	if c.err == nil && (n < 0 || n > limit || n > c.src.Len()) {
		c.err = fmt.Errorf("array of %d elements, at most %d", n, min(limit, c.src.Len()))
	}
	return n
}

func (c *codec) uint(v *uint64) {
	switch {
	case c.skip():
	case c.dec != nil:
		*v, c.err = c.dec.DecodeUint64()
	default:
		c.err = c.enc.EncodeUint(*v)
	}
}

func (c *codec) int(v *int64) {
	switch {
	case c.skip():
	case c.dec != nil:
		*v, c.err = c.dec.DecodeInt64()
	default:
		c.err = c.enc.EncodeInt(*v)
	}
}

// num is a small number in [low, high].
func (c *codec) num(v *int, low, high int) {
	wide := int64(*v)
	c.int(&wide)
	*v = int(wide)
	if c.dec != nil && c.err == nil && (*v < low || *v > high) {
		c.err = fmt.Errorf("%d is not in %d to %d", *v, low, high)
	}
}

func (c *codec) bool(v *bool) {
	switch {
	case c.skip():
	case c.dec != nil:
		*v, c.err = c.dec.DecodeBool()
	default:
		c.err = c.enc.EncodeBool(*v)
	}
}

func (c *codec) str(v *string, limit int) {
	switch {
	case c.skip():
	case c.dec != nil:
		*v = string(c.read(limit))
	default:
		c.err = c.enc.EncodeString(*v)
	}
}

func (c *codec) bytes(v *[]byte, limit int) {
	switch {
	case c.skip():
	case c.dec != nil:
		*v = c.read(limit)
	case *v == nil:
		c.err = c.enc.EncodeNil()
	default:
		c.err = c.enc.EncodeBytes(*v)
	}
}

func (c *codec) read(limit int) []byte {
	n, err := c.dec.DecodeBytesLen()
	if c.err = err; err != nil || n < 0 {
		return nil
	}
	if n > limit || n > c.src.Len() {
		c.err = fmt.Errorf("%d bytes, at most %d", n, min(limit, c.src.Len()))
		return nil
	}
	b := make([]byte, n)
	c.err = c.dec.ReadFull(b)
	return b
}

// optional is a number that may be missing.
func (c *codec) optional(v **int, low, high int) {
	n := low - 1
	if *v != nil {
		n = **v
	}
	c.num(&n, low-1, high)
	if c.dec != nil && n >= low {
		*v = &n
	}
}

// list walks a nested array of values of one type.
func list[T any](c *codec, v *[]T, limit int, fields func(*codec, *T)) {
	switch {
	case c.skip():
	case c.dec != nil:
		n := c.length(limit)
		if c.err != nil || n == 0 {
			return
		}
		*v = make([]T, n)
		for i := 0; i < n && c.err == nil; i++ {
			c.element(func(c *codec) { fields(c, &(*v)[i]) })
		}
	default:
		c.err = c.enc.EncodeArrayLen(len(*v))
		for i := range *v {
			c.array(func(c *codec) { fields(c, &(*v)[i]) })
		}
	}
}

// element reads an array that is an element of a list.
func (c *codec) element(fields func(*codec)) {
	outer := c.left
	c.left = 1
	c.array(fields)
	c.left = outer
}
