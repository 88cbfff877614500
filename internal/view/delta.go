package view

import (
	"bytes"
	"math/bits"
	"unsafe"

	"github.com/ringside-server/ringside/internal/wire"
)

// empty stands for the base of a snapshot.
var empty section

// AppendDelta appends the body that turns base into cur and returns it with its number of msgpack elements. base nil is the
// empty view, which makes the body a snapshot's. first is the number of cur's first section on the wire: 0 for the shared
// view, Layout.Kinds for a private one. Both frames must be sealed and of one layout. It does not allocate if dst has room.
func AppendDelta(dst []byte, base, cur *Frame, first int) (body []byte, elements int) {
	for i := range cur.sections {
		bs, cs := &empty, &cur.sections[i]
		if base != nil {
			bs = &base.sections[i]
		}
		if len(bs.ids) == 0 && len(cs.ids) == 0 {
			continue
		}
		mark, before := len(dst), elements
		if first+i != 0 {
			dst = append(dst, 0)
			dst = wire.AppendUint(dst, uint64(first+i))
			elements += 2
		}
		head := len(dst)
		e := encoder{dst: dst, elements: elements, kind: cur.layout.kind(i), last: -1}
		e.section(bs, cs)
		dst, elements = e.dst, e.elements
		if len(dst) == head { // nothing changed: take the switch back
			dst, elements = dst[:mark], before
		}
	}
	return dst, elements
}

// An encoder writes the records of one section.
type encoder struct {
	dst      []byte
	elements int
	kind     *kindLayout
	last     int64     // id of the last record
	rec      [256]byte // the record being written
}

// section walks both lists by ascending id.
func (e *encoder) section(bs, cs *section) {
	w := e.kind.width
	i, j := 0, 0
	for j < len(cs.ids) {
		id := cs.ids[j]
		switch {
		case i < len(bs.ids) && bs.ids[i] < id:
			e.removed(bs.ids[i])
			i++
		case i < len(bs.ids) && bs.ids[i] == id:
			e.changed(id, bs, bs.vals[i*w:(i+1)*w], cs, cs.vals[j*w:(j+1)*w])
			i++
			j++
		default:
			e.appeared(id, cs, cs.vals[j*w:(j+1)*w])
			j++
		}
	}
	for ; i < len(bs.ids); i++ {
		e.removed(bs.ids[i])
	}
}

func (e *encoder) int(v int32) {
	if v >= -32 && v <= 127 {
		e.dst = append(e.dst, byte(v))
		return
	}
	e.dst = wire.AppendInt(e.dst, int64(v))
}

func (e *encoder) removed(id uint32) {
	e.int(int32(int64(id) - e.last))
	e.int(0)
	e.elements += 2
	e.last = int64(id)
}

func (e *encoder) appeared(id uint32, cs *section, vals []int32) {
	e.int(-int32(int64(id) - e.last))
	e.last = int64(id)
	e.elements += 1 + len(vals)
	for k, v := range vals {
		e.value(k, v, cs)
	}
}

// value writes a field's absolute value.
func (e *encoder) value(k int, v int32, cs *section) {
	switch e.kind.fields[k].class {
	case classText:
		b := cs.bytes(v) // a copy as a string would be made on the heap
		e.dst = wire.AppendString(e.dst, unsafe.String(unsafe.SliceData(b), len(b)))
	case classBytes:
		e.dst = wire.AppendBytes(e.dst, cs.bytes(v))
	default:
		e.int(v)
	}
}

func (e *encoder) changed(id uint32, bs *section, old []int32, cs *section, now []int32) {
	if e.kind.plain {
		e.changedInts(id, old, now)
		return
	}
	var diff [MaxFields]int32
	mask := e.compare(&diff, bs, old, cs, now)
	if mask == 0 {
		return
	}
	e.int(int32(int64(id) - e.last))
	e.last = int64(id)
	e.dst = wire.AppendUint(e.dst, uint64(mask))
	e.elements += 2 + bits.OnesCount32(mask)
	for ; mask != 0; mask &= mask - 1 {
		k := bits.TrailingZeros32(mask)
		if e.kind.fields[k].class >= classText {
			e.value(k, now[k], cs)
			continue
		}
		e.int(diff[k])
	}
}

// changedInts is changed for a kind of plain numbers, which is nearly all there is: the slice stays in registers.
func (e *encoder) changedInts(id uint32, old, now []int32) {
	mask := uint32(0)
	for k, v := range old[:len(now)] {
		if now[k] != v {
			mask |= 1 << k
		}
	}
	if mask == 0 {
		return
	}
	e.int(int32(int64(id) - e.last))
	e.last = int64(id)
	e.dst = wire.AppendUint(e.dst, uint64(mask))
	e.elements += 2 + bits.OnesCount32(mask)
	n := uint8(0) // an index of this type is always inside rec, and at most MaxFields × 5 is
	for ; mask != 0; mask &= mask - 1 {
		k := bits.TrailingZeros32(mask)
		d := now[k] - old[k]
		if d >= -32 && d <= 127 {
			e.rec[n] = byte(d)
			n++
			continue
		}
		n += uint8(len(wire.AppendInt(e.rec[n:n], int64(d))))
	}
	e.dst = append(e.dst, e.rec[:n]...)
}

// compare fills diff and the mask for a kind with angles, texts or bytes.
func (e *encoder) compare(diff *[MaxFields]int32, bs *section, old []int32, cs *section, now []int32) (mask uint32) {
	for k := range now {
		f := &e.kind.fields[k]
		same := old[k] == now[k]
		switch f.class {
		case classNumber:
			diff[k] = now[k] - old[k]
		case classAngle:
			diff[k] = wrap(now[k]-old[k], f.turn)
		default:
			same = bytes.Equal(bs.bytes(old[k]), cs.bytes(now[k]))
		}
		if !same {
			mask |= 1 << k
		}
	}
	return mask
}
