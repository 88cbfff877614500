//go:build !unix

package raftstore

import "os"

// lockFile opens path. Without flock two processes are not kept apart here.
func lockFile(path, addr string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err == nil {
		sign(f, addr)
	}
	return f, err
}
