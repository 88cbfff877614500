package raftstore

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// What a caller may test for with errors.Is. Only ErrUnknown leaves open
// whether the command was applied.
var (
	// ErrUnknown means the command was proposed and its outcome is not known:
	// it may be applied already, later, or never. Retry with the same
	// idempotency key.
	ErrUnknown = errors.New("outcome unknown")

	// ErrNotLeader means nothing was proposed: this node does not lead, or is
	// handing leadership over. Ask the leader.
	ErrNotLeader = errors.New("not the leader")

	// ErrClosed means nothing was proposed: the store is closed or closing.
	ErrClosed = errors.New("store closed")

	// ErrTooLarge means nothing was proposed: the command is empty or longer
	// than MaxCommandBytes.
	ErrTooLarge = errors.New("command size out of bounds")

	// ErrCorrupt means a committed log entry cannot be decoded. The store
	// applies nothing after it and answers every call with this error; the
	// data directory needs an operator.
	ErrCorrupt = errors.New("log entry corrupt")

	// ErrLocked means another process has the directory open.
	ErrLocked = errors.New("directory in use by another process")
)

// proposalError says in our words how a proposed entry ended.
func proposalError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	default:
		// ErrLeadershipLost, ErrRaftShutdown, ErrAbortedByRestore and a failed
		// write to the log: the entry may still be found on disk and commit.
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
}
