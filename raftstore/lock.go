package raftstore

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// A LockedError is ErrLocked with what the process that has the directory wrote about itself. Fields are zero where it did not.
type LockedError struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
	Addr  string    `json:"listen,omitempty"` // its Config.Addr
}

// Error implements error.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return ErrLocked.Error()
	}
	text := fmt.Sprintf("directory in use by pid %d (", e.PID)
	if e.Addr != "" {
		text += "listening on " + e.Addr + ", "
	}
	return text + "since " + e.Since.UTC().Format(time.RFC3339) + ")"
}

// Unwrap makes the error an ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

// maxLockText bounds what is read of another process's lock file.
const maxLockText = 4096

// sign writes into a lock file who holds it: for people, nothing depends on it.
func sign(f *os.File, addr string) {
	text, err := json.Marshal(LockedError{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second), Addr: addr})
	if err == nil && f.Truncate(0) == nil {
		_, _ = f.WriteAt(append(text, '\n'), 0)
	}
}

// holder reads who holds a lock file.
func holder(f *os.File) error {
	held := new(LockedError)
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxLockText))
	if err != nil || json.Unmarshal(text, held) != nil {
		return &LockedError{}
	}
	return held
}
