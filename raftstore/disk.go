package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// disk is what a store has open in its directory:
//
//	Dir/raft/lock         held while the store is open
//	Dir/raft/wal/         the log, and raft's term and vote
//	Dir/raft/snapshots/
type disk struct {
	lock      *os.File
	log       *countingLog
	snapshots *raft.FileSnapshotStore
}

func openDisk(cfg *Config) (*disk, error) {
	base := filepath.Join(cfg.Dir, "raft")
	walDir := filepath.Join(base, "wal")
	if err := os.MkdirAll(walDir, 0o700); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	// raft-wal would wait for ever for a directory that somebody else has.
	lock, err := lockFile(filepath.Join(base, "lock"), cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", base, err)
	}
	log, err := wal.Open(walDir, wal.WithSegmentSize(walSegmentBytes), wal.WithLogger(newRaftLogger(cfg.Logger)))
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("open log in %q: %w", walDir, err)
	}
	d := &disk{lock: lock, log: &countingLog{WAL: log}}
	d.snapshots, err = raft.NewFileSnapshotStoreWithLogger(base, snapshotsKept, newRaftLogger(cfg.Logger))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open snapshots in %q: %w", base, err), d.close())
	}
	return d, nil
}

// restore loads the newest snapshot into sm, if there is one, and checks that
// the log goes on where it ends.
func (d *disk) restore(sm StateMachine) error {
	metas, err := d.snapshots.List()
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	first, err := d.log.FirstIndex()
	if err != nil {
		return fmt.Errorf("read first log index: %w", err)
	}
	if len(metas) == 0 {
		if first > 1 {
			return fmt.Errorf("restore: the log starts at entry %d and there is no snapshot: %w", first, ErrCorrupt)
		}
		return nil
	}
	newest := metas[0]
	if first > newest.Index+1 {
		return fmt.Errorf("restore: the log starts at entry %d and the newest snapshot ends at %d: %w", first, newest.Index, ErrCorrupt)
	}
	_, r, err := d.snapshots.Open(newest.ID)
	if err != nil {
		return fmt.Errorf("open snapshot %q: %w", newest.ID, err)
	}
	defer r.Close()
	if err := sm.Restore(r); err != nil {
		return fmt.Errorf("restore snapshot %q: %w", newest.ID, err)
	}
	return nil
}

func (d *disk) close() error {
	var errs []error
	if err := d.log.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close log: %w", err))
	}
	if err := d.lock.Close(); err != nil {
		errs = append(errs, fmt.Errorf("unlock: %w", err))
	}
	return errors.Join(errs...)
}

// countingLog counts what reaches the disk, and remembers the last command
// of the current term, which is as far as a read has to wait.
type countingLog struct {
	*wal.WAL

	entries atomic.Uint64
	syncs   atomic.Uint64

	// Guarded by mu.
	mu          sync.Mutex
	commandTerm uint64
	command     uint64
}

var (
	_ raft.LogStore          = (*countingLog)(nil)
	_ raft.MonotonicLogStore = (*countingLog)(nil)
)

// StoreLog implements raft.LogStore.
func (c *countingLog) StoreLog(l *raft.Log) error { return c.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore: one fsync, however many entries.
func (c *countingLog) StoreLogs(logs []*raft.Log) error {
	if err := c.WAL.StoreLogs(logs); err != nil {
		return err
	}
	c.syncs.Add(1)
	c.entries.Add(uint64(len(logs)))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			c.commandTerm, c.command = l.Term, l.Index
		}
	}
	return nil
}

// lastCommand returns the index of the last command stored in term, 0 if
// there is none.
func (c *countingLog) lastCommand(term uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.commandTerm != term {
		return 0
	}
	return c.command
}
