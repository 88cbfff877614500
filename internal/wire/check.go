package wire

import "encoding/binary"

// MaxDepth is how deeply arrays and maps may nest in what CheckObject accepts.
const MaxDepth = 64

// CheckObject reports whether b is exactly one msgpack object that a general decoder can be trusted with: every length is
// covered by the bytes that are there and nothing nests deeper than MaxDepth. The library's decoder allocates what a header
// announces and recurses as deep as the input says, so nothing from outside reaches it unchecked. It does not allocate.
func CheckObject(b []byte) error {
	var left [MaxDepth + 1]int // objects still to come at each depth
	depth := 0
	left[0] = 1
	for {
		for depth >= 0 && left[depth] == 0 {
			depth--
		}
		if depth < 0 {
			break
		}
		left[depth]--
		size, children, ok := measure(b)
		if !ok || children > len(b)-size {
			return ErrMalformed
		}
		b = b[size:]
		if children > 0 {
			if depth == MaxDepth {
				return ErrMalformed
			}
			depth++
			left[depth] = children
		}
	}
	if len(b) > 0 {
		return ErrMalformed
	}
	return nil
}

// measure returns the size of the object at the start of b without its children, and how many children follow.
func measure(b []byte) (size, children int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	head, n := 1, 0
	switch c := b[0]; {
	case c <= 0x7f || c >= 0xe0: // fixint
	case c <= 0x8f:
		children = 2 * int(c&0x0f)
	case c <= 0x9f:
		children = int(c & 0x0f)
	case c <= 0xbf:
		n = int(c & 0x1f)
	case c == 0xc1:
		return 0, 0, false
	case c <= 0xc3: // nil, false, true
	default:
		return measureLong(b)
	}
	return head + n, children, head+n <= len(b)
}

// longForms lists, from code 0xc4 on, the width of the length field (0: a fixed body) and the bytes of the fixed body, or of
// what stands between the length and the data.
var longForms = [...]struct{ length, body int }{
	{1, 0}, {2, 0}, {4, 0}, // bin
	{1, 1}, {2, 1}, {4, 1}, // ext: a type byte, then the data
	{0, 4}, {0, 8}, // float
	{0, 1}, {0, 2}, {0, 4}, {0, 8}, // uint
	{0, 1}, {0, 2}, {0, 4}, {0, 8}, // int
	{0, 2}, {0, 3}, {0, 5}, {0, 9}, {0, 17}, // fixext
	{1, 0}, {2, 0}, {4, 0}, // str
	{2, 0}, {4, 0}, // array
	{2, 0}, {4, 0}, // map
}

func measureLong(b []byte) (size, children int, ok bool) {
	c := b[0]
	form := longForms[c-0xc4]
	if len(b) < 1+form.length {
		return 0, 0, false
	}
	n := 0
	switch form.length {
	case 1:
		n = int(b[1])
	case 2:
		n = int(binary.BigEndian.Uint16(b[1:]))
	case 4:
		n = int(binary.BigEndian.Uint32(b[1:]))
	}
	head := 1 + form.length
	switch {
	case c >= 0xde:
		return head, 2 * n, true
	case c >= 0xdc:
		return head, n, true
	}
	size = head + form.body + n
	return size, 0, size <= len(b)
}
