package sock

import "golang.org/x/sys/unix"

// ShutWrite ends the stream to the peer behind what has been sent; what the peer still sends can be received.
func ShutWrite(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }
