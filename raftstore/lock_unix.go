//go:build unix

package raftstore

import (
	"errors"
	"os"
	"syscall"
)

// lockFile opens path and holds it until it is closed or the process ends. addr is written into it for who comes second; the
// error is then a *LockedError.
func lockFile(path, addr string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, holder(f)
		}
		return nil, err
	}
	sign(f, addr)
	return f, nil
}
