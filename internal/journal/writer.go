package journal

import (
	"hash/crc32"
	"sync/atomic"
)

// A shelf is a room's place in the store.
type shelf struct {
	// Immutable.
	name    []byte
	nameCRC uint32

	// Guarded by Store.mu.
	writer *Writer // nil: nobody runs the room here
	epoch  uint32  // the highest that has begun or was saved; 0: none, or the room has ended
	lost   bool    // the newest bytes were dropped

	// Owned by the flusher.
	place  place
	newest int // of merge
}

// A Writer takes down what a room is made of. All methods are for one goroutine at a time, that of the room's worker, and
// none of them waits for the disk.
type Writer struct {
	// Immutable.
	store *Store
	shelf *shelf
	epoch uint32

	again atomic.Bool // the flusher wants all of the room once more

	// Owned by the room's worker.
	whole  bool // state and records up to copied have been handed over
	base   uint32
	copied int // bytes of records
	chain  uint64
	large  batch         // for an entry that is not copied under the lock
	head   [headLen]byte // of the entry being made; as a variable it would be allocated for each
}

// Ticked takes what the room is after a tick: its newest checkpoint, which was taken at the end of tick base (0 and empty:
// the room as its game's New made it), and all records since, tick being the last one's. Only what is new is copied; both
// slices are the caller's again on return. A tick without a record is not noticed. It allocates nothing once the store has warmed up. On a Writer that has ended
// or was replaced by a later Begin it does nothing.
func (w *Writer) Ticked(tick, base uint32, checkpoint, records []byte) {
	if w.again.Swap(false) {
		w.whole = false
	}
	e := entry{kind: kindRecords, epoch: w.epoch, base: base, tick: tick, at: uint32(w.copied), chain: w.chain}
	var head, tail []byte
	if w.whole && base == w.base && len(records) >= w.copied {
		tail = records[w.copied:]
		if len(tail) == 0 {
			return
		}
	} else {
		e.kind, e.at, e.chain = kindState, uint32(len(checkpoint)), w.store.chains.Add(1)
		head, tail = checkpoint, records
	}
	if len(checkpoint)+len(records) > MaxRoom {
		w.whole = false
		w.store.refuse(w, len(head)+len(tail))
		return
	}
	w.whole = w.put(&e, head, tail)
	w.base, w.copied, w.chain = base, len(records), e.chain
}

// End says that the room is over: what is saved of it may go. The Writer does nothing from then on.
func (w *Writer) End() {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.shelf.writer != w || s.closed {
		return
	}
	s.end(w.shelf, w.epoch)
}

// put encodes an entry and queues it. False: it was dropped.
func (w *Writer) put(e *entry, head, tail []byte) bool {
	s := w.store
	e.room, e.bodyLen = w.shelf.name, uint32(len(head)+len(tail))
	e.bodyCRC = crc32.Update(crc32.Update(w.shelf.nameCRC, castagnoli, head), castagnoli, tail)
	s.key.putHead(&w.head, e)
	r := ref{shelf: w.shelf, kind: e.kind, epoch: e.epoch, chain: e.chain, size: headLen + len(e.room) + int(e.bodyLen)}
	if r.size <= chunkSize {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.admit(w, r.size) {
			return false
		}
		before := s.pending.size
		s.pending.entry(&s.pool, r, w.head[:], head, tail)
		s.caughtUp(w.shelf)
		s.queued(before)
		return true
	}

	// Others do not wait for a large copy: it is made on the side.
	s.mu.Lock()
	ok := s.admit(w, r.size)
	if ok {
		s.promised += r.size
	}
	s.mu.Unlock()
	if !ok {
		return false
	}
	w.large.entry(&s.pool, r, w.head[:], head, tail)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.promised -= r.size
	if w.shelf.writer != w || s.closed { // meanwhile
		w.large.reset(&s.pool)
		return false
	}
	before := s.pending.size
	s.pending.link(&w.large)
	s.caughtUp(w.shelf)
	s.queued(before)
	return true
}

// entry appends one that is in pieces.
func (b *batch) entry(from *pool, r ref, head, first, second []byte) {
	b.add(from, head)
	b.add(from, r.shelf.name)
	b.add(from, first)
	b.add(from, second)
	b.refs = append(b.refs, r)
}
