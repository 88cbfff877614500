package view

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrBase is returned by Decode for a body that does not fit its base: an entity that is not there, a section that does not
// exist. The client asks for a snapshot (RESYNC 2).
var ErrBase = errors.New("state does not fit its base")

// Decode fills dst with base changed by a body of so many elements. dst and base are client frames (2K sections) of one
// layout and must not be the same; base nil is the empty state. clearPrivate takes the base's private sections as empty
// (DELTAB's flag 1). On an error dst is undefined and base untouched. It does not allocate once dst has grown.
func Decode(dst, base *Frame, body *wire.Reader, elements int, clearPrivate bool) error {
	d := decoder{dst: dst, base: base, buf: body.Rest(), left: elements, kinds: dst.layout.Kinds(), clearPrivate: clearPrivate}
	dst.Reset()
	d.open(0)
	for d.left > 0 && d.err == nil {
		switch gap := d.int(); {
		case gap > 0:
			d.changed(gap)
		case gap < 0:
			d.appeared(-int64(gap))
		default:
			d.switchTo(int(d.int()))
		}
	}
	d.finish(len(dst.sections))
	*body = wire.NewReader(d.buf[d.off:])
	if d.err == nil && d.left < 0 {
		d.malformed()
	}
	return d.err
}

// A decoder merges one body into a copy of its base, section by section. It takes the short integers, of which nearly all
// of a body is made, from buf itself, and leaves everything else to a wire.Reader.
type decoder struct {
	dst, base    *Frame
	buf          []byte
	off          int // of buf, what has been read
	left         int // elements still to read; below 0 a record ran over the end
	kinds        int
	clearPrivate bool
	err          error

	// The open section.
	sec  int
	kind *kindLayout
	bs   *section // in the base
	ds   *section // in dst
	next int      // index of the first entity of bs not yet copied or passed over
	last int64    // id of the last record
	mode mergeMode
}

// A mergeMode says how much of the open section's base dst holds. Entities mostly change where they are, so a section starts
// as one copy of its base that is patched in place; the first entity that comes or goes makes it a merge, entity by entity.
// Kinds with texts are always merged: a copy would take along the bytes of texts that are no more.
type mergeMode uint8

const (
	untouched mergeMode = iota // nothing: no record yet
	patching                   // all of it
	merging                    // the entities before next
)

func (d *decoder) int() int32 {
	d.left--
	if d.off < len(d.buf) && int8(d.buf[d.off]) >= -32 {
		d.off++
		return int32(int8(d.buf[d.off-1]))
	}
	if b := d.buf[d.off:]; len(b) >= 3 {
		switch b[0] { // the next most frequent
		case 0xcc:
			d.off += 2
			return int32(b[1])
		case 0xd0:
			d.off += 2
			return int32(int8(b[1]))
		case 0xcd:
			d.off += 3
			return int32(b[1])<<8 | int32(b[2])
		case 0xd1:
			d.off += 3
			return int32(int16(uint16(b[1])<<8 | uint16(b[2])))
		}
	}
	r := d.reader()
	v := r.Int32()
	d.advance(&r)
	return v
}

func (d *decoder) mask() uint32 {
	d.left--
	if d.off < len(d.buf) && d.buf[d.off] <= 0x7f {
		d.off++
		return uint32(d.buf[d.off-1])
	}
	r := d.reader()
	v := r.Uint32()
	d.advance(&r)
	return v
}

func (d *decoder) reader() wire.Reader { return wire.NewReader(d.buf[d.off:]) }

// advance passes over what r has read.
func (d *decoder) advance(r *wire.Reader) {
	if r.Err() != nil {
		d.malformed()
		return
	}
	d.off = len(d.buf) - r.Len()
}

func (d *decoder) malformed() {
	if d.err == nil {
		d.err = wire.ErrMalformed
	}
	d.off = len(d.buf)
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: section %d: "+format, append([]any{ErrBase, d.sec}, args...)...)
	}
}

// open starts a section: records follow.
func (d *decoder) open(sec int) {
	if sec >= len(d.dst.sections) { // a game without kinds has nothing to open
		if d.left > 0 {
			d.fail("there is none")
		}
		return
	}
	d.sec, d.kind, d.ds = sec, d.dst.layout.kind(sec), &d.dst.sections[sec]
	d.bs, d.next, d.last, d.mode = d.baseSection(sec), 0, -1, untouched
}

// patch makes dst a copy of the base, merge one that ends before next.
func (d *decoder) patch() {
	if d.mode == untouched && !d.kind.blobs {
		d.ds.copyFrom(d.bs)
		d.mode = patching
	}
}

func (d *decoder) merge() {
	if d.mode == patching {
		d.ds.ids, d.ds.vals = d.ds.ids[:d.next], d.ds.vals[:d.next*d.kind.width]
	}
	d.mode = merging
}

func (d *decoder) baseSection(sec int) *section {
	if d.base == nil || d.clearPrivate && sec >= d.kinds {
		return &empty
	}
	return &d.base.sections[sec]
}

