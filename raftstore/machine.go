package raftstore

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// StateMachine is what the log drives.
//
// Apply, Snapshot and Restore are called by one goroutine at a time, in log
// order. The same commands in the same order must give the same results and
// the same state on every node: no clock, no randomness, no map order.
type StateMachine interface {
	// Apply applies one committed command and returns the result that the
	// caller of Store.Apply gets. index is that of the log entry: it never
	// falls, and commands that shared an entry share it. cmd is valid only
	// during the call. A panic here stops the process.
	Apply(index uint64, cmd []byte) any

	// Snapshot captures the state as it is now, cheaply: no command is applied
	// until it returns. The function it returns writes that state and runs
	// beside later applies.
	Snapshot() (func(io.Writer) error, error)

	// Restore replaces the state by one that a snapshot wrote.
	Restore(io.Reader) error
}

// machine is the raft.FSM over a StateMachine: it takes entries apart, and
// remembers how far the state machine is.
type machine struct {
	// Immutable after Open.
	sm StateMachine

	// Owned by raft's FSM goroutine.
	cmds [][]byte

	applied  atomic.Uint64 // commands, for Stats
	progress watermark     // index of the last entry applied
	failed   failure       // set once, when an entry cannot be parsed
}

var _ raft.FSM = (*machine)(nil)

// outcome is what raft's future carries back: one result a command, or why
// there is none.
type outcome struct {
	results []any
	err     error
}

// Apply implements raft.FSM.
func (m *machine) Apply(l *raft.Log) any {
	// An entry we cannot read leaves a hole that every later entry might
	// depend on: stop, do not guess.
	if err := m.failed.get(); err != nil {
		return outcome{err: err}
	}
	cmds, err := parseEntry(m.cmds[:0], l.Data)
	m.cmds = cmds[:0]
	if err != nil {
		err = fmt.Errorf("apply entry %d: %w", l.Index, err)
		m.failed.set(err)
		return outcome{err: err}
	}
	results := make([]any, len(cmds))
	for i, cmd := range cmds {
		results[i] = m.sm.Apply(l.Index, cmd)
	}
	m.applied.Add(uint64(len(cmds)))
	clear(cmds)
	m.progress.raise(l.Index)
	return outcome{results: results}
}

// Snapshot implements raft.FSM.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if err := m.failed.get(); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	write, err := m.sm.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	return snapshotWriter(write), nil
}

// Restore implements raft.FSM. Raft calls it when a leader sends a snapshot.
func (m *machine) Restore(r io.ReadCloser) error {
	defer r.Close()
	if err := m.sm.Restore(r); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	return nil
}

// snapshotWriter is a captured state that waits to be written.
type snapshotWriter func(io.Writer) error

// Persist implements raft.FSMSnapshot.
func (w snapshotWriter) Persist(sink raft.SnapshotSink) error {
	if err := w(sink); err != nil {
		_ = sink.Cancel()
		return fmt.Errorf("write snapshot: %w", err)
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (snapshotWriter) Release() {}

// failure is an error that is set once and then stays.
type failure struct {
	once sync.Once
	err  error
	ch   chan struct{}
}

func newFailure() failure { return failure{ch: make(chan struct{})} }

func (f *failure) set(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.ch)
	})
}

func (f *failure) get() error {
	select {
	case <-f.ch:
		return f.err
	default:
		return nil
	}
}
