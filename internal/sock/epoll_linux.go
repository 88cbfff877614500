package sock

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What an Epoll watches a descriptor for. Errors and hang-ups are reported always.
const (
	In    uint32 = unix.EPOLLIN
	Out   uint32 = unix.EPOLLOUT
	RdHup uint32 = unix.EPOLLRDHUP
)

// An Event is one ready descriptor.
type Event struct{ raw unix.EpollEvent }

// Data is what Add or Mod was given for the descriptor.
func (e *Event) Data() uint64 { return uint64(uint32(e.raw.Fd)) | uint64(uint32(e.raw.Pad))<<32 }

// Readable reports whether Recv has something to say: bytes, an end or an error.
func (e *Event) Readable() bool {
	return e.raw.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
}

// Writable reports whether Send has something to say.
func (e *Event) Writable() bool { return e.raw.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 }

// An Epoll is a level-triggered set of descriptors: what is not read now is reported again. Add, Mod and Del may be called
// while another goroutine is in Wait; Close may not.
type Epoll struct{ fd int }

// NewEpoll returns an empty set.
func NewEpoll() (*Epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &Epoll{fd: fd}, nil
}

// Add watches fd for flags; data comes back with each of its events.
func (e *Epoll) Add(fd int, flags uint32, data uint64) error {
	return e.control(unix.EPOLL_CTL_ADD, fd, flags, data)
}

// Mod changes what a watched fd is watched for.
func (e *Epoll) Mod(fd int, flags uint32, data uint64) error {
	return e.control(unix.EPOLL_CTL_MOD, fd, flags, data)
}

// Del stops watching fd. Closing a descriptor that has no duplicate does the same.
func (e *Epoll) Del(fd int) error { return e.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (e *Epoll) control(op, fd int, flags uint32, data uint64) error {
	ev := unix.EpollEvent{Events: flags, Fd: int32(uint32(data)), Pad: int32(uint32(data >> 32))}
	_, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(e.fd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Wait fills events with ready descriptors and returns how many there are. A timeout of 0 looks and returns; a longer one
// (rounded up to milliseconds; negative: for ever) waits, and lets other goroutines have the processor. A signal ends the
// wait early with 0 events. events must not be empty.
func (e *Epoll) Wait(events []Event, timeout time.Duration) (int, error) {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	var n uintptr
	var errno syscall.Errno
	if ms == 0 {
		n, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(ms), 0, 0)
	}
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

// Close frees the set; the descriptors in it stay open.
func (e *Epoll) Close() error { return unix.Close(e.fd) }
