package view

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

// A model is a view kept the simplest way there is, to check the fast one against: for each section its entities by id, for
// each entity its values, an int32 or a []byte each.
type model []map[uint32][]any

func newModel(sections int) model {
	m := make(model, sections)
	for i := range m {
		m[i] = map[uint32][]any{}
	}
	return m
}

func (m model) clone() model {
	c := make(model, len(m))
	for i := range m {
		c[i] = maps.Clone(m[i])
	}
	return c
}

// frame records the model as a game would, in any order.
func (m model) frame(t testing.TB, l *Layout, rng *rand.Rand) *Frame {
	t.Helper()
	f := l.NewFrame()
	m.recordInto(t, f, rng)
	return f
}

func (m model) recordInto(t testing.TB, f *Frame, rng *rand.Rand) {
	t.Helper()
	for sec := range m {
		ids := slices.Sorted(maps.Keys(m[sec]))
		if rng.IntN(2) == 0 {
			rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		}
		for _, id := range ids {
			vals := f.Add(sec, id)
			for k, v := range m[sec][id] {
				switch v := v.(type) {
				case int32:
					vals[k] = v
				case string:
					vals[k] = f.AddText(sec, v)
				case []byte:
					vals[k] = f.AddBlob(sec, v)
				}
			}
		}
	}
	if err := f.Seal(); err != nil {
		t.Fatalf("Seal: %v", err)
	}
}

// diff says where a frame's sections from first on differ from the model, "" if nowhere.
func (m model) diff(f *Frame, first int) string {
	for sec := range m {
		at := first + sec
		if f.Len(at) != len(m[sec]) {
			return fmt.Sprintf("section %d holds %d entities, want %d", at, f.Len(at), len(m[sec]))
		}
		for i, id := range slices.Sorted(maps.Keys(m[sec])) {
			got, vals := f.At(at, i)
			if got != id {
				return fmt.Sprintf("section %d: entity %d of the order is %d, want %d", at, i, got, id)
			}
			for k, want := range m[sec][id] {
				if s := differ(f, at, vals[k], want); s != "" {
					return fmt.Sprintf("section %d, entity %d, field %d: %s", at, id, k, s)
				}
			}
		}
	}
	return ""
}

func differ(f *Frame, sec int, val int32, want any) string {
	switch want := want.(type) {
	case int32:
		if val != want {
			return fmt.Sprintf("%d, want %d", val, want)
		}
	case string:
		if got := f.Blob(sec, val); string(got) != want {
			return fmt.Sprintf("%q, want %q", got, want)
		}
	case []byte:
		if got := f.Blob(sec, val); !bytes.Equal(got, want) {
			return fmt.Sprintf("%x, want %x", got, want)
		}
	}
	return ""
}

// words lists what docs/PROTOCOL.md §5.6 hashes, as bytes.
func (m model) words(first int) (b []byte) {
	for sec := range m {
		if len(m[sec]) == 0 {
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, 0xFFFFFFFF)
		b = binary.LittleEndian.AppendUint32(b, uint32(first+sec))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(m[sec])))
		for _, id := range slices.Sorted(maps.Keys(m[sec])) {
			b = binary.LittleEndian.AppendUint32(b, id)
			for _, v := range m[sec][id] {
				switch v := v.(type) {
				case int32:
					b = binary.LittleEndian.AppendUint32(b, uint32(v))
				case string:
					b = binary.LittleEndian.AppendUint32(b, murmur3([]byte(v)))
				case []byte:
					b = binary.LittleEndian.AppendUint32(b, murmur3(v))
				}
			}
		}
	}
	return b
}

