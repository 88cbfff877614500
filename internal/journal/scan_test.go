package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// told is one segment, and what was known of two rooms when it had each size.
type told struct {
	data   []byte
	actors []*actor
	ends   []int64 // of the entries
	owner  []int   // whose they are
	states []int   // the owner's history behind them
}

func tell(t testing.TB, entries int) *told {
	t.Helper()
	rng, dir := rand.New(rand.NewPCG(1, 2)), newMemDir()
	s := mustOpen(t, Config{fs: dir})
	told := &told{actors: []*actor{newActor("a"), newActor("bb")}}
	for _, a := range told.actors {
		a.begin(s)
	}
	for i := range entries {
		who := i % 2
		a := told.actors[who]
		a.tick(rng, i%7 == 3, 5+rng.IntN(30))
		mustSync(t, s)
		told.ends = append(told.ends, dir.bytes())
		told.owner = append(told.owner, who)
		told.states = append(told.states, len(a.history)-1)
	}
	mustClose(t, s)
	told.data = dir.files[segmentName(1)].data
	return told
}

func (k *told) read(t testing.TB, data []byte) map[string]Saved {
	t.Helper()
	dir := newMemDir()
	dir.files[segmentName(1)] = &memFile{dir: dir, data: data}
	all, err := readOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A crash may cut the file anywhere: every room is as its last whole entry says, and nothing counts as damage.
func TestTailCutAtEachByte(t *testing.T) {
	k := tell(t, 12)
	for cut := range int64(len(k.data) + 1) {
		for _, zeros := range []int64{0, 50} {
			data := append(bytes.Clone(k.data[:cut]), make([]byte, zeros)...)
			want := []int{0, 0}
			for i, end := range k.ends {
				if end <= cut {
					want[k.owner[i]] = k.states[i]
				}
			}
			all := k.read(t, data)
			for who, a := range k.actors {
				if got := all[a.name]; !same(got, a.history[want[who]]) {
					t.Fatalf("cut at %d, %d zeros: room %s at tick %d, want %d", cut, zeros, a.name, got.Tick, a.history[want[who]].Tick)
				}
			}
		}
	}
}

// A bit that flips costs the room whose entry it is what came after, and the other nothing.
func TestEachFlippedByte(t *testing.T) {
	k := tell(t, 12)
	last := []int{len(k.actors[0].history) - 1, len(k.actors[1].history) - 1}
	for off := range k.data {
		data := bytes.Clone(k.data)
		data[off] ^= 1 << (off % 8)
		all := k.read(t, data)
		hit := -1
		for i := range k.ends {
			if off >= dataStart && int64(off) < k.ends[i] {
				hit = i
				break
			}
		}
		for who, a := range k.actors {
			i, err := a.check(all[a.name], 0)
			if err != nil {
				t.Fatalf("flip at %d: %v", off, err)
			}
			if (hit < 0 || k.owner[hit] != who) && i != last[who] {
				t.Fatalf("flip at %d: room %s lost ticks %d to %d, but the entry was the other's", off, a.name, i+1, last[who])
			}
			if hit >= 0 && k.owner[hit] == who && i < k.states[hit]-1 {
				t.Fatalf("flip at %d: room %s is back at tick %d, but the entry was that of tick %d", off, a.name, i, k.states[hit])
			}
		}
	}
}

func TestDamageIsCountedAndLogged(t *testing.T) {
	k := tell(t, 12)
	data := bytes.Clone(k.data)
	data[k.ends[4]+headLen] ^= 1
	dir := newMemDir()
	dir.files[segmentName(1)] = &memFile{dir: dir, data: data}
	var log bytes.Buffer
	s := mustOpen(t, Config{fs: dir, Log: zerolog.New(&log)})
	if got := s.Stats().Corrupt; got == 0 {
		t.Errorf("Corrupt = %d, want more", got)
	}
	if !strings.Contains(log.String(), segmentName(1)) {
		t.Errorf("the log does not name the segment: %s", log.String())
	}
	mustClose(t, s)
}

// What a player sent is in the entries' bodies. Behind a damaged head it must not be taken for an entry, whatever it says.
func TestBodiesAreNotEntries(t *testing.T) {
	dir := newMemDir()
	s := mustOpen(t, Config{fs: dir})
	forge := func(k key) []byte {
		e := entry{kind: kindState, epoch: 9, room: []byte("victim")}
		e.sum(newShelf("victim"))
		var b [headLen]byte
		k.putHead(&b, &e)
		return append(b[:], "victim"...)
	}
	victim, villain := s.Begin("victim", 1), s.Begin("villain", 1)
	victim.Ticked(1, 1, []byte("the truth"), nil)
	mustSync(t, s)
	start := dir.bytes()
	stolen := key{mark: s.key.mark} // a mark without its seed
	villain.Ticked(1, 1, append(forge(key{1, 2}), forge(stolen)...), nil)
	victim.Ticked(2, 2, []byte("the newer truth"), nil)
	mustClose(t, s)
	data := dir.files[segmentName(1)].data
	data[start+5] ^= 0xff
	all := (&told{}).read(t, data)
	if got := all["victim"]; got.Epoch != 1 || string(got.Checkpoint) != "the newer truth" {
		t.Errorf("victim = %+v, want the newer truth of epoch 1", got)
	}
	if _, ok := all["villain"]; ok {
		t.Error("villain's entry is damaged and was read")
	}
}

func TestForeignFilesAreRefusedByName(t *testing.T) {
	future := (key{1, 2}).appendSegmentHead(nil)
	future[8] = 2
	future = append(sumHead(future[:20]), future[segmentHead:]...)
	for _, c := range []struct {
		name, file string
		data       []byte
		refused    bool
	}{
		{"another program's", segmentName(3), bytes.Repeat([]byte("GIF89a"), 20), true},
		{"another name", "backup.seg", nil, true},
		{"a later version", segmentName(3), future, true},
		{"not ours to judge", "README", []byte("hello"), false},
		{"a crash at birth", segmentName(3), nil, false},
		{"a crash in the head", segmentName(3), []byte(magic)[:5], false},
		{"a power cut at birth", segmentName(3), make([]byte, dataStart), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(Config{Dir: dir})
			if !c.refused {
				if err != nil {
					t.Fatalf("Open: %v, want nil", err)
				}
				mustClose(t, s)
				return
			}
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.file) || !strings.Contains(err.Error(), dir) {
				t.Errorf("Open: %v, want ErrForeign with the file and its directory", err)
			}
			if _, err := Read(dir); !errors.Is(err, ErrForeign) {
				t.Errorf("Read: %v, want ErrForeign", err)
			}
		})
	}
}

