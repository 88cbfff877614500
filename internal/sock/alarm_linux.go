package sock

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Alarm goes off unless it is set again before: what a loop sets that must not stand still, and what somebody else waits for. To
// set it costs a system call and wakes nobody, where a timer of the runtime would wake a thread each time its first term is over.
type Alarm struct {
	fd   int
	file *os.File // the same descriptor, in the runtime's poller
}

// NewAlarm returns one that is not set.
func NewAlarm() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create alarm: %w", err)
	}
	return &Alarm{fd: fd, file: os.NewFile(uintptr(fd), "alarm")}, nil
}

// Set makes the alarm go off after d, whatever it was set to before; 0 turns it off. It must not be called after Close.
func (a *Alarm) Set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 0)))}
	syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(a.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0) // cannot fail
}

// Wait waits until the alarm goes off; false means that it was closed.
func (a *Alarm) Wait() bool {
	var times [8]byte
	_, err := a.file.Read(times[:])
	return err == nil
}

// Close frees the alarm and ends Wait.
func (a *Alarm) Close() { _ = a.file.Close() }
