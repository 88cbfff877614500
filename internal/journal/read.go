package journal

import (
	"errors"
	"fmt"
	"io/fs"
)

var errForeignName = fmt.Errorf("%w: its name is not a segment's: move the file away, nothing but journals belongs there", ErrForeign)

// Saved is what a restart knows of a room.
type Saved struct {
	Room  string
	Epoch uint32
	Base  uint32 // tick at which the checkpoint was taken
	Tick  uint32 // of the last record, Base if there is none
	// Checkpoint is empty for the room as its game's New made it.
	Checkpoint []byte
	// Records are those since, as they were handed to Ticked, without a gap.
	Records []byte
}

// A place is where what is live of a room stands: a state first, then records of its chain.
type place struct {
	epoch uint32
	chain uint64
	spans []span
}

// A span is one entry.
type span struct {
	seg  *segment
	off  int64
	size int
}

// A found is a room as the entries read so far tell it.
type found struct {
	Saved
	place
	cut bool // records were missing: nothing more is believed of this chain
}

// A library is made of entries in the order in which they were written.
type library struct {
	rooms map[string]*found
	cuts  uint64 // chains with records missing
}

// apply is the whole rule of reading:
//   - a state replaces what is known, unless it is of an older epoch;
//   - records are put behind the state of their chain, if exactly what they follow is there;
//   - an end removes the room, unless a newer epoch is there.
//
// So an entry that is lost costs the rest of its chain. The order of the files is the truth: a state that was carried
// into a newer segment is the room's last there too.
func (l *library) apply(e *entry, at span) {
	f := l.rooms[string(e.room)]
	switch {
	case f != nil && e.epoch < f.place.epoch:
	case e.kind == kindState:
		if f == nil {
			f = &found{}
			f.Room = string(e.room)
			l.rooms[f.Room] = f
		}
		f.Saved = Saved{Room: f.Room, Epoch: e.epoch, Base: e.base, Tick: e.tick,
			Checkpoint: append([]byte(nil), e.checkpoint()...), Records: append([]byte(nil), e.records()...)}
		f.place = place{epoch: e.epoch, chain: e.chain, spans: append(f.spans[:0], at)}
		f.cut = false
	case e.kind == kindEnd:
		delete(l.rooms, string(e.room))
	case f == nil || e.chain != f.chain || f.cut:
		// Of a chain that was carried away or whose state is lost.
	case int(e.at)+len(e.body) <= len(f.Records):
		// Once more what is there: a write that failed half-way could not be undone, and was made again elsewhere.
	case int(e.at) != len(f.Records) || len(f.Checkpoint)+len(f.Records)+len(e.body) > MaxRoom:
		f.cut = true
		l.cuts++
	default:
		f.Records = append(f.Records, e.body...)
		f.Tick = e.tick
		f.spans = append(f.spans, at)
	}
}

// A segment is one file. Owned by the flusher, once the store is open.
type segment struct {
	number  uint64
	name    string
	key     key
	file    file
	size    int64 // of what is good in it
	live    int64 // of size: what a restart would use
	dirty   bool  // something in it is not synced
	suspect bool  // a sync failed: what it promises from now on is not worth anything
}

// A reading is what was found in a directory.
type reading struct {
	library
	segments []*segment
	damaged  uint64
	notes    []string // for the log
}

func (r *reading) close() {
	for _, s := range r.segments {
		s.file.Close()
	}
}

// readDir reads all segments. Their files stay open; close closes them.
func readDir(dir fileSystem) (*reading, error) {
	r := &reading{library: library{rooms: map[string]*found{}}}
	all, err := numbers(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		s := &segment{number: n, name: segmentName(n)}
		if s.file, err = dir.open(s.name); err == nil {
			r.segments = append(r.segments, s)
			err = r.load(s)
		}
		if err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

// load reads one segment. What the disk does not give back any more is lost to the rooms in it and to nobody else.
func (r *reading) load(s *segment) error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	s.size = size
	w := &window{r: s.file, size: size}
	head, err := w.view(0, int(min(size, dataStart)))
	if err == nil {
		s.key, err = readSegmentHead(head)
	}
	switch {
	case errors.Is(err, ErrForeign):
		return &fs.PathError{Op: "read journal", Path: s.name, Err: err}
	case errors.Is(err, errTornHead):
		return nil
	case err != nil:
		r.damaged++
		r.note(s, err.Error())
		return nil
	}
	what, err := scan(w, s.key, func(e *entry, off int64, size int) { r.apply(e, span{seg: s, off: off, size: size}) })
	r.damaged += what.damaged
	if err != nil {
		r.damaged++
		r.note(s, err.Error())
	}
	if what.damaged > 0 {
		r.note(s, fmt.Sprintf("%d places are damaged: rooms with entries there are as they were before them", what.damaged))
	}
	return nil
}

func (r *reading) note(s *segment, text string) { r.notes = append(r.notes, s.name+": "+text) }

// Read returns what a directory of a Store holds, which may be open elsewhere: then the answer is the state of some moment
// during the call. It changes nothing.
func Read(dir string) (map[string]Saved, error) { return readOnly(osDir{path: dir, readOnly: true}) }

// readTries is how often a reader starts anew because the store whose directory it reads removed a segment meanwhile.
const readTries = 10

func readOnly(dir fileSystem) (map[string]Saved, error) {
	var r *reading
	var err error
	for range readTries {
		pinned := &pinned{fileSystem: dir}
		if err = pinned.pin(); err == nil {
			r, err = readDir(pinned)
		}
		pinned.release()
		if !errors.Is(err, fs.ErrNotExist) || missing(dir) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	all := make(map[string]Saved, len(r.rooms))
	for name, f := range r.rooms {
		all[name] = f.Saved
	}
	return all, nil
}

func missing(dir fileSystem) bool {
	_, err := dir.list()
	return errors.Is(err, fs.ErrNotExist)
}

// pinned is a directory all of whose segments are opened before the first is read. A store removes a segment only when
// what was live in it stands in a later one, so what is open at one time is all.
type pinned struct {
	fileSystem
	names []string
	files map[string]file
}

func (p *pinned) pin() error {
	names, err := p.fileSystem.list()
	p.names, p.files = names, make(map[string]file, len(names))
	for _, name := range names {
		if _, ok := segmentNumber(name); !ok || err != nil {
			continue
		}
		var f file
		if f, err = p.fileSystem.open(name); err == nil {
			p.files[name] = f
		}
	}
	return err
}

func (p *pinned) release() {
	for _, f := range p.files {
		f.Close()
	}
}

func (p *pinned) list() ([]string, error) { return p.names, nil }

func (p *pinned) open(name string) (file, error) { return kept{p.files[name]}, nil }

// kept is closed by who pinned it.
type kept struct{ file }

func (kept) Close() error { return nil }
