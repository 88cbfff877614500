package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	closeTimeout = 10 * time.Second // a disk that hangs must not keep a process that ends
	hungAfter    = 5 * time.Second  // the disk has not answered: Stats say so
)

// A Store is a directory of segments. Its methods may be called by any goroutine; none but Open, Sync and Close waits for
// the disk.
type Store struct {
	// Immutable after Open.
	cfg  Config
	key  key
	wake chan struct{} // bytes are waiting
	sync chan chan error
	stop chan struct{}
	done chan struct{}

	chains atomic.Uint64 // the last number of a chain
	base   time.Time     // for busy: the wall clock may be set
	busy   atomic.Int64  // since when the disk has been at work, in nanoseconds after base; 0: it is not
	pool   pool

	mu       sync.Mutex // held for copying at most chunkSize; pool.mu nests in it
	shelves  map[string]*shelf
	saved    map[string]Saved
	pending  batch
	promised int // bytes of entries that are being copied on the side
	taken    int // bytes that the flusher has
	closed   bool
	oversize []byte // a room above MaxRoom
	stats    Stats  // what is not computed

	disk disk // owned by the flusher
}

// Open reads what is in the directory and starts the flusher. A tail that a crash left unfinished is normal; what is
// damaged costs the rooms in it their newer records, is logged and counted. Memory: what is live, and one room. It changes
// no file. ErrForeign, or what the system says about the directory.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, wake: make(chan struct{}, 1), sync: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{}),
		shelves: map[string]*shelf{}, saved: map[string]Saved{}, base: time.Now(),
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	s.key = key{mark: binary.LittleEndian.Uint32(random[:]), seed: binary.LittleEndian.Uint32(random[4:])}
	if err := cfg.fs.prepare(); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	r, err := readDir(cfg.fs)
	if err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", cfg.Dir, err)
	}
	s.adopt(r)
	for _, note := range r.notes {
		cfg.Log.Error().Str("segment", note).Msg("journal is damaged")
	}
	go s.run()
	return s, nil
}

// adopt makes what was read the store's.
func (s *Store) adopt(r *reading) {
	d := &s.disk
	d.segments, d.placed, d.next = r.segments, make(map[*shelf]struct{}, len(r.rooms)), 1
	if n := len(r.segments); n > 0 {
		d.next = r.segments[n-1].number + 1
	}
	s.chains.Store(d.next << 32) // no segment of that number or a higher one has ever held a chain
	for name, f := range r.rooms {
		sh := newShelf(name)
		sh.epoch, sh.place = f.Epoch, f.place
		s.shelves[name], s.saved[name] = sh, f.Saved
		d.placed[sh] = struct{}{}
		for _, at := range sh.place.spans {
			at.seg.live += int64(at.size)
		}
	}
	for _, seg := range r.segments {
		seg.dirty = true // a server that was killed did not sync the last of them
		d.syncAt = time.Now().Add(s.cfg.SyncEvery)
	}
	s.stats.Corrupt = r.damaged + r.cuts
	d.toldCorrupt = s.stats.Corrupt
	s.count()
}

func newShelf(name string) *shelf {
	return &shelf{name: []byte(name), nameCRC: checksum([]byte(name))}
}

// Saved is what Open found of a room: what stood last in the files, of its highest epoch. The slices are the store's and
// must not be changed. It is there until Forget or Discard.
func (s *Store) Saved(room string) (Saved, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.saved[room]
	return f, ok
}

// Rooms are those that Saved knows, in order.
func (s *Store) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.saved))
}

// Forget frees the memory of Saved's answer. The files keep the room until a Writer of it has handed over another state,
// or it ends.
func (s *Store) Forget(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.saved, room)
}

// Discard forgets a room that nobody will run here again, and lets its bytes on disk go. It does not touch a room that
// has begun: that one's Writer ends it.
func (s *Store) Discard(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.saved, room)
	if sh := s.shelves[room]; sh != nil && sh.writer == nil && !s.closed {
		s.end(sh, sh.epoch)
	}
}

