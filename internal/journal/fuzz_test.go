package journal

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// readAny reads a segment and holds what must hold whatever is in it.
func readAny(t *testing.T, data []byte) map[string]*found {
	t.Helper()
	k, err := readSegmentHead(data[:min(len(data), dataStart)])
	if err != nil {
		return nil
	}
	l := library{rooms: map[string]*found{}}
	end := int64(dataStart)
	_, err = scan(&window{r: bytes.NewReader(data), size: int64(len(data))}, k, func(e *entry, off int64, size int) {
		if off < end || off+int64(size) > int64(len(data)) || len(e.room) == 0 {
			t.Fatalf("entry of %q at %d to %d, the last ended at %d of %d", e.room, off, off+int64(size), end, len(data))
		}
		end = off + int64(size)
		l.apply(e, span{off: off, size: size})
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	for name, f := range l.rooms {
		held := 0
		for _, at := range f.spans {
			held += at.size - headLen - len(name)
		}
		if f.Room != name || held != len(f.Checkpoint)+len(f.Records) || held > MaxRoom || len(f.spans) == 0 {
			t.Fatalf("room %q: %d bytes in %d entries, of which %d are held", name, held, len(f.spans), len(f.Checkpoint)+len(f.Records))
		}
	}
	return l.rooms
}

// FuzzSegment reads any bytes as a segment.
func FuzzSegment(f *testing.F) {
	k := tell(f, 12)
	f.Add(k.data)
	f.Add(k.data[:k.ends[3]+20])
	f.Add(append(bytes.Clone(k.data[:k.ends[3]+20]), k.data[k.ends[5]:]...))
	f.Fuzz(func(t *testing.T, data []byte) { readAny(t, data) })
}

// FuzzEntries makes entries whose sums are right of any fields: what a scan finds in them, and what becomes of the rooms.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{1, 0, 1, 0, 3, 1, 9, 2, 0, 1, 3, 2, 1, 9, 2, 0, 1, 5, 2, 1, 9})
	f.Add([]byte{1, 0, 1, 2, 3, 1, 9, 3, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 0, 2, 8, 0, 9, 9, 9, 255, 1, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		k := key{mark: 0x01020304, seed: 5}
		data := k.appendSegmentHead(nil)
		bodies := 0
		for ; len(ops) >= 7; ops = ops[7:] {
			e := entry{kind: kind(ops[0]), room: []byte{'a' + ops[1]%3}, epoch: uint32(ops[2]), at: uint32(ops[3]),
				body: bytes.Repeat([]byte{ops[6]}, int(ops[4])), chain: uint64(ops[5]), tick: binary.LittleEndian.Uint32(ops)}
			if ops[6] == 255 {
				e.at <<= 24
			}
			e.bodyLen = uint32(len(e.body))
			e.sum(newShelf(string(e.room)))
			var b [headLen]byte
			k.putHead(&b, &e)
			data = append(append(append(data, b[:]...), e.room...), e.body...)
			bodies += len(e.body)
		}
		for name, r := range readAny(t, data) {
			if len(r.Checkpoint)+len(r.Records) > bodies {
				t.Fatalf("room %q has more than all entries together", name)
			}
		}
	})
}
