package sock

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported reports whether this system has what the package is for.
const Supported = true

// Recv reads what has arrived on fd into buf, which must not be empty. It answers ErrWouldBlock when there is nothing,
// io.EOF when the peer has closed its side, or the system's error. It never blocks.
func Recv(fd int, buf []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))),
		uintptr(len(buf)), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno != 0:
		return 0, errnoErr(errno)
	case n == 0:
		return 0, io.EOF
	}
	return int(n), nil
}

// Send writes as much of b as fits into fd's send buffer and returns how much that was: less than len(b) is not an error,
// none at all is ErrWouldBlock. It never blocks and raises no SIGPIPE.
func Send(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errnoErr(errno)
	}
	return int(n), nil
}

// errnoErr boxes without allocating: the runtime keeps small integers ready.
func errnoErr(errno syscall.Errno) error {
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return ErrWouldBlock
	}
	return errno
}

// Unacked is the number of bytes sent on fd that the peer's kernel has not acknowledged (SIOCOUTQ), unsent ones included.
func Unacked(fd int) (int, error) {
	var n int32
	_, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Close closes fd.
func Close(fd int) error { return unix.Close(fd) }

// Set applies the options that are not zero.
func (o Options) Set(fd int) error {
	noDelay := 0
	if o.NoDelay {
		noDelay = 1
	}
	for _, opt := range [...]struct {
		what              string
		level, opt, value int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, noDelay},
		{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer},
		{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, o.NotSentLowat},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.UserTimeout / time.Millisecond)},
	} {
		if opt.value == 0 {
			continue
		}
		if err := unix.SetsockoptInt(fd, opt.level, opt.opt, opt.value); err != nil {
			return fmt.Errorf("set %s: %w", opt.what, err)
		}
	}
	return nil
}

// DupOut takes a connection out of the runtime's poller: it returns a duplicate of conn's descriptor, non-blocking and
// closed on exec, and closes conn, whether it succeeds or not. Bytes that a buffered reader above conn holds are the
// caller's to keep. A connection without a descriptor of its own answers ErrConn.
//
// A socket that stays registered there as well wakes the runtime for each packet, which costs a loop of ours half as much
// again.
func DupOut(conn net.Conn) (int, error) {
	defer conn.Close()
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%w: %T", ErrConn, conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take over socket: %w", err)
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(s uintptr) { fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, fmt.Errorf("take over socket: %w", err)
	}
	if dupErr != nil {
		return -1, fmt.Errorf("duplicate socket: %w", dupErr)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("make socket non-blocking: %w", err)
	}
	return fd, nil
}
