package journal

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// rooms are n of them, each with a checkpoint and a record, none of which ever ticks again by itself.
func rooms(s *Store, rng *rand.Rand, n, size int) []*actor {
	actors := make([]*actor, n)
	for i := range actors {
		actors[i] = newActor("room-" + string(rune('a'+i)))
		actors[i].begin(s)
		actors[i].tick(rng, true, size)
		actors[i].tick(rng, false, size)
	}
	return actors
}

func mustHold(t testing.TB, dir *memDir, actors []*actor) {
	t.Helper()
	all, err := readOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range actors {
		if !same(all[a.name], a.now) {
			t.Errorf("room %s: found tick %d, want %d", a.name, all[a.name].Tick, a.now.Tick)
		}
	}
}

func TestKilledProcessLosesFlushEveryAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		s := mustOpen(t, Config{fs: dir})
		actors := rooms(s, rng, 3, 50)
		time.Sleep(51 * time.Millisecond)
		synctest.Wait()
		mustHold(t, dir.killed(false, rng), actors)
		time.Sleep(time.Second)
		synctest.Wait()
		mustHold(t, dir.killed(true, rng), actors)
		if st := s.Stats(); st.Flushes != 1 || st.Syncs != 1 || st.Rooms != 3 || st.Disk != dir.bytes() {
			t.Errorf("Stats = %+v, want one flush and one sync of 3 rooms, %d bytes", st, dir.bytes())
		}
		mustClose(t, s)
	})
}

// Rooms that sleep lose nothing to a full disk either, as long as the newest of all fits into MaxPending.
func TestFullDiskRecoversByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		var log bytes.Buffer
		s := mustOpen(t, Config{fs: dir, MaxPending: 64 << 10, Log: zerolog.New(&log)})
		dir.set(func(d *memDir) { d.free = 700 })
		actors := rooms(s, rng, 8, 100)
		for range 60 * 20 { // a minute
			actors[0].tick(rng, actors[0].now.Tick%20 == 0, 100)
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		st := s.Stats()
		if !errors.Is(st.Err, syscall.ENOSPC) || !st.Degraded() || st.Dropped != 0 || st.Pending > 64<<10 {
			t.Errorf("Stats = %+v, want ENOSPC, nothing dropped, 64 KiB pending at most", st)
		}
		if err := s.Sync(context.Background()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Sync = %v, want ENOSPC", err)
		}
		if n := strings.Count(log.String(), "does not keep all"); n < 5 || n > 7 {
			t.Errorf("%d lines in a minute, want one every 10 s:\n%s", n, log.String())
		}
		dir.set(func(d *memDir) { d.free = -1 })
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if st = s.Stats(); st.Degraded() || st.Pending != 0 {
			t.Errorf("Stats = %+v, want no trouble", st)
		}
		if !strings.Contains(log.String(), "journal keeps all again") {
			t.Error("the log does not say that it is over")
		}
		mustHold(t, dir.killed(true, rng), actors)
		mustClose(t, s)
	})
}

func TestHungDiskDropsAndCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		var log bytes.Buffer
		s := mustOpen(t, Config{fs: dir, MaxPending: 16 << 10, Log: zerolog.New(&log)})
		hang := make(chan struct{})
		dir.set(func(d *memDir) { d.hang = hang })
		actors := rooms(s, rng, 3, 100)
		time.Sleep(time.Second)
		for range 200 {
			actors[1].tick(rng, false, 200)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		st := s.Stats()
		if st.Dropped == 0 || st.Lost != 1 || st.Pending > 16<<10 || st.Busy < 10*time.Second || st.Err == nil {
			t.Errorf("Stats = %+v, want one room lost, and the disk busy for 10 s", st)
		}
		if !strings.Contains(log.String(), "journal waits for the disk") {
			t.Errorf("the log does not say so: %s", log.String())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sync = %v, want its deadline", err)
		}
		dir.set(func(d *memDir) { d.hang = nil })
		close(hang)
		if err := s.Sync(context.Background()); !errors.Is(err, ErrDropped) {
			t.Errorf("Sync = %v, want ErrDropped", err)
		}
		actors[1].tick(rng, false, 10)
		mustSync(t, s)
		mustHold(t, dir.killed(true, rng), actors)
		mustClose(t, s)
	})
}