func sumHead(h []byte) []byte {
	fixed := (key{}).appendSegmentHead(nil)[:0]
	fixed = append(fixed, h...)
	sum := checksum(h)
	return append(fixed, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
}

// A file whose sectors cannot be read any more costs what stands in them.
func TestUnreadableSectors(t *testing.T) {
	k := tell(t, 12)
	w := &window{r: io.NewSectionReader(bytes.NewReader(k.data[:k.ends[6]+3]), 0, int64(len(k.data))), size: int64(len(k.data))}
	l := library{rooms: map[string]*found{}}
	key, err := readSegmentHead(k.data[:dataStart])
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	_, err = scan(w, key, func(e *entry, off int64, size int) { n++; l.apply(e, span{off: off, size: size}) })
	if err == nil || n != 7 {
		t.Errorf("scan = %d entries, %v; want 7 and the error", n, err)
	}
}

// Entries of one room do not come near each other when segments are large: the reader's window moves over them.
func TestWindowOverLargeEntries(t *testing.T) {
	dir, rng := newMemDir(), rand.New(rand.NewPCG(3, 4))
	s := mustOpen(t, Config{fs: dir})
	actors := make([]*actor, 3)
	for i := range actors {
		actors[i] = newActor(fmt.Sprint("r", i))
		actors[i].begin(s)
	}
	for i, size := range []int{10, 70000, readAhead / 4, 1, 300000, 900000, 5} {
		for _, a := range actors {
			a.tick(rng, i%2 == 0, size)
		}
	}
	mustClose(t, s)
	data := dir.files[segmentName(1)].data
	all := (&told{}).read(t, data)
	for _, a := range actors {
		if !same(all[a.name], a.now) {
			t.Errorf("%s was not read back", a.name)
		}
	}
}

func TestRulesOfReading(t *testing.T) {
	state := func(epoch uint32, chain uint64, text string) entry {
		return entry{kind: kindState, epoch: epoch, chain: chain, at: uint32(len(text)), body: []byte(text)}
	}
	records := func(epoch uint32, chain uint64, at int, text string) entry {
		return entry{kind: kindRecords, epoch: epoch, chain: chain, at: uint32(at), body: []byte(text)}
	}
	end := func(epoch uint32) entry { return entry{kind: kindEnd, epoch: epoch} }
	for _, c := range []struct {
		name    string
		entries []entry
		want    string // checkpoint and records; empty: no room
		cuts    uint64
	}{
		{"a chain", []entry{state(1, 1, "A"), records(1, 1, 0, "b"), records(1, 1, 1, "cd")}, "A bcd", 0},
		{"a gap ends it", []entry{state(1, 1, "A"), records(1, 1, 1, "b"), records(1, 1, 0, "x"), records(1, 1, 2, "c")}, "A ", 1},
		{"a state behind a gap", []entry{state(1, 1, "A"), records(1, 1, 1, "b"), state(1, 2, "C"), records(1, 2, 0, "d")}, "C d", 1},
		{"once more the same", []entry{state(1, 1, "A"), records(1, 1, 0, "b"), records(1, 1, 0, "b"), records(1, 1, 1, "c")}, "A bc", 0},
		{"an overlap is no continuation", []entry{state(1, 1, "A"), records(1, 1, 0, "bc"), records(1, 1, 1, "cd")}, "A bc", 1},
		{"another chain's", []entry{state(1, 1, "A"), records(1, 2, 0, "b")}, "A ", 0},
		{"records of nothing", []entry{records(1, 1, 0, "b")}, "", 0},
		{"carried", []entry{state(1, 1, "A"), records(1, 1, 0, "b"), state(1, 1, "A"), records(1, 1, 0, "c")}, "A c", 0},
		{"an older epoch", []entry{state(2, 1, "A"), state(1, 2, "B"), records(1, 2, 0, "x"), end(1)}, "A ", 0},
		{"the same epoch anew", []entry{state(2, 1, "A"), state(2, 2, "B")}, "B ", 0},
		{"an end", []entry{state(2, 1, "A"), end(2), records(2, 1, 0, "x")}, "", 0},
		{"a beginning behind the end", []entry{state(2, 1, "A"), end(2), state(1, 2, "B")}, "B ", 0},
	} {
		l := library{rooms: map[string]*found{}}
		for i, e := range c.entries {
			e.room = []byte("r")
			l.apply(&e, span{off: int64(i)})
		}
		got := ""
		if f := l.rooms["r"]; f != nil {
			got = fmt.Sprintf("%s %s", f.Checkpoint, f.Records)
		}
		if got != c.want || l.cuts != c.cuts {
			t.Errorf("%s: %q and %d cuts, want %q and %d", c.name, got, l.cuts, c.want, c.cuts)
		}
	}
}
