package stream

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// canPark is whether this system has what parked connections need.
const canPark = true

// sendBuffer bounds what the kernel keeps for a stream whose client does not read (it doubles it); by default that may grow to
// 4 MiB. A long poll has one answer, which is bounded by itself and should go out in one piece.
const sendBuffer = 32 << 10

// descriptor is that of a plain socket. Whatever wraps one, TLS above all, has a Write of its own that must not be gone round.
// The number is good until conn is closed.
func descriptor(conn net.Conn) (fd int, ok bool) {
	var raw syscall.RawConn
	var err error
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return -1, false
	}
	if err != nil {
		return -1, false
	}
	err = raw.Control(func(s uintptr) { fd = int(s) })
	return fd, err == nil
}

// tune bounds what a client costs the kernel, and for how long one that has vanished without a word is waited for. What the
// system refuses it does without: a Unix socket has no such timeout.
func tune(fd int, stream bool, userTimeout time.Duration) {
	if stream {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond))
}

// sendNow writes as much of b as fits and returns how much that was, which may be nothing. It never waits.
func sendNow(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case !errors.Is(err, unix.EINTR):
			return 0, err
		}
	}
}

// discard throws away what has arrived, within reason: closing a socket with unread bytes resets it, and the client may never
// read the end of its answer.
func discard(fd int, scratch []byte) {
	for range 16 {
		if n, err := unix.Read(fd, scratch); n <= 0 || err != nil {
			return
		}
	}
}

// A sweep looks after many sockets at once for the ends of their clients. The socket added as i-th has place i.
type sweep struct{ fds []unix.PollFd }

func (s *sweep) add(fd int) {
	s.fds = append(s.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLRDHUP})
}

// remove takes the i-th out; the last one has its place from then on.
func (s *sweep) remove(i int) {
	last := len(s.fds) - 1
	s.fds[i] = s.fds[last]
	s.fds = s.fds[:last]
}

// pollBatch is how many sockets one system call looks at: some 100 µs of kernel time, and below every limit of descriptors.
const pollBatch = 512

// gone calls visit with the place of each socket whose client has ended or reset it, from the last to the first, so that
// visit may remove it.
func (s *sweep) gone(visit func(i int)) {
	for end := len(s.fds); end > 0; {
		begin := max(end-pollBatch, 0)
		n, err := unix.Poll(s.fds[begin:end], 0)
		if err != nil {
			n = 0 // EINTR: the next sweep looks again
		}
		for i := end - 1; i >= begin && n > 0; i-- {
			if s.fds[i].Revents != 0 {
				n--
				visit(i)
			}
		}
		end = begin
	}
}

// readable waits until the peer has sent something, which stays there, or has gone (false). The connection's read deadline ends
// it, too.
func readable(conn net.Conn) (ok bool) {
	c, plain := conn.(syscall.Conn)
	if !plain {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var one [1]byte
	err = raw.Read(func(s uintptr) bool {
		n, _, err := unix.Recvfrom(int(s), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		ok = err == nil && n > 0
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return ok && err == nil
}
