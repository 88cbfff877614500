package sock

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sleep sleeps for d with the kernel's precision (some 60 µs late, where a timer of the runtime is late by 700 µs at the
// median) and keeps the processor. A signal ends it early, and the runtime sends signals to preempt: callers look at their
// clock and sleep again. So that a stopping world never waits long for a sleeper, loops sleep 5 ms at most at a time.
func Sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	syscall.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

// CPUTime is the processor time, user and system, this process has used.
func CPUTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// RaiseFileLimit makes sure that the process may hold n descriptors open, or as many as it may and says why not n.
func RaiseFileLimit(n uint64) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return fmt.Errorf("read file limit: %w", err)
	}
	if lim.Cur >= n {
		return nil
	}
	want := unix.Rlimit{Cur: n, Max: max(lim.Max, n)} // a higher hard limit needs privilege
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		most := unix.Rlimit{Cur: lim.Max, Max: lim.Max}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &most) // the error above is the one that matters
		return fmt.Errorf("raise file limit from %d to %d (hard limit %d): %w", lim.Cur, n, lim.Max, err)
	}
	return nil
}
