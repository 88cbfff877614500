package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// A world is a store, the rooms in it, and what they know to be true.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	cfg    Config
	dir    *memDir
	store  *Store
	actors []*actor
	born   int
}

// TestStoreAgainstModel plays random lives of rooms, with crashes, power cuts and broken disks, and compares what is found
// with what the rooms know.
func TestStoreAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), dir: newMemDir()}
				w.cfg = Config{SegmentBytes: 4096 << w.rng.IntN(4), MaxPending: 8192 << w.rng.IntN(8)}
				w.open()
				for range 300 {
					w.step()
				}
				w.heal()
				w.sync()
				w.restart(false)
				mustClose(t, w.store)
			})
		})
	}
}

func (w *world) open() {
	w.cfg.fs = w.dir
	w.store = mustOpen(w.t, w.cfg)
}

func (w *world) step() {
	switch n := w.rng.IntN(100); {
	case n < 5 && len(w.actors) < 12:
		a := newActor(fmt.Sprintf("room-%d", w.born))
		w.born++
		w.actors = append(w.actors, a)
		a.begin(w.store)
	case n < 70:
		w.ticks()
	case n < 73 && len(w.actors) > 0:
		if a := w.any(); a.writer != nil {
			a.end()
		}
	case n < 75 && len(w.actors) > 0:
		if a := w.any(); a.writer != nil { // taken over in place; the old Writer must be without effect
			old := a.writer
			a.begin(w.store)
			old.Ticked(a.now.Tick+1, a.now.Tick+1, []byte("stale"), nil)
			old.End()
		}
	case n < 80:
		time.Sleep(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
	case n < 86:
		w.sync()
	case n < 89:
		w.restart(false)
	case n < 91:
		w.restart(true)
	case n < 93:
		w.damage()
	case n < 96:
		w.hurt()
	default:
		w.heal()
	}
}

func (w *world) any() *actor { return w.actors[w.rng.IntN(len(w.actors))] }

func (w *world) ticks() {
	for range w.rng.IntN(20) {
		for _, a := range w.actors {
			if a.writer != nil && w.rng.IntN(3) > 0 {
				a.tick(w.rng, w.rng.IntN(8) == 0, 1+w.rng.IntN(200))
			}
		}
		if w.rng.IntN(2) == 0 {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

func (w *world) sync() {
	err := w.store.Sync(context.Background())
	if w.dir.healthy() && err != nil {
		for _, a := range w.actors { // what was dropped is handed over by the next tick, if it fits
			if a.writer != nil {
				a.tick(w.rng, true, 1)
			}
		}
		if err = w.store.Sync(context.Background()); err != nil {
			w.t.Fatalf("Sync on a disk that works: %v", err)
		}
	}
	if err != nil {
		return
	}
	for _, a := range w.actors {
		a.synced()
	}
	st := w.store.Stats()
	if st.Degraded() || st.Pending != 0 {
		w.t.Fatalf("after Sync: %+v", st)
	}
	if most := 2*st.Live + 3*w.cfg.SegmentBytes + int64(w.cfg.MaxPending) + carryBatch; st.Disk > most {
		w.t.Fatalf("%d bytes on disk, %d live: want at most %d", st.Disk, st.Live, most)
	}
}

// hurt breaks the disk in one way.
func (w *world) hurt() {
	w.dir.set(func(d *memDir) {
		switch w.rng.IntN(4) {
		case 0:
			d.free = int64(w.rng.IntN(10000))
		case 1:
			d.noSync = true
		case 2:
			d.free, d.noTruncate = int64(w.rng.IntN(10000)), true
		case 3:
			d.noCreate = true
		}
	})
}

func (w *world) heal() {
	w.dir.set(func(d *memDir) { d.free, d.noSync, d.noTruncate, d.noCreate = -1, false, false, false })
	time.Sleep(3 * time.Second)
}

// restart ends the store as it is, or with the power, and takes all rooms up again.
func (w *world) restart(power bool) {
	synctest.Wait()
	left := w.dir.killed(power, w.rng)
	_ = w.store.Close() // writes into what nobody reads any more
	w.dir = left
	w.open()
	known := map[string]bool{}
	for _, a := range w.actors {
		known[a.name] = true
		got, ok := w.store.Saved(a.name)
		if ok != (got.Room != "") {
			w.t.Fatalf("Saved(%s) = %+v, %v", a.name, got, ok)
		}
		floor := a.seen
		if power {
			floor = a.floor
		}
		i, err := a.check(got, floor)
		if err != nil {
			w.t.Fatalf("power %v: %v", power, err)
		}
		a.history, a.seen, a.writer = a.history[:i+1], i, nil
		if power {
			a.floor = i
		}
		a.now = got
		if ok && w.rng.IntN(8) > 0 {
			a.begin(w.store)
		} else if w.rng.IntN(2) == 0 {
			w.store.Discard(a.name)
			a.now = Saved{}
			a.history = append(a.history, Saved{})
		}
		w.store.Forget(a.name)
	}
	if n := len(w.store.Rooms()); n > 0 {
		w.t.Fatalf("%d rooms that nobody knows, such as %s", n, w.store.Rooms()[0])
	}
}

// damage flips a few bits of a copy, and reads that.
func (w *world) damage() {
	synctest.Wait()
	left := w.dir.killed(false, w.rng)
	for _, f := range left.files {
		if w.rng.IntN(2) == 0 && len(f.data) > dataStart {
			for range w.rng.IntN(5) {
				f.data[dataStart+w.rng.IntN(len(f.data)-dataStart)] ^= 1 << w.rng.IntN(8)
			}
		}
	}
	all, err := readOnly(left)
	if err != nil {
		w.t.Fatalf("Read of damaged segments: %v", err)
	}
	for _, a := range w.actors {
		if got, ok := all[a.name]; ok {
			if _, err := a.check(got, 0); err != nil {
				w.t.Fatalf("after damage: %v", err)
			}
		}
	}
}
