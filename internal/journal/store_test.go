package journal

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestRestartOnARealDisk(t *testing.T) {
	cfg, rng := Config{Dir: filepath.Join(t.TempDir(), "data", "rooms"), SegmentBytes: 8 << 10}, rand.New(rand.NewPCG(5, 5))
	s := mustOpen(t, cfg)
	actors := rooms(s, rng, 4, 300)
	for i := range 200 {
		for _, a := range actors {
			a.tick(rng, i%10 == 0, 100)
		}
		if i%20 == 0 {
			mustSync(t, s)
		}
	}
	actors[3].end()
	mustSync(t, s)
	all, err := Read(cfg.Dir) // beside the store
	if err != nil || len(all) != 3 || !same(all["room-a"], actors[0].now) {
		t.Errorf("Read = %d rooms, %v; want the three that run", len(all), err)
	}
	mustClose(t, s)

	for _, name := range append(glob(t, cfg.Dir, "*"), cfg.Dir) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v; want it to be private", name, info.Mode(), err)
		}
	}
	s = mustOpen(t, cfg)
	if got, want := s.Rooms(), []string{"room-a", "room-b", "room-c"}; !slices.Equal(got, want) {
		t.Errorf("Rooms = %q, want %q", got, want)
	}
	for _, a := range actors[:3] {
		got, _ := s.Saved(a.name)
		if !same(got, a.now) {
			t.Errorf("room %s: found tick %d, want %d", a.name, got.Tick, a.now.Tick)
		}
		s.Discard(a.name)
	}
	mustClose(t, s)
	if all, err := Read(cfg.Dir); err != nil || len(all) != 0 {
		t.Errorf("Read = %d rooms, %v; want none", len(all), err)
	}
	if _, err := Read(filepath.Join(cfg.Dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read of nothing = %v, want os.ErrNotExist", err)
	}
}