// Begin says that a room runs here from now on. Writers that it had before are dead. What is on disk of it stays the truth
// until the first Ticked of the new Writer is. A room that has been saved or begun with a higher epoch is somebody's
// mistake: it gets a Writer that writes nothing, and a line in the log. It panics if the name is empty or over MaxName.
func (s *Store) Begin(room string, epoch uint32) *Writer {
	if len(room) == 0 || len(room) > MaxName {
		panic(fmt.Sprintf("journal: a room's name has 1 to %d bytes, not %d", MaxName, len(room)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[room]
	if sh == nil {
		sh = newShelf(room)
		s.shelves[room] = sh
	}
	w := &Writer{store: s, shelf: sh, epoch: epoch}
	if was := sh.epoch; epoch < was {
		s.cfg.Log.Error().Str("room", room).Uint32("epoch", epoch).Uint32("newer", was).Msg("room begins in an epoch that is over: it is not journaled")
		return w
	}
	s.caughtUp(sh)
	sh.writer, sh.epoch = w, epoch
	return w
}

// end queues the end of a room. s.mu is held.
func (s *Store) end(sh *shelf, epoch uint32) {
	s.caughtUp(sh)
	sh.writer, sh.epoch = nil, 0
	e := entry{kind: kindEnd, epoch: epoch, room: sh.name, bodyCRC: sh.nameCRC}
	var b [headLen]byte
	s.key.putHead(&b, &e)
	// Not subject to MaxPending: it is small, and there is one a room.
	before := s.pending.size
	s.pending.entry(&s.pool, ref{shelf: sh, kind: kindEnd, epoch: epoch, size: headLen + len(sh.name)}, b[:], nil, nil)
	s.queued(before)
}

// admit says whether a Writer may hand over n bytes now. s.mu is held.
func (s *Store) admit(w *Writer, n int) bool {
	if w.shelf.writer != w || s.closed {
		return false
	}
	if waiting := s.pending.size + s.promised + s.taken; waiting > 0 && waiting+n > s.cfg.MaxPending {
		s.drop(w, n)
		return false
	}
	return true
}

// queued follows each addition to what is pending, of which there were before bytes. It wakes the flusher when there is
// something at all, and when there is much; in between it has its timer. s.mu is held.
func (s *Store) queued(before int) {
	if before == 0 || before <= s.cfg.MaxPending/4 && s.pending.size > s.cfg.MaxPending/4 {
		s.rouse()
	}
}

// refuse drops n bytes of a room that is too large.
func (s *Store) refuse(w *Writer, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.shelf.writer == w && !s.closed {
		s.oversize = w.shelf.name
		s.drop(w, n)
		s.rouse()
	}
}

func (s *Store) drop(w *Writer, n int) {
	s.stats.Dropped += uint64(n)
	if !w.shelf.lost {
		w.shelf.lost = true
		s.stats.Lost++
	}
}

func (s *Store) caughtUp(sh *shelf) {
	if sh.lost {
		sh.lost = false
		s.stats.Lost--
	}
}

// rouse wakes the flusher.
func (s *Store) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Sync waits until everything that was handed over before the call is on disk: a power cut loses nothing of it. ErrDropped,
// ErrClosed, ctx's error, or the disk's; after all but ErrClosed it may be called again.
func (s *Store) Sync(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case s.sync <- answer:
	case <-s.done:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("sync journal: %w", context.Cause(ctx))
	}
	select {
	case err := <-answer:
		if err != nil {
			return fmt.Errorf("sync journal: %w", err)
		}
	case <-ctx.Done():
		return fmt.Errorf("sync journal: %w", context.Cause(ctx))
	}
	if lost := s.Stats().Lost; lost > 0 {
		return fmt.Errorf("%w: %d of them", ErrDropped, lost)
	}
	return nil
}

// Close writes and syncs what was handed over and ends the flusher. What Writers hand over from now on is ignored. It gives
// up on a disk that does not answer for ten seconds. Only the first call does anything.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	close(s.stop)
	hung := time.NewTimer(closeTimeout)
	defer hung.Stop()
	select {
	case <-s.done:
	case <-hung.C:
		return fmt.Errorf("close journal: the disk has not answered for %v: the newest records may be lost", closeTimeout)
	}
	if err := s.disk.failing; err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Stats never waits for the disk.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	st := s.stats
	st.Rooms, st.Pending = len(s.shelves), int64(s.pending.size+s.promised+s.taken)
	s.mu.Unlock()
	if since := s.busy.Load(); since != 0 {
		st.Busy = max(time.Since(s.base)-time.Duration(since), 1)
	}
	if st.Err == nil && st.Busy >= hungAfter {
		st.Err = fmt.Errorf("the disk has not answered for %v", st.Busy.Round(time.Second))
	}
	return st
}

// report logs what went wrong since the last time, every logEvery at most. It is the flusher's.
func (s *Store) report(now time.Time) {
	d := &s.disk
	s.mu.Lock()
	st, oversize := s.stats, bytes.Clone(s.oversize)
	s.mu.Unlock()
	bad := st.Err != nil || st.Dropped > d.toldDropped || st.Corrupt > d.toldCorrupt
	switch {
	case bad && (d.told.IsZero() || now.Sub(d.told) >= logEvery):
		event := s.cfg.Log.Error().Err(st.Err).Uint64("dropped", st.Dropped).Uint64("corrupt", st.Corrupt).Int("lost", st.Lost)
		if oversize != nil {
			event = event.Bytes("too_large", oversize)
		}
		event.Msg("journal does not keep all: a restart would take rooms back to an earlier tick")
		d.told, d.toldBad, d.toldDropped, d.toldCorrupt = now, true, st.Dropped, st.Corrupt
		s.mu.Lock()
		s.oversize = nil
		s.mu.Unlock()
	case !bad && d.toldBad && st.Lost == 0:
		d.toldBad = false
		s.cfg.Log.Info().Uint64("dropped", st.Dropped).Msg("journal keeps all again")
	}
}

const logEvery = 10 * time.Second