// After a failed sync the system may call clean what it lost: the store writes it again.
func TestFailedSyncIsNotBelievedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		s := mustOpen(t, Config{fs: dir})
		actors := rooms(s, rng, 5, 100)
		mustSync(t, s)
		for _, a := range actors[:3] {
			a.tick(rng, false, 10)
		}
		dir.set(func(d *memDir) { d.noSync = true })
		if err := s.Sync(context.Background()); !errors.Is(err, errBroken) {
			t.Errorf("Sync = %v, want the disk's error", err)
		}
		time.Sleep(time.Minute)
		if st := s.Stats(); !st.Degraded() || st.Segments > 2 {
			t.Errorf("Stats = %+v, want Degraded, and no new files", st)
		}
		actors[0].tick(rng, false, 10)
		dir.set(func(d *memDir) { d.noSync = false })
		mustSync(t, s)
		mustHold(t, dir.killed(true, rng), actors)
		mustClose(t, s)
	})
}

func TestCloseOfAHungDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newMemDir()
		s := mustOpen(t, Config{fs: dir})
		hang := make(chan struct{})
		dir.set(func(d *memDir) { d.hang = hang })
		rooms(s, rand.New(rand.NewPCG(1, 1)), 1, 10)
		began := time.Now()
		if err := s.Close(); err == nil || time.Since(began) != closeTimeout {
			t.Errorf("Close = %v after %v, want an error after %v", err, time.Since(began), closeTimeout)
		}
		close(hang)
		<-s.done
	})
}

func TestCloseFails(t *testing.T) {
	dir := newMemDir()
	s := mustOpen(t, Config{fs: dir})
	dir.set(func(d *memDir) { d.noCreate = true })
	w := s.Begin("a", 1)
	w.Ticked(1, 1, []byte("x"), nil)
	if err := s.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close = %v, want the disk's error", err)
	}
}

// A write that failed half-way and cannot be undone stays behind, whole entries in it: they are then written once more.
func TestHalfAWriteThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		s := mustOpen(t, Config{fs: dir})
		actors := rooms(s, rng, 2, 100)
		mustSync(t, s)
		for range 2 {
			for _, a := range actors {
				a.tick(rng, false, 100)
			}
		}
		dir.set(func(d *memDir) { d.free, d.noTruncate = 350, true }) // two entries and a half
		if err := s.Sync(context.Background()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Sync = %v, want ENOSPC", err)
		}
		dir.set(func(d *memDir) { d.free = -1 })
		actors[0].tick(rng, false, 100)
		mustSync(t, s)
		mustHold(t, dir.killed(true, rng), actors)
		if st := s.Stats(); st.Segments != 2 {
			t.Errorf("%d segments, want the old one left alone and a new one", st.Segments)
		}
		mustClose(t, s)
	})
}

// A write that failed half-way is cut off: what replaces it may be shorter, and older states must not stand behind it.
func TestHalfAWriteIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		s := mustOpen(t, Config{fs: dir})
		actors := rooms(s, rng, 3, 100)
		mustSync(t, s)
		for _, a := range actors {
			a.tick(rng, true, 300)
		}
		dir.set(func(d *memDir) { d.free = 3000 })
		if err := s.Sync(context.Background()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Sync = %v, want ENOSPC", err)
		}
		dir.set(func(d *memDir) { d.free = -1 })
		for _, a := range actors {
			a.tick(rng, true, 5)
		}
		mustSync(t, s)
		mustHold(t, dir.killed(true, rng), actors)
		if st := s.Stats(); st.Segments != 1 || st.Disk != dir.bytes() {
			t.Errorf("Stats = %+v, want one segment of %d bytes", st, dir.bytes())
		}
		mustClose(t, s)
	})
}

// What a killed server wrote and did not sync is this one's to sync.
func TestKilledServersWritesAreSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, rng := newMemDir(), rand.New(rand.NewPCG(1, 1))
		s := mustOpen(t, Config{fs: dir})
		actors := rooms(s, rng, 3, 100)
		time.Sleep(100 * time.Millisecond)
		left := dir.killed(false, rng)
		mustClose(t, s)
		s = mustOpen(t, Config{fs: left})
		mustSync(t, s)
		mustHold(t, left.killed(true, rng), actors)
		mustClose(t, s)
	})
}
