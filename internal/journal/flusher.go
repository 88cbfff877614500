package journal

import (
	"errors"
	"io"
	"slices"
	"time"
)

// A disk is what the flusher owns.
type disk struct {
	segments []*segment          // oldest first
	cur      *segment            // the last of them; nil: the next write begins one
	next     uint64              // number of the next segment
	placed   map[*shelf]struct{} // those with something live
	held     batch               // to be written
	spare    batch               // empty
	copies   batch               // of what is carried
	room     []byte              // being carried
	entry    []byte              // of it

	flushAt, syncAt time.Time   // zero: nothing to do
	hung            *time.Timer // logs that the disk does not answer
	failing         error
	retryAt         time.Time

	told                     time.Time
	toldBad                  bool
	toldDropped, toldCorrupt uint64
}

// run is the flusher. Nothing waits for it but Sync and Close; an idle store does not wake up.
func (s *Store) run() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	s.watch()
	defer s.disk.hung.Stop()
	for {
		timer.Reset(s.nap())
		select {
		case <-s.wake:
			s.schedule()
		case <-timer.C:
			s.flush(false)
		case answer := <-s.sync:
			s.flush(true)
			answer <- s.disk.failing
		case <-s.stop:
			s.flush(true)
			for _, seg := range s.disk.segments {
				if seg.file != nil {
					seg.file.Close()
				}
			}
			return
		}
	}
}

// watch makes the timer that runs while the disk is at work.
func (s *Store) watch() {
	var hung *time.Timer
	ready := make(chan struct{})
	hung = time.AfterFunc(logEvery, func() {
		<-ready
		if s.busy.Load() == 0 {
			return
		}
		s.cfg.Log.Error().Err(s.Stats().Err).Msg("journal waits for the disk: a restart would take rooms back to an earlier tick")
		hung.Reset(logEvery)
	})
	hung.Stop()
	s.disk.hung = hung
	close(ready)
}

// nap is how long there is nothing to do.
func (s *Store) nap() time.Duration {
	d := &s.disk
	at := d.flushAt
	switch {
	case d.failing != nil:
		at = d.retryAt
	case at.IsZero(), !d.syncAt.IsZero() && d.syncAt.Before(at):
		at = d.syncAt
	}
	if at.IsZero() {
		return time.Hour
	}
	return max(time.Until(at), 0)
}

// schedule hears that bytes are waiting. Usually they wait for company; many are written at once.
func (s *Store) schedule() {
	d := &s.disk
	s.mu.Lock()
	many := s.pending.size > s.cfg.MaxPending/4
	s.mu.Unlock()
	switch {
	case many && d.failing == nil:
		s.flush(false)
	case d.flushAt.IsZero():
		d.flushAt = time.Now().Add(s.cfg.FlushEvery)
	}
}

// flush writes what is pending, syncs what is due, and lets old segments go. While the store is failing it is the attempt
// to recover.
func (s *Store) flush(all bool) {
	d, now := &s.disk, time.Now()
	if d.failing != nil {
		all = true
	}
	s.busy.Store(max(int64(now.Sub(s.base)), 1))
	d.hung.Reset(logEvery)
	d.flushAt = time.Time{}
	s.take()
	err := s.write(&d.held, false)
	if err == nil {
		d.held.reset(&s.pool)
	}
	// A disk that is full still keeps what it has, and has old segments to lose.
	if !d.syncAt.IsZero() && (all || !now.Before(d.syncAt)) {
		failed := s.syncAll()
		if failed == nil {
			d.syncAt = time.Time{}
			failed = s.clean()
		}
		err = errors.Join(err, failed)
		s.pool.trim()
	}
	d.hung.Stop()
	s.busy.Store(0)
	s.settle(err)
	s.report(time.Now())
}

// take makes what is pending the flusher's.
func (s *Store) take() {
	d := &s.disk
	s.mu.Lock()
	d.spare, s.pending = s.pending, d.spare
	s.taken = d.held.size + d.spare.size
	if d.spare.size > 0 {
		s.stats.Flushes++
	}
	s.mu.Unlock()
	if d.held.size == 0 {
		d.held, d.spare = d.spare, d.held
		return
	}
	// The last attempt failed. What newer states replace need not be kept: so a full disk costs a room nothing as long as
	// the newest of all rooms fits into MaxPending.
	var both batch
	merge(&both, &d.held, &d.spare, &s.pool)
	d.held = both
}

// settle tells everybody how it went.
func (s *Store) settle(err error) {
	d := &s.disk
	if err != nil {
		d.retryAt = time.Now().Add(s.cfg.SyncEvery)
	}
	d.failing = err
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = d.held.size
	s.stats.Err = err
	if err != nil {
		s.stats.Errors++
	}
	s.count()
}

