package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	current   = "crash.log" // of the process that runs
	keptFiles = 8
	keptBytes = 1 << 20 // of a file; what comes first says who it was
	early     = time.Minute
)

// A Crash is a process that ended so, and the file that has the whole trace.
type Crash struct {
	Report
	File  string
	At    time.Time // when the file was written last
	Early bool      // it had been serving for less than a minute, or not yet
}

// A History is how the processes before ended.
type History struct {
	// Crashes are those whose files are kept, the newest first.
	Crashes []Crash
	// Last is the first of Crashes if the process before this one ended so; nil if it was killed, or ended in order.
	Last *Crash
	// Streak is how many processes in a row crashed early and without a room to blame.
	Streak int
}

// Blamed are the crashes with a room to blame. One that could have hit any room (see Report.Certain) is its fault if an earlier
// one named it, too. To blame twice does no harm: a crash names the room's epoch.
func (h *History) Blamed() []Crash {
	var blamed []Crash
	for i, c := range h.Crashes {
		again := slices.ContainsFunc(h.Crashes[i+1:], func(o Crash) bool { return o.Room == c.Room })
		if c.Room != "" && (c.Certain() || again) {
			blamed = append(blamed, c)
		}
	}
	return blamed
}

// blames reports whether one of the crashes that have a room to blame is this one.
func (h *History) blames(c *Crash) bool {
	return slices.ContainsFunc(h.Blamed(), func(o Crash) bool { return o.File == c.File })
}

// Read reads what the processes before left in a folder, and keeps it: the newest crash becomes crash-<time>.log, of which eight
// stay, of each the first MiB. The folder must be this process's alone. With an error comes what could be read.
func Read(dir string) (*History, error) {
	h := &History{}
	streak, err := h.keep(dir)
	names, listErr := keptNames(dir)
	err = errors.Join(err, listErr)
	for i, name := range names {
		if i >= keptFiles {
			err = errors.Join(err, os.Remove(name))
			continue
		}
		if h.Last != nil && name == h.Last.File { // the file may have been cut
			h.Crashes = append(h.Crashes, *h.Last)
			continue
		}
		c, _, ok, readErr := readFile(name)
		err = errors.Join(err, readErr)
		if ok {
			h.Crashes = append(h.Crashes, c)
		}
	}
	if h.Last != nil && h.Last.Early && !h.blames(h.Last) {
		h.Streak = streak + 1
	}
	if err != nil {
		return h, fmt.Errorf("read how the process before ended: %w", err)
	}
	return h, nil
}

// keptNames are the files of crashes in a folder, the newest first.
func keptNames(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "crash-") && strings.HasSuffix(e.Name(), ".log") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Reverse(names)
	return names, err
}

// keep puts the file of a process that crashed aside, and returns the streak before it.
func (h *History) keep(dir string) (streak int, err error) {
	name := filepath.Join(dir, current)
	c, streak, ok, err := readFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case !ok:
		return 0, nil // Begin writes over it
	}
	c.File = filepath.Join(dir, "crash-"+c.At.UTC().Format("20060102T150405.000")+".log")
	h.Last = &c
	if info, err := os.Stat(name); err == nil && info.Size() > keptBytes {
		if err := os.Truncate(name, keptBytes); err != nil {
			return streak, err
		}
	}
	return streak, os.Rename(name, c.File)
}

// errNoFile is for what has our name and is something that must not be read.
var errNoFile = errors.New("not a regular file: remove it")

// readFile reads one file: the head that Begin wrote, and the trace if there is one.
func readFile(name string) (c Crash, streak int, ok bool, err error) {
	info, err := os.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, errNoFile)
	}
	if err != nil {
		return c, 0, false, err
	}
	f, err := os.Open(name)
	if err != nil {
		return c, 0, false, err
	}
	defer f.Close()
	c.File, c.At, c.Early = name, info.ModTime(), true
	in := bufio.NewReaderSize(f, maxLine)
	if line, found := cutLine(in, headMark); found {
		streak, err = strconv.Atoi(line)
		if err != nil || streak < 0 || streak > maxStreak {
			streak = 0
		}
	}
	if line, found := cutLine(in, readyMark); found {
		if ms, err := strconv.ParseInt(line, 10, 64); err == nil {
			c.Early = c.At.Sub(time.UnixMilli(ms)) < early
		}
	}
	c.Report, ok, err = Parse(in)
	return c, streak, ok, err
}

// The lines that this package writes before the runtime does.
const (
	headMark  = "ringside-crash 1 "
	readyMark = "ready "
	maxMark   = 64 // bytes of such a line
	maxStreak = 1 << 20
)

// cutLine takes the next line if it begins with a mark, and returns what follows the mark.
func cutLine(in *bufio.Reader, mark string) (rest string, found bool) {
	b, _ := in.Peek(maxMark)
	line, _, whole := strings.Cut(string(b), "\n")
	rest, found = strings.CutPrefix(line, mark)
	if !whole || !found {
		return "", false
	}
	_, _ = in.Discard(len(line) + 1)
	return rest, true
}
