package sock

import (
	"time"

	"golang.org/x/sys/unix"
)

// RTT is the kernel's smoothed round-trip time to the peer of fd, 0 where fd is no TCP socket. It costs a system call.
func RTT(fd int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return time.Duration(info.Rtt) * time.Microsecond
}

// FileLimit is how many descriptors the process may hold open, 0 if the system does not say.
func FileLimit() uint64 {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0
	}
	return lim.Cur
}
