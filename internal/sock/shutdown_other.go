//go:build !linux

package sock

// ShutWrite answers ErrUnsupported.
func ShutWrite(fd int) error { return ErrUnsupported }
