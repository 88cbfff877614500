package host

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

func crashOf(id string, epoch uint32) crash.Crash {
	return crash.Crash{File: "crash-1.log", Report: crash.Report{
		Kind: crash.Overflow, Text: "fatal error: stack overflow", Room: id, Game: "dots", Epoch: epoch,
		Stack: []byte("goroutine 7 [running]:\nexample.com/dots.(*Game).Step(0x1)\n\t/src/dots/game.go:57 +0x1\n"),
	}}
}

// A room that brought its process down is over in the next, with what was kept of it in a fault file; a crash of an epoch that was
// not the last costs it nothing.
func TestBlamedRoomIsOver(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		l, log := newLedger(), &lockedLog{}
		games := []*room.Program{dotProgram(t, "dots", nil)}
		first := newRig(t, b, func(c *Config) { c.Journal, c.Games = l, games })
		first.open("a")
		one := first.join("a", 0)
		one.move(20)
		disk := l.copyOf()
		kept, _ := disk.Saved("a")

		dir := t.TempDir()
		second := newRig(t, b, func(c *Config) {
			c.Journal, c.Games, c.FaultDir, c.Log = disk, games, dir, zerolog.New(log)
			c.Crashes = []crash.Crash{crashOf("b", 1), crashOf("a", 1)}
		})
		second.assign(Assignment{Room: "a", Game: "dots", Seed: 1, Epoch: 2, Restore: true, Taken: []uint64{1}})
		second.town.await(t, "ended a 2 4012 the game failed", 1)
		back := second.back(one, one.welcome.Key)
		if got := back.untilClosed(); got != wire.CloseFault {
			t.Errorf("a player who comes back is told %d, want %d", got, wire.CloseFault)
		}
		eventually(t, "the line", func() bool { return len(log.lines(t, "game brought down the process before: its room is over")) == 1 })
		line := log.lines(t, "game brought down the process before: its room is over")[0]
		if line["room"] != "a" || line["game"] != "dots" || line["at"] != "dots.(*Game).Step at game.go:57" || line["panic"] != "fatal error: stack overflow" || line["crash"] != "crash-1.log" {
			t.Errorf("line %v", line)
		}
		data, err := os.ReadFile(line["file"].(string))
		if err != nil || filepath.Dir(line["file"].(string)) != dir {
			t.Fatal(line["file"], err)
		}
		f, err := ParseFault(data)
		if err != nil || !f.Crash || f.Tick != kept.Tick+1 || !bytes.Equal(f.Checkpoint, kept.Checkpoint) || !bytes.Equal(f.Records, kept.Records) {
			t.Errorf("fault file %+v, %v", f, err)
		}
		if _, ok := disk.Saved("a"); !ok {
			t.Error("what was kept is gone before the directory has heard of the end")
		}
		second.host.Reconcile(nil)
		for _, credential := range []string{one.welcome.Key, token("a", 0)} { // also when the directory has long withdrawn the room
			if got := second.back(one, credential).untilClosed(); got != wire.CloseFault {
				t.Errorf("a player who comes back later is told %d, want %d", got, wire.CloseFault)
			}
		}
		eventually(t, "the journal to forget the room", func() bool { _, ok := disk.Saved("a"); return !ok })
		if n := second.host.stats.RoomsFailed.Load(); n != 1 {
			t.Errorf("%d rooms failed", n)
		}
	})
}

// Who is to blame is said by room and epoch.
func TestCulprit(t *testing.T) {
	l := newLedger()
	l.Begin("a", 3).Ticked(1, 1, nil, nil)
	for _, c := range []struct {
		crash    crash.Crash
		room     string
		assigned uint32
		want     bool
	}{
		{crashOf("a", 3), "a", 4, true},
		{crashOf("a", 4), "a", 5, true}, // while it was restored
		{crashOf("a", 2), "a", 4, false},
		{crashOf("a", 4), "a", 4, false},
		{crashOf("a", 3), "b", 4, false},
		{crashOf("b", 1), "b", 2, true}, // in New: nothing is kept
		{crashOf("b", 2), "b", 2, false},
	} {
		r := newRig(t, Goroutine, func(cfg *Config) { cfg.Journal, cfg.Crashes = l, []crash.Crash{c.crash} })
		got := r.host.culprit(&hosted{Assignment: Assignment{Room: c.room, Epoch: c.assigned}})
		if (got != nil) != c.want {
			t.Errorf("room %q in epoch %d, crash of %q in epoch %d: blamed %v, want %v", c.room, c.assigned, c.crash.Room, c.crash.Epoch, got != nil, c.want)
		}
	}
}

// A game that brought the process down in New is not called again.
func TestBlamedBeforeItRan(t *testing.T) {
	r := newRig(t, Goroutine, func(c *Config) { c.Journal, c.Crashes = newLedger(), []crash.Crash{crashOf("a", 1)} })
	r.assign(Assignment{Room: "a", Game: "dots", Seed: 1, Epoch: 2})
	r.town.await(t, "ended a 2 4012 the game failed", 1)
}

// Whatever runs a game says whose it is, and worker and callers do not keep it.
func TestLabels(t *testing.T) {
	r := newRig(t, Goroutine, func(c *Config) { c.Workers = 1 })
	r.open("a")
	one := r.join("a", 0)
	one.order(orderNap)
	labels := func() string {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	worn := regexp.MustCompile(`"epoch":"1", "game":"dots", "pilot":"[0-9]+", "room":"a"`)
	eventually(t, "labels in a goroutine profile", func() bool { return worn.MatchString(labels()) })
	eventually(t, "no labels after the tick", func() bool { return !strings.Contains(labels(), `"room":"a"`) })
}

// The labels cost a tick nothing that a profile of a node would show, and no memory.
func BenchmarkWear(b *testing.B) {
	h := &hosted{labels: labelsOf(&Assignment{Room: "a", Game: "dots", Epoch: 1})}
	b.ReportAllocs()
	for b.Loop() {
		h.wear(nil)
		takeOff()
	}
}