// switchTo goes on in a later section.
func (d *decoder) switchTo(sec int) {
	if sec <= d.sec || sec >= len(d.dst.sections) {
		d.fail("switch to %d of %d", sec, len(d.dst.sections))
		return
	}
	d.finish(sec)
	d.open(sec)
}

// finish copies what is left of the open section and all sections before end.
func (d *decoder) finish(end int) {
	if len(d.dst.sections) == 0 {
		return
	}
	if d.mode != patching {
		if len(d.ds.ids)+len(d.bs.ids)-d.next > MaxEntities {
			d.fail("more than %d entities", MaxEntities)
			return
		}
		d.copyTo(len(d.bs.ids))
	}
	for s := d.sec + 1; s < end; s++ {
		d.dst.sections[s].copyFrom(d.baseSection(s))
	}
}

// copyTo passes on to the base's entity of index end, and copies those before it unless they are there already.
func (d *decoder) copyTo(end int) {
	i, w := d.next, d.kind.width
	if i >= end {
		return
	}
	if d.mode == patching {
		d.next = end
		return
	}
	d.ds.ids = append(d.ds.ids, d.bs.ids[i:end]...)
	start := len(d.ds.vals)
	d.ds.vals = append(d.ds.vals, d.bs.vals[i*w:end*w]...)
	if d.kind.blobs {
		d.copyBlobs(d.ds.vals[start:])
	}
	d.next = end
}

// copyBlobs gives values that were copied from the base their own bytes.
func (d *decoder) copyBlobs(vals []int32) {
	for i := range vals {
		if f := &d.kind.fields[i%d.kind.width]; f.class >= classText {
			b := d.bs.bytes(vals[i])
			vals[i] = addBlob(d.ds, b)
		}
	}
}

// seek copies the base's entities below the next record's id and returns that id; -1 after an error.
func (d *decoder) seek(gap int64) int64 {
	id := d.last + gap
	if id > MaxID || d.mode != patching && len(d.ds.ids) >= MaxEntities {
		d.fail("id %d", id)
		return -1
	}
	i := d.next
	for i < len(d.bs.ids) && int64(d.bs.ids[i]) < id {
		i++
	}
	d.copyTo(i)
	d.last = id
	return id
}

func (d *decoder) here(id int64) bool { return d.next < len(d.bs.ids) && int64(d.bs.ids[d.next]) == id }

func (d *decoder) changed(gap int32) {
	d.patch()
	id := d.seek(int64(gap))
	mask := d.mask()
	if id < 0 || !d.here(id) {
		d.fail("entity %d is not there", id)
		return
	}
	if mask == 0 {
		d.merge()
		d.next++
		return
	}
	if uint64(mask)>>d.kind.width != 0 {
		d.fail("mask %#x of %d fields", mask, d.kind.width)
		return
	}
	start := len(d.ds.vals)
	if d.mode == patching {
		start = d.next * d.kind.width
	}
	d.copyTo(d.next + 1)
	vals := d.ds.vals[start : start+d.kind.width]
	if d.kind.plain {
		d.addInts(vals, mask)
		return
	}
	for ; mask != 0; mask &= mask - 1 {
		k := bits.TrailingZeros32(mask)
		vals[k] = d.field(k, vals[k])
	}
}

// addInts adds the differences of the fields in mask.
func (d *decoder) addInts(vals []int32, mask uint32) {
	buf, off := d.buf, d.off
	for ; mask != 0; mask &= mask - 1 {
		k := bits.TrailingZeros32(mask)
		if off < len(buf) && int8(buf[off]) >= -32 {
			vals[k] += int32(int8(buf[off]))
			off++
			d.left--
			continue
		}
		d.off = off
		vals[k] += d.int()
		off = d.off
	}
	d.off = off
}

func (d *decoder) appeared(gap int64) {
	id := d.seek(gap)
	if id < 0 {
		return
	}
	d.merge()
	if d.here(id) {
		d.next++
	}
	d.ds.ids = append(d.ds.ids, uint32(id))
	for k := range d.kind.fields {
		d.ds.vals = append(d.ds.vals, d.value(k))
	}
}

// field reads the difference (or the whole new text) of a field whose old value is old.
func (d *decoder) field(k int, old int32) int32 {
	f := &d.kind.fields[k]
	switch f.class {
	case classNumber:
		return old + d.int()
	case classAngle:
		v := int64(old) + int64(d.int())
		if v < 0 {
			v += int64(f.turn)
		} else if v >= int64(f.turn) {
			v -= int64(f.turn)
		}
		if v < 0 || v >= int64(f.turn) {
			d.fail("angle %d of %d", v, f.turn)
			return 0
		}
		return int32(v)
	}
	return d.value(k)
}

// value reads a field's absolute value.
func (d *decoder) value(k int) int32 {
	f := &d.kind.fields[k]
	switch f.class {
	case classText, classBytes:
		return d.blob(f)
	}
	return d.int()
}

func (d *decoder) blob(f *fieldLayout) int32 {
	d.left--
	r := d.reader()
	var b []byte
	if f.class == classText {
		b = r.String(f.max)
	} else {
		b = r.Bytes(f.max)
	}
	d.advance(&r)
	return addBlob(d.ds, b)
}
