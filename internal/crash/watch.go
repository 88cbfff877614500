package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// StackLimit is how large a goroutine's stack may become, in bytes. Go allows 1 GB, which an unbounded recursion fills first: many
// seconds in which no room ticks, and on a machine of that size the end by the kernel, which names nobody. 64 MiB is half a
// million calls of 128 bytes: a flood fill of a map of 700 by 700 fields, one call for each, is within it.
const StackLimit = 64 << 20

// A Watch is the file that gets what the runtime says when this process crashes.
type Watch struct {
	name string
	file *os.File
}

// Begin makes the file and points the runtime at it, has traces carry labels (GODEBUG tracebacklabels) and bounds stacks by
// StackLimit. All of that is the process's: it is for its main function, once. streak is History's.
func Begin(dir string, streak int) (*Watch, error) {
	w, err := create(dir, streak)
	if err != nil {
		return nil, fmt.Errorf("keep what a crash says: %w", err)
	}
	err = debug.SetCrashOutput(w.file, debug.CrashOptions{})
	if err == nil {
		err = os.Setenv("GODEBUG", withLabels(os.Getenv("GODEBUG")))
	}
	if err != nil {
		return nil, fmt.Errorf("keep what a crash says: %w", errors.Join(err, w.Close()))
	}
	debug.SetTraceback("single") // GOTRACEBACK=none would name nobody; a level above stays
	debug.SetMaxStack(StackLimit)
	return w, nil
}

func create(dir string, streak int) (*Watch, error) {
	name := filepath.Join(dir, current)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	w := &Watch{name: name, file: f}
	if _, err := fmt.Fprintf(f, "%s%d\n", headMark, streak); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// Ready says that the start is over: a crash within a minute is early.
func (w *Watch) Ready() error {
	_, err := fmt.Fprintf(w.file, "%s%d\n", readyMark, time.Now().UnixMilli())
	return err
}

// Close ends the watch: the process ends in order, and the file goes.
func (w *Watch) Close() error {
	return errors.Join(debug.SetCrashOutput(nil, debug.CrashOptions{}), w.file.Close(), os.Remove(w.name))
}

// withLabels adds tracebacklabels to a value of GODEBUG that does not speak of it.
func withLabels(value string) string {
	const name = "tracebacklabels="
	for setting := range strings.SplitSeq(value, ",") {
		if strings.HasPrefix(strings.TrimSpace(setting), name) {
			return value
		}
	}
	if value != "" {
		value += ","
	}
	return value + name + "1"
}
