//go:build linux

package machine_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limitFiles sets the process's limit of open files.
func (n *server) limitFiles(most int) {
	n.t.Helper()
	lim := unix.Rlimit{Cur: uint64(most), Max: 20_000}
	if err := unix.Prlimit(n.cmd.Process.Pid, unix.RLIMIT_NOFILE, &lim, nil); err != nil {
		n.t.Skipf("another process's limits cannot be set here: %v", err)
	}
}

// cpu is the time that the process has used.
func (n *server) cpu() time.Duration {
	n.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(n.cmd.Process.Pid) + "/stat")
	if err != nil {
		n.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // a hundred ticks a second
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