// murmur3 is MurmurHash3 x86_32, seed 0, written down from its description once more.
func murmur3(b []byte) uint32 {
	h, n := uint32(0), len(b)
	scramble := func(k uint32) uint32 { return bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593 }
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h^scramble(binary.LittleEndian.Uint32(b)), 13)*5 + 0xe6546b64
	}
	if len(b) > 0 {
		var tail [4]byte
		copy(tail[:], b)
		h ^= scramble(binary.LittleEndian.Uint32(tail[:]))
	}
	h ^= uint32(n)
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// randomSchema makes up to six kinds of up to nine fields of every type; some have none.
func randomSchema(rng *rand.Rand) *Schema {
	s := &Schema{Game: "random", TickHz: 20, SendHz: 20, MaxPlayers: 8}
	for i := range rng.IntN(6) {
		k := Kind{Name: fmt.Sprintf("kind%d", i)}
		width := rng.IntN(9)
		if rng.IntN(8) == 0 {
			width = MaxFields
		}
		plain := rng.IntN(3) == 0
		for j := range width {
			f := Field{Name: fmt.Sprintf("f%d", j), Type: Int}
			if !plain {
				f.Type = []FieldType{Int, Bool, Fixed, Angle, Text, Bytes}[rng.IntN(6)]
			}
			switch f.Type {
			case Fixed:
				f.Scale = 1 + rng.Int32N(100)
			case Angle:
				f.Turn = []int32{2, 3, 5, 256, 1000, 1024, 65536, 1 << 24}[rng.IntN(8)]
			case Text, Bytes:
				n := 1 + rng.Int32N(80)
				f.Max = &n
			}
			k.Fields = append(k.Fields, f)
		}
		s.Kinds = append(s.Kinds, k)
	}
	return s
}

func randomValue(rng *rand.Rand, f Field) any {
	switch f.Type {
	case Bool:
		return rng.Int32N(2)
	case Angle:
		return rng.Int32N(f.Turn)
	case Text:
		r := []rune("aé漢😀 z")
		s := ""
		for range rng.IntN(int(*f.Max)/4 + 1) {
			s += string(r[rng.IntN(len(r))])
		}
		return s
	case Bytes:
		b := make([]byte, rng.IntN(int(*f.Max)+1))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	switch rng.IntN(6) {
	case 0:
		return []int32{math.MinInt32, math.MaxInt32, 0, -1, 127, 128, -32, -33}[rng.IntN(8)]
	case 1:
		return int32(rng.Uint32())
	}
	return rng.Int32N(400) - 200
}

// nudge is a value near the old one, as a moving entity has it.
func nudge(rng *rand.Rand, f Field, old any) any {
	v, ok := old.(int32)
	switch {
	case !ok || f.Type == Bool || rng.IntN(20) == 0:
		return randomValue(rng, f)
	case f.Type == Angle:
		return int32((int64(v) + int64(rng.IntN(9)) - 4 + int64(f.Turn)*4) % int64(f.Turn))
	}
	return v + rng.Int32N(300) - 150
}

func randomEntity(rng *rand.Rand, k Kind) []any {
	vals := make([]any, len(k.Fields))
	for i, f := range k.Fields {
		vals[i] = randomValue(rng, f)
	}
	return vals
}

func randomID(rng *rand.Rand) uint32 {
	switch rng.IntN(8) {
	case 0:
		return []uint32{0, MaxID, MaxID - 1}[rng.IntN(3)]
	case 1:
		return rng.Uint32N(MaxID + 1)
	}
	return rng.Uint32N(60)
}

// evolve returns the next tick's model: some entities come, go, change or are replaced; the old model stays as it was.
func (m model) evolve(rng *rand.Rand, s *Schema) model {
	next := m.clone()
	for sec := range next {
		k := s.Kinds[sec%len(s.Kinds)]
		for _, id := range slices.Sorted(maps.Keys(next[sec])) {
			switch rng.IntN(12) {
			case 0:
				delete(next[sec], id)
			case 1:
				next[sec][id] = randomEntity(rng, k)
			case 2, 3, 4, 5:
				vals := slices.Clone(next[sec][id])
				for i := range vals {
					if rng.IntN(3) > 0 {
						vals[i] = nudge(rng, k.Fields[i], vals[i])
					}
				}
				next[sec][id] = vals
			}
		}
		for range rng.IntN(3) {
			if len(next[sec]) < 24 {
				next[sec][randomID(rng)] = randomEntity(rng, k)
			}
		}
	}
	return next
}

// countElements reads a body with a Reader and returns how many msgpack objects it is.
func countElements(t testing.TB, body []byte) int {
	t.Helper()
	r := wire.NewReader(body)
	n := 0
	for r.Len() > 0 {
		r.Skip(1)
		n++
	}
	if r.Err() != nil {
		t.Fatalf("body %x: %v", body, r.Err())
	}
	return n
}