// count brings up to date what Stats say about the files. s.mu is held.
func (s *Store) count() {
	st := &s.stats
	st.Segments, st.Disk, st.Live = len(s.disk.segments), 0, 0
	for _, seg := range s.disk.segments {
		st.Disk += seg.size
		st.Live += seg.live
	}
}

// write puts a batch behind what is good in the current segment. If it fails nothing of it counts as written, and the file
// is as it was; or it is left behind as it is, for good: what stands at its end is then written once more elsewhere, which
// a reader understands.
func (s *Store) write(b *batch, carried bool) error {
	d := &s.disk
	if b.size == 0 {
		return nil
	}
	if d.cur == nil || d.cur.size >= s.cfg.SegmentBytes {
		if err := s.newSegment(); err != nil {
			return err
		}
	}
	seg, off := d.cur, d.cur.size
	for _, chunk := range b.chunks {
		n, err := seg.file.WriteAt(chunk, off)
		if err == nil && n < len(chunk) {
			err = io.ErrShortWrite
		}
		if err != nil {
			if seg.file.Truncate(seg.size) != nil {
				d.cur = nil
			}
			return err
		}
		off += int64(n)
	}
	at := seg.size
	seg.size, seg.dirty = off, true
	if d.syncAt.IsZero() {
		d.syncAt = time.Now().Add(s.cfg.SyncEvery)
	}
	for _, r := range b.refs {
		s.place(r, span{seg: seg, off: at, size: r.size})
		at += int64(r.size)
	}
	s.mu.Lock()
	s.stats.Written += uint64(b.size)
	if carried {
		s.stats.Carried += uint64(b.size)
	}
	s.mu.Unlock()
	return nil
}

// place notes where an entry stands that has been written, as library.apply does when it is read.
func (s *Store) place(r ref, at span) {
	p := &r.shelf.place
	switch {
	case r.kind == kindRecords && p.chain != r.chain:
		return
	case r.kind != kindRecords:
		for _, old := range p.spans {
			old.seg.live -= int64(old.size)
		}
		clear(p.spans)
		p.epoch, p.chain, p.spans = r.epoch, r.chain, p.spans[:0]
	}
	if r.kind != kindEnd {
		p.spans = append(p.spans, at)
		at.seg.live += int64(at.size)
		s.disk.placed[r.shelf] = struct{}{}
		return
	}
	p.chain = 0
	delete(s.disk.placed, r.shelf)
	s.mu.Lock()
	if r.shelf.writer == nil {
		delete(s.shelves, string(r.shelf.name))
	}
	s.mu.Unlock()
}

// newSegment begins a file. Its head is synced and so is the directory: a disk that fails does so here, where it costs
// nothing.
func (s *Store) newSegment() error {
	d := &s.disk
	seg := &segment{number: d.next, name: segmentName(d.next), key: s.key}
	d.next++
	f, err := s.cfg.fs.create(seg.name)
	if err != nil {
		return err
	}
	head := s.key.appendSegmentHead(nil)
	if _, err = f.WriteAt(head, 0); err == nil {
		if err = f.Sync(); err == nil {
			err = s.cfg.fs.sync()
		}
	}
	if err != nil {
		return errors.Join(err, f.Close(), s.cfg.fs.remove(seg.name))
	}
	seg.file, seg.size = f, int64(len(head))
	d.cur, d.segments = seg, append(d.segments, seg)
	return nil
}

// syncAll puts all that is written on disk. After a failed sync a system may call pages clean that it could not write, and
// the next sync a success: so what such a segment holds is written again, elsewhere.
func (s *Store) syncAll() error {
	d := &s.disk
	began := time.Now()
	if err := s.syncDirty(); err != nil {
		return err
	}
	suspect := func(seg *segment) bool { return seg.suspect }
	if slices.ContainsFunc(d.segments, suspect) {
		if err := s.carry(suspect); err != nil {
			return err
		}
		if err := s.syncDirty(); err != nil {
			return err
		}
		for _, seg := range d.segments {
			seg.suspect = false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Syncs++
	s.stats.LastSync = time.Since(began)
	return nil
}

func (s *Store) syncDirty() error {
	d := &s.disk
	for _, seg := range d.segments {
		if !seg.dirty {
			continue
		}
		err := seg.file.Sync()
		seg.dirty = false
		if err != nil {
			seg.suspect = true
			if seg == d.cur {
				d.cur = nil
			}
			return err
		}
	}
	return nil
}
