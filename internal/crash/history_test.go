package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// trace is what the runtime says of a panic while a room runs, or for "" while none does.
func trace(room string, epoch int) string {
	labels := ""
	if room != "" {
		labels = fmt.Sprintf(" labels:{%q: \"%d\", %q: \"dots\", %q: %q}", LabelEpoch, epoch, LabelGame, LabelRoom, room)
	}
	return "panic: boom\n\ngoroutine 7 [running" + labels + "]:\nmain.f()\n\t/game.go:1 +0x1\n"
}

const outOfMemory = "\nruntime stack:\nruntime.throw({0x1?, 0x2?})\n\t/panic.go:1\nruntime.sysMapOS(0x1)\n\t/mem.go:1\n"

// end makes a file of a process that ended at a time, by what it says after its head.
func end(t testing.TB, dir string, streak int, ready, at time.Time, said string) {
	t.Helper()
	text := fmt.Sprintf("%s%d\n", headMark, streak)
	if !ready.IsZero() {
		text += fmt.Sprintf("%s%d\n", readyMark, ready.UnixMilli())
	}
	name := filepath.Join(dir, current)
	if err := errors.Join(os.WriteFile(name, []byte(text+said), 0o600), os.Chtimes(name, at, at)); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, dir string) *History {
	t.Helper()
	h, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Only a process that crashed has something to say; one that was killed or ended in order blames nobody.
func TestKilledIsNoCrash(t *testing.T) {
	for _, how := range []string{"killed", "in order"} {
		dir := t.TempDir()
		crashed(t, dir, how)
		_, err := os.Stat(filepath.Join(dir, current))
		if left := err == nil; left != (how == "killed") {
			t.Errorf("%s: the file is there: %v", how, left)
		}
		if h := mustRead(t, dir); h.Last != nil || len(h.Crashes) > 0 || h.Streak != 0 {
			t.Errorf("%s: %+v", how, h)
		}
	}
}

func TestStreak(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000)
	for name, c := range map[string]struct {
		ready time.Time
		said  string
		want  int
	}{
		"never ready":    {said: trace("", 0), want: 3},
		"early":          {ready: at.Add(-59 * time.Second), said: trace("", 0), want: 3},
		"memory":         {said: outOfMemory + "\n" + trace("a", 1)[len("panic: boom\n\n"):], want: 3},
		"late":           {ready: at.Add(-61 * time.Second), said: trace("", 0)},
		"a room's fault": {said: trace("a", 1)},
		"killed":         {},
	} {
		dir := t.TempDir()
		end(t, dir, 2, c.ready, at, c.said)
		h := mustRead(t, dir)
		if h.Streak != c.want || (h.Last == nil) != (c.said == "") {
			t.Errorf("%s: streak %d, want %d; last %+v", name, h.Streak, c.want, h.Last)
		}
		w, err := create(dir, h.Streak)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Ready(), w.file.Close()); err != nil {
			t.Fatal(err)
		}
		c, streak, ok, err := readFile(filepath.Join(dir, current))
		if err != nil || ok || streak != h.Streak || !c.Early {
			t.Errorf("%s: the next file says %+v, streak %d, %v, %v", name, c, streak, ok, err)
		}
	}
}

// What could have hit any room is one's fault if it was hit twice.
func TestBlamed(t *testing.T) {
	memory := func(room string) string { return outOfMemory + "\n" + trace(room, 1)[len("panic: boom\n\n"):] }
	for name, c := range map[string]struct{ said, want []string }{
		"certain":          {[]string{trace("a", 1), trace("b", 4)}, []string{"b", "a"}},
		"no room":          {[]string{trace("", 1)}, nil},
		"memory":           {[]string{memory("a"), memory("b")}, nil},
		"memory, twice":    {[]string{memory("a"), memory("b"), memory("a")}, []string{"a"}},
		"memory and fault": {[]string{memory("a"), trace("a", 2)}, []string{"a"}},
	} {
		dir := t.TempDir()
		var h *History
		for i, said := range c.said {
			end(t, dir, 0, time.Time{}, time.UnixMilli(int64(1_800_000_000_000+i)), said)
			h = mustRead(t, dir)
		}
		for _, again := range []bool{false, true} { // a process that is killed before it has acted leaves all to the next
			var got []string
			for _, b := range h.Blamed() {
				got = append(got, b.Room)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, again %v: %q, want %q", name, again, got, c.want)
			}
			h = mustRead(t, dir)
		}
	}
}

// Files are bounded in number and size; the crash they tell of is read before.
func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	long := "panic: " + strings.Repeat("x", 2*keptBytes) + trace("a", 1)[len("panic: boom"):]
	for i := range keptFiles + 3 {
		end(t, dir, 0, time.Time{}, time.UnixMilli(int64(1_800_000_000_000+i)), long)
		h := mustRead(t, dir)
		if h.Last == nil || h.Last.Room != "a" || h.Crashes[0].Room != "a" || len(h.Crashes) != min(i+1, keptFiles) {
			t.Fatalf("crash %d: %+v", i, h)
		}
		if info, err := os.Stat(h.Last.File); err != nil || info.Size() != keptBytes {
			t.Errorf("the file: %v, %v", info, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != keptFiles {
		t.Errorf("%d files, want %d: %v", len(entries), keptFiles, err)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, current), 0o700), os.Symlink("/dev/zero", filepath.Join(dir, "crash-1.log"))); err != nil {
		t.Fatal(err)
	}
	h, err := Read(dir)
	if !errors.Is(err, errNoFile) || h == nil || h.Last != nil || len(h.Crashes) > 0 {
		t.Errorf("%v, %+v", err, h)
	}
	if h, err := Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) || h.Last != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestHeads(t *testing.T) {
	for head, want := range map[string]int{
		"":                                   0,
		headMark:                             0,
		headMark + "2\n":                     2,
		headMark + "-2\n":                    0,
		headMark + "99999999999999999\n":     0,
		headMark + strings.Repeat("1", 1000): 0,
		headMark + "2\n" + readyMark + "x\n": 2,
		"something else\n":                   0,
	} {
		name := filepath.Join(t.TempDir(), current)
		if err := os.WriteFile(name, []byte(head), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, streak, _, err := readFile(name); err != nil || streak != want || !c.Early {
			t.Errorf("%q: streak %d, want %d; %v", head, streak, want, err)
		}
	}
}

func TestWithLabels(t *testing.T) {
	for value, want := range map[string]string{
		"":                             "tracebacklabels=1",
		"gctrace=1":                    "gctrace=1,tracebacklabels=1",
		"tracebacklabels=0":            "tracebacklabels=0",
		"gctrace=1, tracebacklabels=0": "gctrace=1, tracebacklabels=0",
		"tracebacklabelsx=1,other=0":   "tracebacklabelsx=1,other=0,tracebacklabels=1",
	} {
		if got := withLabels(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