func glob(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Rooms that sleep must not keep the files of those that run.
func TestSleepersAreCarried(t *testing.T) {
	dir, rng := newMemDir(), rand.New(rand.NewPCG(5, 5))
	cfg := Config{fs: dir, SegmentBytes: 16 << 10}
	s := mustOpen(t, cfg)
	actors := rooms(s, rng, 20, 100)
	busy := newActor("busy")
	busy.begin(s)
	written := uint64(0)
	for i := range 3000 {
		busy.tick(rng, i%20 == 0, 200)
		if i%5 == 0 {
			mustSync(t, s)
		}
		if i%100 == 0 {
			st := s.Stats()
			if most := 2*st.Live + 3*cfg.SegmentBytes; st.Disk > most || st.Disk != dir.bytes() {
				t.Fatalf("%d bytes on disk, %d in the files: want at most %d of %d live", st.Disk, dir.bytes(), most, st.Live)
			}
		}
	}
	mustSync(t, s)
	st := s.Stats()
	if written = st.Written - st.Carried; st.Carried == 0 || st.Carried > written {
		t.Errorf("%d bytes carried, %d written, want some and no more than one for each", st.Carried, written)
	}
	mustHold(t, dir.killed(true, rng), append(actors, busy))
	mustClose(t, s)
}

// Starts and stops leave a file each: their number is bounded too.
func TestManyRestartsOfSleepers(t *testing.T) {
	dir, rng := newMemDir(), rand.New(rand.NewPCG(5, 5))
	s := mustOpen(t, Config{fs: dir})
	actors := rooms(s, rng, 3, 100)
	for range 40 {
		mustClose(t, s)
		s = mustOpen(t, Config{fs: dir})
		other := s.Begin("other", 1)
		other.Ticked(1, 1, []byte("x"), nil)
		other.End()
		mustSync(t, s)
	}
	if st := s.Stats(); st.Segments > keepSegments+3 {
		t.Errorf("%d segments, want at most %d", st.Segments, keepSegments+3)
	}
	mustHold(t, dir, actors)
	mustClose(t, s)
}

func TestNewEpochSupersedesWithItsFirstState(t *testing.T) {
	dir := newMemDir()
	var log bytes.Buffer
	s := mustOpen(t, Config{fs: dir, Log: zerolog.New(&log)})
	epochIs := func(want uint32) {
		t.Helper()
		mustSync(t, s)
		all, err := readOnly(dir)
		if err != nil || all["r"].Epoch != want {
			t.Errorf("epoch %d, %v; want %d", all["r"].Epoch, err, want)
		}
	}
	first := s.Begin("r", 3)
	first.Ticked(7, 7, []byte("seven"), nil)
	second := s.Begin("r", 4)
	epochIs(3)
	first.Ticked(8, 8, []byte("too late"), nil)
	first.End()
	epochIs(3)
	second.Ticked(7, 7, []byte("seven again"), nil)
	epochIs(4)
	s.Begin("r", 2).Ticked(9, 9, []byte("of yesterday"), nil)
	epochIs(4)
	if !strings.Contains(log.String(), "epoch that is over") {
		t.Error("the log does not name the mistake")
	}
	second.Ticked(8, 7, []byte("seven again"), []byte("8"))
	second.End()
	second.End()
	epochIs(0)
	if st := s.Stats(); st.Rooms != 0 || st.Live != 0 {
		t.Errorf("Stats = %+v, want no rooms", st)
	}
	s.Begin("r", 1).Ticked(1, 0, nil, []byte("1"))
	epochIs(1)
	mustClose(t, s)
}

func TestOversizeRoomIsRefusedUntilItIsSmaller(t *testing.T) {
	dir := newMemDir()
	var log bytes.Buffer
	s := mustOpen(t, Config{fs: dir, Log: zerolog.New(&log)})
	w := s.Begin("huge", 1)
	w.Ticked(1, 1, []byte("small"), nil)
	w.Ticked(2, 2, make([]byte, MaxRoom+1), nil)
	if err := s.Sync(context.Background()); !errors.Is(err, ErrDropped) {
		t.Errorf("Sync = %v, want ErrDropped", err)
	}
	if !strings.Contains(log.String(), "huge") {
		t.Errorf("the log does not name the room: %s", log.String())
	}
	w.Ticked(3, 3, make([]byte, MaxRoom-1), []byte("x"))
	mustSync(t, s)
	all, err := readOnly(dir)
	if got := all["huge"]; err != nil || got.Tick != 3 || len(got.Checkpoint) != MaxRoom-1 || string(got.Records) != "x" {
		t.Errorf("found tick %d, %v; want 3", got.Tick, err)
	}
	mustClose(t, s)
}

func TestAfterClose(t *testing.T) {
	s := mustOpen(t, Config{fs: newMemDir()})
	w := s.Begin("a", 1)
	mustClose(t, s)
	w.Ticked(1, 1, []byte("x"), nil)
	w.End()
	s.Discard("a")
	s.Begin("b", 1).Ticked(1, 1, make([]byte, 2*chunkSize), nil)
	if err := s.Sync(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("Sync = %v, want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again = %v, want nil", err)
	}
	if st := s.Stats(); st.Pending != 0 || st.Lost != 0 {
		t.Errorf("Stats = %+v, want nothing pending", st)
	}
}

func TestConfigNamesTheField(t *testing.T) {
	for field, cfg := range map[string]Config{
		"Dir":          {},
		"FlushEvery":   {Dir: "x", FlushEvery: -1},
		"SegmentBytes": {Dir: "x", SegmentBytes: 1},
		"MaxPending":   {Dir: "x", MaxPending: 1},
	} {
		if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("Open(%+v) = %v, want an error about %s", cfg, err, field)
		}
	}
}

func TestNamelessRoomsPanic(t *testing.T) {
	s := mustOpen(t, Config{fs: newMemDir()})
	defer mustClose(t, s)
	for _, name := range []string{"", strings.Repeat("x", MaxName+1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Begin of a name of %d bytes did not panic", len(name))
				}
			}()
			s.Begin(name, 1)
		}()
	}
}
