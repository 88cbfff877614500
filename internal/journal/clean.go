package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// keepSegments is how many files there may be whatever their sizes: each start of a server begins one.
const keepSegments = 8

// carryBatch is how much is carried in one write.
const carryBatch = 1 << 20

// clean lets old segments go, oldest first: an end, which must outlive whatever it ends, then stands in front of nothing
// when it goes. A segment without anything live goes at once; another when more than half of the disk's bytes, or more
// than two segments, are of no use. So each live byte is carried once, on average, for each new byte at most. All that is
// written must be synced.
func (s *Store) clean() error {
	d := &s.disk
	for range len(d.segments) {
		old := d.segments[0]
		if old == d.cur {
			return nil
		}
		if old.live > 0 {
			if !s.crowded() {
				return nil
			}
			if err := s.carry(func(seg *segment) bool { return seg == old }); err != nil {
				return err
			}
			if err := s.syncAll(); err != nil {
				return err
			}
		}
		if err := s.remove(old); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) crowded() bool {
	var size, live int64
	for _, seg := range s.disk.segments {
		size += seg.size
		live += seg.live
	}
	most := 2*live + 2*s.cfg.SegmentBytes
	return size > most || int64(len(s.disk.segments)) > most/s.cfg.SegmentBytes+keepSegments
}

// remove removes the oldest segment.
func (s *Store) remove(old *segment) error {
	if old.file != nil {
		old.file.Close()
		old.file = nil
	}
	if err := s.cfg.fs.remove(old.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.disk.segments = slices.Delete(s.disk.segments, 0, 1)
	return s.cfg.fs.sync() // before the next goes: see clean
}

// carry writes what is live in some segments into the current one, each room as one state of the same chain: what follows
// it in memory fits behind it there too.
func (s *Store) carry(from func(*segment) bool) error {
	d := &s.disk
	for sh := range d.placed {
		if !slices.ContainsFunc(sh.place.spans, func(at span) bool { return from(at.seg) }) {
			continue
		}
		s.copyRoom(sh)
		if d.copies.size >= carryBatch {
			if err := s.writeCopies(); err != nil {
				return err
			}
		}
	}
	return s.writeCopies()
}

func (s *Store) writeCopies() error {
	err := s.write(&s.disk.copies, true)
	s.disk.copies.reset(&s.pool)
	return err
}

// copyRoom appends a room to what is carried. If the files do not hold any more what was written it is as much of it as
// they do, and the room is asked for all of it at its next tick.
func (s *Store) copyRoom(sh *shelf) {
	e, err := s.readRoom(sh)
	if err != nil {
		s.mu.Lock()
		s.stats.Corrupt++
		if sh.writer != nil {
			sh.writer.again.Store(true)
		}
		s.mu.Unlock()
	}
	r := ref{shelf: sh, kind: e.kind, epoch: sh.place.epoch, chain: sh.place.chain, size: headLen + len(sh.name) + len(e.body)}
	e.room, e.epoch, e.chain, e.bodyLen = sh.name, sh.place.epoch, sh.place.chain, uint32(len(e.body))
	var b [headLen]byte
	e.sum(sh)
	s.key.putHead(&b, &e)
	s.disk.copies.entry(&s.pool, r, b[:], e.body, nil)
}

// readRoom reads a room back, as one state; as an end if not even its state can be read. The body is valid until the next
// call.
func (s *Store) readRoom(sh *shelf) (entry, error) {
	d := &s.disk
	all := entry{kind: kindEnd}
	d.room = d.room[:0]
	for i, at := range sh.place.spans {
		d.entry = slices.Grow(d.entry[:0], at.size)[:at.size]
		if _, err := at.seg.file.ReadAt(d.entry, at.off); err != nil {
			return all, err
		}
		e, size, ok := at.seg.key.head(d.entry)
		if !ok || size != at.size || !e.fill(d.entry) || e.chain != sh.place.chain {
			return all, fmt.Errorf("%s: entry at %d is damaged", at.seg.name, at.off)
		}
		switch {
		case i == 0:
			all.kind, all.base, all.at = kindState, e.base, e.at
		case int(e.at) != len(d.room)-int(all.at):
			return all, fmt.Errorf("%s: entry at %d does not follow", at.seg.name, at.off)
		}
		d.room = append(d.room, e.body...)
		all.tick, all.body = e.tick, d.room
	}
	return all, nil
}
