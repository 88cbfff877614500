package view

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrDuplicate is returned by Seal when one id was added twice to a section.
var ErrDuplicate = errors.New("entity put twice in one view")

// A Frame is the view of one tick: for each section the entities by ascending id, each with its kind's fields as int32.
// The value of a text or bytes field is the offset of its bytes in the section's blob. Frames are reused: Reset keeps the
// memory. A Frame is not safe for concurrent use.
type Frame struct {
	Epoch, Tick uint32

	layout   *Layout
	sections []section
	sorter   byID
}

type section struct {
	ids    []uint32
	vals   []int32 // len(ids) × width
	blob   []byte  // for each text or bytes value: 2 bytes of length, then the bytes
	sorted bool    // meaningless while empty
}

// Reset empties the frame.
func (f *Frame) Reset() {
	for i := range f.sections {
		s := &f.sections[i]
		s.ids, s.vals, s.blob, s.sorted = s.ids[:0], s.vals[:0], s.blob[:0], true
	}
}

// reserve makes room for as much as another frame holds, in one step for each section: what a view shows it nearly always shows
// again, and thirty frames that grow entity by entity are thousands of allocations in a room's first minute.
func (f *Frame) reserve(like *Frame) {
	for i := range f.sections {
		s, l := &f.sections[i], &like.sections[i]
		if n := len(l.ids); cap(s.ids) < n {
			n += n/2 + 4
			s.ids = make([]uint32, 0, n)
			s.vals = make([]int32, 0, n*f.layout.kind(i).width)
		}
		if len(l.blob) > cap(s.blob) {
			s.blob = make([]byte, 0, cap(l.blob))
		}
	}
}

// Add appends entity id to a section and returns its values, all zero, to be filled before the next Add. Ids may come in any
// order; ascending order is the fast one. An id over MaxID panics, as does one entity more than MaxEntities: it is the caller's
// mistake, and no client would take the frame.
func (f *Frame) Add(sec int, id uint32) []int32 {
	if id > MaxID {
		panic(fmt.Sprintf("view: entity id %d is over %d", id, MaxID))
	}
	s := &f.sections[sec]
	n := len(s.ids)
	if n == MaxEntities {
		panic(fmt.Sprintf("view: more than %d entities of one kind", MaxEntities))
	}
	s.sorted = n == 0 || s.sorted && s.ids[n-1] < id
	s.ids = append(s.ids, id)
	width := f.layout.kind(sec).width
	start := len(s.vals)
	s.vals = slices.Grow(s.vals, width)[:start+width]
	vals := s.vals[start : start+width : start+width]
	clear(vals)
	return vals
}

// AddBlob stores the bytes of a text or bytes field and returns the value that names them.
func (f *Frame) AddBlob(sec int, b []byte) int32 { return addBlob(&f.sections[sec], b) }

// AddText is AddBlob for a string.
func (f *Frame) AddText(sec int, t string) int32 { return addBlob(&f.sections[sec], t) }

// Seal puts every section in ascending order; it must be called once after the last Add.
func (f *Frame) Seal() error {
	for i := range f.sections {
		s := &f.sections[i]
		if len(s.ids) == 0 || s.sorted {
			continue
		}
		f.sorter = byID{s: s, width: f.layout.kind(i).width}
		sort.Sort(&f.sorter)
		s.sorted = true
		for j := 1; j < len(s.ids); j++ {
			if s.ids[j] == s.ids[j-1] {
				return fmt.Errorf("%w: section %d, id %d", ErrDuplicate, i, s.ids[j])
			}
		}
	}
	return nil
}

// byID sorts a section in place; values move with their ids, the blob stays.
type byID struct {
	s     *section
	width int
}

func (b *byID) Len() int           { return len(b.s.ids) }
func (b *byID) Less(i, j int) bool { return b.s.ids[i] < b.s.ids[j] }
func (b *byID) Swap(i, j int) {
	b.s.ids[i], b.s.ids[j] = b.s.ids[j], b.s.ids[i]
	x, y := b.s.vals[i*b.width:(i+1)*b.width], b.s.vals[j*b.width:(j+1)*b.width]
	for k := range x {
		x[k], y[k] = y[k], x[k]
	}
}

// Sections is K for a server's frame and 2K for a client's.
func (f *Frame) Sections() int { return len(f.sections) }

// Len is the number of entities in a section.
func (f *Frame) Len(sec int) int { return len(f.sections[sec].ids) }

// At returns the i-th entity of a section. The values belong to the frame.
func (f *Frame) At(sec, i int) (id uint32, vals []int32) {
	s, width := &f.sections[sec], f.layout.kind(sec).width
	return s.ids[i], s.vals[i*width : (i+1)*width : (i+1)*width]
}

// Find returns the values of an entity, nil if the section does not hold it.
func (f *Frame) Find(sec int, id uint32) []int32 {
	i, ok := slices.BinarySearch(f.sections[sec].ids, id)
	if !ok {
		return nil
	}
	_, vals := f.At(sec, i)
	return vals
}

// Blob returns the bytes that a text or bytes value names. They belong to the frame.
func (f *Frame) Blob(sec int, val int32) []byte { return f.sections[sec].bytes(val) }

func (s *section) bytes(val int32) []byte {
	n := int(binary.LittleEndian.Uint16(s.blob[val:]))
	start := int(val) + 2
	return s.blob[start : start+n : start+n]
}

// Hash is the HASH of docs/PROTOCOL.md §5.6 for a client that holds the sections of f.
func (f *Frame) Hash() uint32 {
	var h wire.WordHash
	f.HashInto(&h, 0)
	return h.Sum()
}

// HashInto adds the frame's sections to h, the first of them numbered first: 0 for the shared view, K for a private one.
func (f *Frame) HashInto(h *wire.WordHash, first int) {
	for i := range f.sections {
		s := &f.sections[i]
		if len(s.ids) == 0 {
			continue
		}
		h.Word(0xFFFFFFFF)
		h.Word(uint32(first + i))
		h.Word(uint32(len(s.ids)))
		s.hashInto(h, f.layout.kind(i))
	}
}

func (s *section) hashInto(h *wire.WordHash, k *kindLayout) {
	vals := s.vals
	for _, id := range s.ids {
		h.Word(id)
		for j, v := range vals[:k.width] {
			if k.blobs && k.fields[j].class >= classText {
				h.Word(wire.Murmur32(s.bytes(v)))
				continue
			}
			h.Word(uint32(v))
		}
		vals = vals[k.width:]
	}
}

// CopyFrom makes f hold what src holds, which must be of the same layout and number of sections.
func (f *Frame) CopyFrom(src *Frame) {
	f.Epoch, f.Tick = src.Epoch, src.Tick
	for i := range src.sections {
		f.sections[i].copyFrom(&src.sections[i])
	}
}

func (s *section) copyFrom(src *section) {
	s.ids = append(s.ids[:0], src.ids...)
	s.vals = append(s.vals[:0], src.vals...)
	s.blob = append(s.blob[:0], src.blob...)
	s.sorted = src.sorted
}

func addBlob[B []byte | string](s *section, b B) int32 {
	off := int32(len(s.blob))
	s.blob = binary.LittleEndian.AppendUint16(s.blob, uint16(len(b)))
	s.blob = append(s.blob, b...)
	return off
}
