package pressure

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDiskReserve(t *testing.T) {
	const mib, tib = 1 << 20, 1 << 40
	for _, c := range []struct {
		what string
		s    space
		stop bool
	}{
		{"a large disk, 1 TiB free", space{total: 50 * tib, free: tib}, false},
		{"a large disk, 1 GiB free", space{total: 50 * tib, free: 1024 * mib}, true},
		{"10 GiB, 2 % and a bit", space{total: 10240 * mib, free: 210 * mib}, false},
		{"10 GiB, less than 2 %", space{total: 10240 * mib, free: 200 * mib}, true},
		{"1 GiB, 65 MiB free", space{total: 1024 * mib, free: 65 * mib}, false},
		{"1 GiB, 63 MiB free", space{total: 1024 * mib, free: 63 * mib}, true},
		{"smaller than the reserve", space{total: 32 * mib, free: 32 * mib}, false},
		{"smaller than the reserve, and something in it", space{total: 32 * mib, free: 31 * mib}, true},
		{"no inodes", space{total: tib, free: tib, files: 1000, freeInodes: 3}, true},
		{"a file system that counts no inodes", space{total: tib, free: tib}, false},
		{"unknown", space{}, false},
	} {
		r := c.s.reading()
		if got := r.Stop > 0 && r.Used >= r.Stop; got != c.stop {
			t.Errorf("%s: stops %v, want %v (%+v)", c.what, got, c.stop, r)
		}
		if r.Go > r.Stop {
			t.Errorf("%s: goes on at %d, above %d", c.what, r.Go, r.Stop)
		}
	}
}

func TestDiskNoticesAFolderThatIsGone(t *testing.T) {
	dir := t.TempDir()
	if _, err := Disk(dir); err == nil {
		t.Error("no error about a folder without a lock")
	}
	lock := filepath.Join(dir, "raft", "lock")
	make := func() {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(lock), 0o700), os.WriteFile(lock, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	make()
	src, err := disk(dir, func(string) (space, error) { return space{total: 1 << 40, free: 1 << 39}, nil })
	if err != nil {
		t.Fatal(err)
	}
	if r := src.Read(); r.Used >= r.Stop {
		t.Errorf("a folder that is there: %+v", r)
	}
	if err := os.RemoveAll(filepath.Join(dir, "raft")); err != nil {
		t.Fatal(err)
	}
	gone := func() bool { r := src.Read(); return r.Used >= r.Stop && strings.Contains(r.Why, "gone") }
	for end := time.Now().Add(10 * time.Second); !gone(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("a folder that is gone: %+v", src.Read())
		}
	}
	make()
	if !gone() {
		t.Error("another folder in its place passes for the first")
	}
}

func TestADiskThatDoesNotAnswerIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		first := true
		read := aside(func() Reading {
			if !first {
				<-hang
			}
			first = false
			return Reading{Used: 1, Limit: 10, Stop: 9, Go: 9}
		})
		time.Sleep(2 * time.Second)
		if r := read(); r.Used != 1 || r.Limit != 10 {
			t.Errorf("while it is asked: %+v, want what it said last", r)
		}
		time.Sleep(6 * time.Second)
		if r := read(); r.Used < r.Stop || !strings.Contains(r.Why, "has not answered for 6s") {
			t.Errorf("after six seconds: %+v", r)
		}
		close(hang)
		synctest.Wait()
		if r := read(); r.Used != 1 || r.Why != "" {
			t.Errorf("when it has answered: %+v", r)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	})
}

func TestFilesAreCounted(t *testing.T) {
	before, ok := openFiles()
	if !ok {
		t.Skip("this kernel does not say how many files a process has open")
	}
	var held []*os.File
	for range 50 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, f)
	}
	after, _ := openFiles()
	for _, f := range held {
		f.Close()
	}
	if after < before+50 {
		t.Errorf("%d open files, and %d with 50 more", before, after)
	}
	r := files(func() uint64 { return 100 }, func() (uint64, bool) { return 90, true }).Read()
	if r.Used != 90 || r.Stop != 90 || r.Go != 85 {
		t.Errorf("90 of 100 files: %+v", r)
	}
}

func TestMemoryCountsWhatLivesNotGarbage(t *testing.T) {
	m := NewMemory(1 << 40)
	runtime.GC()
	before := m.Read()
	if before.Live == 0 || before.Held < before.Live || before.Limit != 1<<40 {
		t.Fatalf("usage is %+v", before)
	}
	kept := make([]byte, 64<<20)
	for i := 0; i < len(kept); i += 4096 {
		kept[i] = 1
	}
	runtime.GC()
	with := m.Read()
	runtime.KeepAlive(kept)
	if with.Live < before.Live+60<<20 {
		t.Errorf("64 MiB that live: %d → %d", before.Live, with.Live)
	}
	runtime.GC()
	after := m.Read()
	if after.Live > before.Live+16<<20 {
		t.Errorf("64 MiB that nobody holds count as live: %d → %d", before.Live, after.Live)
	}
	if m.Last() != after {
		t.Error("Last is not what Read returned")
	}
}

func TestReadingMemoryDoesNotAllocate(t *testing.T) {
	m := NewMemory(1 << 40)
	m.Read()
	if got := testing.AllocsPerRun(100, func() { m.Read() }); got > 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	was := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(was)
	debug.SetMemoryLimit(noMemoryLimit)
	if limit, from := MemoryLimit(123); limit != 123 || from != "-max-memory" {
		t.Errorf("asked for 123: %d from %s", limit, from)
	}
	if limit, from := MemoryLimit(0); from == "GOMEMLIMIT" || runtime.GOOS == "linux" && limit == 0 {
		t.Errorf("of this machine: %d from %s", limit, from)
	}
	soft, undo := GuideCollector(1 << 40)
	if want := int64((1 << 40) / 10 * 9); soft != want || debug.SetMemoryLimit(-1) != want {
		t.Errorf("the collector is told %d, want %d", soft, want)
	}
	if limit, from := MemoryLimit(0); limit != uint64(soft) || from != "GOMEMLIMIT" {
		t.Errorf("with a limit of the runtime: %d from %s", limit, from)
	}
	again, nothing := GuideCollector(1 << 30)
	nothing()
	if again != soft || debug.SetMemoryLimit(-1) != soft {
		t.Errorf("a bound that is there was changed to %d", again)
	}
	undo()
	if got := debug.SetMemoryLimit(-1); got != noMemoryLimit {
		t.Errorf("after undo: %d", got)
	}
}

func TestCount(t *testing.T) {
	n := 0
	src := Count(NameAbandoned, "", 8, func() int { return n })
	for _, c := range []struct {
		n    int
		stop bool
	}{{0, false}, {7, false}, {8, true}, {-1, false}} {
		n = c.n
		if r := src.Read(); (r.Used >= r.Stop) != c.stop {
			t.Errorf("%d: %+v, want stopped %v", c.n, r, c.stop)
		}
	}
}

func BenchmarkMemory(b *testing.B) {
	m := NewMemory(1)
	for b.Loop() {
		m.Read()
	}
}

func BenchmarkOpenFiles(b *testing.B) {
	for b.Loop() {
		openFiles()
	}
}
