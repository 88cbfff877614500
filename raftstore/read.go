package raftstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// verification asks how far a reader has to wait. All that are waiting when
// the verifier looks share one answer.
type verification struct {
	done chan verdict // capacity 1
}

type verdict struct {
	index uint64 // last command acknowledged before the question
	err   error
}

// Read returns when the state machine has applied every command that was
// acknowledged before Read was called, by any node: what the caller sees in
// it afterwards is linearizable. It writes nothing to the log.
//
// Errors: ErrNotLeader, ErrClosed, ErrCorrupt, ctx's error. A Read may always
// be repeated.
func (s *Store) Read(ctx context.Context) error {
	if err := s.checkOpen(ctx); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	v := verification{done: make(chan verdict, 1)}
	select {
	case s.reads <- v:
	case <-ctx.Done():
		return fmt.Errorf("read: %w", ctx.Err())
	case <-s.stop:
		return fmt.Errorf("read: %w", ErrClosed)
	}
	select {
	case got := <-v.done:
		if got.err != nil {
			return fmt.Errorf("read: %w", got.err)
		}
		return s.waitApplied(ctx, got.index)
	case <-ctx.Done():
		return fmt.Errorf("read: %w", ctx.Err())
	case <-s.stop:
		return fmt.Errorf("read: %w", ErrClosed)
	}
}

// waitApplied waits until the command at index has been applied.
func (s *Store) waitApplied(ctx context.Context, index uint64) error {
	for {
		again := s.machine.progress.reached(index)
		if again == nil {
			return nil
		}
		select {
		case <-again:
		case <-ctx.Done():
			return fmt.Errorf("read: wait for entry %d: %w", index, ctx.Err())
		case <-s.machine.failed.ch:
			return fmt.Errorf("read: %w", s.machine.failed.get())
		case <-s.stop:
			return fmt.Errorf("read: %w", ErrClosed)
		}
	}
}

// verify is the verifier: it owns the receiving end of reads, and all waits
// for raft's futures, which cannot be given up one by one.
func (s *Store) verify() {
	defer close(s.verified)
	var readable uint64 // the term in which everything older is applied here
	var waiting []verification
	for {
		select {
		case v := <-s.reads:
			waiting = append(waiting[:0], v)
		case <-s.stop:
			return
		}
		for n := len(s.reads); n > 0; n-- {
			waiting = append(waiting, <-s.reads)
		}
		var got verdict
		got.index, got.err = s.readIndex(&readable)
		for _, v := range waiting {
			v.done <- got
		}
	}
}

// readIndex returns the index that a read which began before it has to wait
// for.
func (s *Store) readIndex(readable *uint64) (uint64, error) {
	// A new leader does not know what its predecessor committed until an entry
	// of its own term is committed: once a term, wait for one.
	term := s.raft.CurrentTerm()
	if *readable != term {
		if err := s.raft.Barrier(0).Error(); err != nil {
			return 0, fmt.Errorf("wait for earlier entries: %w", readError(err))
		}
		if err := s.machine.failed.get(); err != nil {
			return 0, err
		}
		*readable = term
	}
	// The order matters: first the commit index, then proof that we still led
	// in this term when we took it. Everything acknowledged before the read is
	// at or below that index.
	commit := s.raft.CommitIndex()
	if err := s.raft.VerifyLeader().Error(); err != nil {
		return 0, fmt.Errorf("verify leader: %w", readError(err))
	}
	if s.raft.CurrentTerm() != term {
		return 0, ErrNotLeader
	}
	// The commit index itself may be an entry of raft's own, which the state
	// machine never sees; commands of earlier terms are behind the barrier.
	return min(commit, s.disk.log.lastCommand(term)), nil
}

func readError(err error) error {
	if errors.Is(err, raft.ErrRaftShutdown) {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrNotLeader, err)
}
