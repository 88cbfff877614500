//go:build !unix

package raftstore

import "os"

// lockFile opens path. Without flock two processes are not kept apart here.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
}
