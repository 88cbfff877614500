package raftstore

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// Leader returns the name of the node that leads as far as this one knows,
// empty when it knows of none.
func (s *Store) Leader() string {
	_, id := s.raft.LeaderWithID()
	return string(id)
}

// IsLeader says whether this node believes that it leads. It must not
// authorise a read: only Read does.
func (s *Store) IsLeader() bool { return s.raft.State() == raft.Leader }

// WaitLeader returns when some node leads. If that is this node, every entry
// that was committed before is applied by then: commands and reads work.
func (s *Store) WaitLeader(ctx context.Context) error {
	for {
		changed := s.leadership.changed()
		if err := s.checkOpen(ctx); err != nil {
			return fmt.Errorf("wait for leader: %w", err)
		}
		leader := s.Leader()
		if leader != "" && leader != s.node {
			return nil
		}
		if leader == s.node && s.Read(ctx) == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-s.machine.failed.ch:
		case <-s.stop:
		}
	}
}

// leadership tells waiters that the leader may have changed.
type leadership struct {
	// Immutable after watch.
	observer *raft.Observer
	events   chan raft.Observation
	done     chan struct{}

	// Guarded by mu.
	mu   sync.Mutex
	next chan struct{} // closed and replaced at each change
}

// watch starts the goroutine that turns raft's observations into wake-ups.
// Raft drops an observation when the channel is full: one wake-up is enough.
func (l *leadership) watch(r *raft.Raft) {
	l.next = make(chan struct{})
	l.done = make(chan struct{})
	l.events = make(chan raft.Observation, 1)
	l.observer = raft.NewObserver(l.events, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	r.RegisterObserver(l.observer)
	go func() {
		defer close(l.done)
		for range l.events {
			l.wake()
		}
	}()
}

// unwatch ends that goroutine; raft must have stopped.
func (l *leadership) unwatch(r *raft.Raft) {
	r.DeregisterObserver(l.observer)
	close(l.events)
	<-l.done
	l.wake()
}

func (l *leadership) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.next)
	l.next = make(chan struct{})
}

func (l *leadership) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}
