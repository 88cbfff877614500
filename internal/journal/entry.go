package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A segment is a head, twice, and entries. All numbers are little-endian.
//
//	head      0 "RINGJRNL"   8 version u32   12 mark u32   16 seed u32   20 CRC32C of 0..20
//
//	entry     0 mark u32     the segment's
//	          4 CRC32C of 8..44, begun with the segment's seed
//	          8 CRC32C of name and body
//	         12 kind u8   13 length of name u8   14 0 u16
//	         16 epoch u32   20 base u32   24 tick u32
//	         28 at u32       state: bytes of the checkpoint; records: bytes of the chain's records before these
//	         32 chain u64
//	         40 bytes of body u32
//	         44 name, body
//
// Mark and seed are random numbers of each Open. Bodies hold what strangers sent: without them a player could send a chat
// message that, behind a damaged place, reads like an entry about somebody else's room.
const (
	magic       = "RINGJRNL"
	version     = 1
	segmentHead = 24
	dataStart   = 2 * segmentHead // the second copy is for the day that the first is damaged: it is the key to all entries
	headLen     = 44
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

type kind uint8

const (
	kindState   kind = 1 + iota // a checkpoint and the records since: all that a room is
	kindRecords                 // what came behind the state of the same chain
	kindEnd                     // the room is over
)

// An entry is one of a segment. A chain is a state and the records behind it: chain numbers are never used twice in a
// directory, so that records can only be put behind the state that they were made on.
type entry struct {
	kind             kind
	epoch, base      uint32
	tick             uint32
	at               uint32
	chain            uint64
	room             []byte
	bodyCRC, bodyLen uint32
	body             []byte // nil in a head
}

// A key is what entries of a segment are told by.
type key struct{ mark, seed uint32 }

// putHead writes the head of an entry whose name and bodyCRC are known.
func (k key) putHead(b *[headLen]byte, e *entry) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], k.mark)
	le.PutUint32(b[8:], e.bodyCRC)
	b[12], b[13], b[14], b[15] = byte(e.kind), byte(len(e.room)), 0, 0
	le.PutUint32(b[16:], e.epoch)
	le.PutUint32(b[20:], e.base)
	le.PutUint32(b[24:], e.tick)
	le.PutUint32(b[28:], e.at)
	le.PutUint64(b[32:], e.chain)
	le.PutUint32(b[40:], e.bodyLen)
	le.PutUint32(b[4:], crc32.Update(k.seed, castagnoli, b[8:]))
}

// head reads the head of an entry; size is the whole entry's.
func (k key) head(b []byte) (e entry, size int, ok bool) {
	le := binary.LittleEndian
	if len(b) < headLen || le.Uint32(b) != k.mark || le.Uint32(b[4:]) != crc32.Update(k.seed, castagnoli, b[8:headLen]) {
		return entry{}, 0, false
	}
	e = entry{
		kind: kind(b[12]), bodyCRC: le.Uint32(b[8:]), epoch: le.Uint32(b[16:]), base: le.Uint32(b[20:]), tick: le.Uint32(b[24:]),
		at: le.Uint32(b[28:]), chain: le.Uint64(b[32:]), bodyLen: le.Uint32(b[40:]),
	}
	switch n := uint64(e.bodyLen); {
	case b[13] == 0 || n > MaxRoom:
		return entry{}, 0, false
	case e.kind == kindState && uint64(e.at) > n,
		e.kind == kindRecords && uint64(e.at)+n > MaxRoom,
		e.kind == kindEnd && n > 0,
		e.kind < kindState || e.kind > kindEnd:
		return entry{}, 0, false
	}
	return e, headLen + int(b[13]) + int(e.bodyLen), true
}

// fill takes name and body from b, all of an entry whose head is e. They alias b.
func (e *entry) fill(b []byte) bool {
	rest := b[headLen:]
	n := len(rest) - int(e.bodyLen)
	e.room, e.body = rest[:n:n], rest[n:]
	return checksum(rest) == e.bodyCRC
}

// sum sets bodyCRC.
func (e *entry) sum(sh *shelf) { e.bodyCRC = crc32.Update(sh.nameCRC, castagnoli, e.body) }

// checkpoint and records are the two parts of a state's body.
func (e *entry) checkpoint() []byte { return e.body[:e.at:e.at] }
func (e *entry) records() []byte    { return e.body[e.at:] }

// appendSegmentHead appends both copies.
func (k key) appendSegmentHead(dst []byte) []byte {
	for range 2 {
		start := len(dst)
		dst = append(dst, magic...)
		dst = binary.LittleEndian.AppendUint32(dst, version)
		dst = binary.LittleEndian.AppendUint32(dst, k.mark)
		dst = binary.LittleEndian.AppendUint32(dst, k.seed)
		dst = binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
	}
	return dst
}

var (
	errTornHead    = errors.New("its head was never written")
	errDamagedHead = errors.New("both copies of its head are damaged")
)

// readSegmentHead reads what a file begins with, of dataStart bytes or fewer if it is shorter. An error that is not
// ErrForeign says that the segment cannot be used, without its being anybody's mistake.
func readSegmentHead(b []byte) (key, error) {
	le := binary.LittleEndian
	// Nothing else is written before the head is on disk, so a part of it at most is a segment that nobody needs.
	if part := bytes.TrimRight(b, "\x00"); len(part) < segmentHead && (bytes.HasPrefix(part, []byte(magic)) || bytes.HasPrefix([]byte(magic), part)) {
		return key{}, errTornHead
	}
	ours := false
	for at := 0; at+segmentHead <= len(b); at += segmentHead {
		h := b[at : at+segmentHead]
		if string(h[:len(magic)]) != magic {
			continue
		}
		ours = true
		if le.Uint32(h[20:]) != checksum(h[:20]) {
			continue
		}
		if v := le.Uint32(h[8:]); v != version {
			return key{}, fmt.Errorf("%w: format %d, this server reads %d: start the server that wrote it, or move the file away and lose the rooms in it", ErrForeign, v, version)
		}
		return key{mark: le.Uint32(h[12:]), seed: le.Uint32(h[16:])}, nil
	}
	if ours {
		return key{}, errDamagedHead
	}
	return key{}, fmt.Errorf("%w: it does not begin as a journal does: move the file away, nothing but journals belongs there", ErrForeign)
}
