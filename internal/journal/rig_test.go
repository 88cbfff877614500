package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("the disk is broken")

// memDir is a directory that can be full, broken and cut off from power.
type memDir struct {
	mu      sync.Mutex
	files   map[string]*memFile
	durable map[string]bool // names that a power cut leaves

	free       int64         // bytes that can still be written; -1: any number
	noSync     bool          // syncs fail, and lie once they work again: what was written meanwhile is never durable
	noTruncate bool          // a half write cannot be undone
	noCreate   bool          // no new files
	hang       chan struct{} // if set, writes wait for it
}

type memFile struct {
	dir     *memDir
	data    []byte
	durable []byte
	tainted bool // a sync failed: never durable again
}

func newMemDir() *memDir {
	return &memDir{files: map[string]*memFile{}, durable: map[string]bool{}, free: -1}
}

func (d *memDir) prepare() error { return nil }

func (d *memDir) list() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.files)), nil
}

func (d *memDir) open(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return f, nil
}

func (d *memDir) create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] != nil {
		return nil, fs.ErrExist
	}
	if d.noCreate {
		return nil, errBroken
	}
	f := &memFile{dir: d}
	d.files[name] = f
	return f, nil
}

func (d *memDir) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *memDir) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.noSync {
		return errBroken
	}
	clear(d.durable)
	for name := range d.files {
		d.durable[name] = true
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	d := f.dir
	d.mu.Lock()
	hang := d.hang
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(p)
	if d.free >= 0 {
		n = int(min(int64(n), d.free))
		d.free -= int64(n)
	}
	if need := int(off) + n - len(f.data); need > 0 {
		f.data = append(f.data, make([]byte, need)...)
	}
	copy(f.data[off:], p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (f *memFile) Truncate(size int64) error {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	if f.dir.noTruncate {
		return errBroken
	}
	f.data = f.data[:size]
	return nil
}

func (f *memFile) Sync() error {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	if f.dir.noSync {
		f.tainted = true
		return errBroken
	}
	if !f.tainted {
		f.durable = bytes.Clone(f.data)
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Close() error { return nil }

func (d *memDir) set(change func(*memDir)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *memDir) healthy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free < 0 && !d.noSync && !d.noTruncate && !d.noCreate
}

// killed is the directory as a process leaves it that ends at once; if the power goes too, what was not synced is gone, but
// for a part of it that happened to be written.
func (d *memDir) killed(power bool, rng *rand.Rand) *memDir {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := newMemDir()
	for name, f := range d.files {
		data, durable := f.data, f.durable
		if power {
			if !d.durable[name] {
				continue
			}
			data = bytes.Clone(f.durable)
			if more := len(f.data) - len(data); more > 0 && !f.tainted {
				tail := bytes.Clone(f.data[len(data):][:rng.IntN(more+1)])
				if len(tail) > 0 {
					clear(tail[rng.IntN(len(tail)):])
				}
				data = append(data, tail...)
			}
			durable = data
		}
		left.files[name] = &memFile{dir: left, data: bytes.Clone(data), durable: bytes.Clone(durable), tainted: f.tainted && !power}
		left.durable[name] = d.durable[name]
	}
	return left
}

func (d *memDir) bytes() (n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		n += int64(len(f.data))
	}
	return n
}

// An actor is a room that knows all it ever was.
type actor struct {
	name    string
	epoch   uint32
	writer  *Writer
	now     Saved
	history []Saved // Room "": nothing is saved
	floor   int     // the oldest of history that may be found after a power cut
	seen    int     // and after a kill
}

func newActor(name string) *actor { return &actor{name: name, history: []Saved{{}}} }

func (a *actor) begin(s *Store) {
	a.epoch++
	a.writer = s.Begin(a.name, a.epoch)
	first := a.now.Room == ""
	a.now.Room, a.now.Epoch, a.now.Base = a.name, a.epoch, a.now.Tick
	a.now.Records = nil
	if !first {
		a.now.Checkpoint = fmt.Appendf(nil, "taken over by %d at %d", a.epoch, a.now.Tick)
	}
}

// tick makes a tick with a record of some size, and a checkpoint now and then.
func (a *actor) tick(rng *rand.Rand, checkpoint bool, size int) {
	a.now.Tick++
	a.now.Records = append(slices.Clip(a.now.Records), noise(rng, size)...)
	if checkpoint {
		a.now.Base, a.now.Checkpoint, a.now.Records = a.now.Tick, noise(rng, 20+4*size), nil
	}
	a.writer.Ticked(a.now.Tick, a.now.Base, a.now.Checkpoint, a.now.Records)
	a.history = append(a.history, a.now)
}

func (a *actor) end() {
	a.writer.End()
	a.writer, a.now = nil, Saved{}
	a.history = append(a.history, Saved{})
}

// synced says that only what is newest may be found from now on.
func (a *actor) synced() { a.floor, a.seen = len(a.history)-1, len(a.history)-1 }

// check says what is wrong with what was found, and where in the history it stands.
func (a *actor) check(got Saved, floor int) (int, error) {
	for i := len(a.history) - 1; i >= floor; i-- {
		if same(a.history[i], got) {
			return i, nil
		}
	}
	for i := range floor {
		if same(a.history[i], got) {
			return 0, fmt.Errorf("room %s: found its state %d of %d, want %d or newer", a.name, i, len(a.history)-1, floor)
		}
	}
	return 0, fmt.Errorf("room %s: found epoch %d, base %d, tick %d, %d bytes of checkpoint, %d of records, which it never was",
		a.name, got.Epoch, got.Base, got.Tick, len(got.Checkpoint), len(got.Records))
}

func same(a, b Saved) bool {
	return a.Room == b.Room && a.Epoch == b.Epoch && a.Base == b.Base && a.Tick == b.Tick &&
		bytes.Equal(a.Checkpoint, b.Checkpoint) && bytes.Equal(a.Records, b.Records)
}

func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func mustOpen(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func mustSync(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Sync(context.Background()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}
