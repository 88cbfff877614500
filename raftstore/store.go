package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// closeGrace is how long Close waits for entries in flight before it gives
// them up as unknown.
const closeGrace = 2 * time.Second

// Store is an open log with its state machine. Its methods may be called from
// any goroutine.
type Store struct {
	// Immutable after Open.
	node      string
	log       zerolog.Logger
	raft      *raft.Raft
	disk      *disk
	machine   *machine
	transport transport
	queue     chan *proposal // capacity queueLen; a full queue makes Apply wait

	// reads has the capacity queueLen as well; a full one makes Read wait.
	reads chan verification

	// Closed in this order when the store closes.
	stop      chan struct{} // by Close: nothing is accepted any more
	drained   chan struct{} // by the committer: no proposal will be answered
	verified  chan struct{} // by the verifier: no read will be answered
	closeOnce sync.Once
	closeErr  error

	// Guarded by leadership.mu.
	leadership leadership
}

// Stats is what a Store counts from when it was opened.
type Stats struct {
	Commands uint64 // applied, including those replayed at start
	Entries  uint64 // written to the log, raft's own included
	Syncs    uint64 // fsyncs of the log
	Applied  uint64 // log index of the last entry applied since Open
	Queued   int    // commands that wait for an entry
	Leader   bool
}

// Open opens the log in cfg.Dir, creating it if there is none, brings sm to
// the state of the newest snapshot, and returns. Entries after the snapshot
// are applied in the background: WaitLeader returns when they have been.
//
// The errors name what could not be done: create or lock the directory, open
// the log or the snapshots, restore a snapshot, a directory of another node.
func Open(cfg Config, sm StateMachine) (*Store, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d, err := openDisk(&cfg)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := d.restore(sm); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), d.close())
	}
	s := &Store{
		node:      cfg.Node,
		log:       cfg.Logger,
		disk:      d,
		machine:   &machine{sm: sm, failed: newFailure()},
		transport: cfg.transport,
		queue:     make(chan *proposal, queueLen),
		reads:     make(chan verification, queueLen),
		stop:      make(chan struct{}),
		drained:   make(chan struct{}),
		verified:  make(chan struct{}),
	}
	if err := s.startRaft(&cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), d.close())
	}
	go s.commit()
	go s.verify()
	return s, nil
}

// startRaft bootstraps a new directory, starts raft, and calls the first
// election of a voter that is alone.
func (s *Store) startRaft(cfg *Config) error {
	solo := s.transport == nil
	if solo {
		s.transport = soloTransport(s.node)
	}
	s.transport = guarded{s.transport}
	rc := cfg.raftConfig()
	if err := bootstrap(rc, s.disk, s.transport); err != nil {
		return err
	}
	var err error
	if s.raft, err = raft.NewRaft(rc, s.machine, s.disk.log, s.disk.log, s.disk.snapshots, s.transport); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	if err := s.checkMember(); err != nil {
		return errors.Join(err, s.raft.Shutdown().Error())
	}
	s.leadership.watch(s.raft)
	if solo {
		if err := electSolo(s.transport, s.node); err != nil {
			// Not fatal: the heartbeat timeout starts the election as well.
			s.log.Warn().Err(err).Msg("first election not started")
		}
	}
	return nil
}

// bootstrap writes the first configuration, this node alone, if the
// directory has no state.
func bootstrap(rc *raft.Config, d *disk, t raft.Transport) error {
	has, err := raft.HasExistingState(d.log, d.log, d.snapshots)
	if err != nil {
		return fmt.Errorf("look for state: %w", err)
	}
	if has {
		return nil
	}
	first := raft.Configuration{Servers: []raft.Server{{ID: rc.LocalID, Address: t.LocalAddr()}}}
	if err := raft.BootstrapCluster(rc, d.log, d.log, d.snapshots, t, first); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// checkMember refuses a directory that belongs to another node: raft would
// wait in it for ever without a vote.
func (s *Store) checkMember() error {
	f := s.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return fmt.Errorf("read membership: %w", err)
	}
	servers := f.Configuration().Servers
	for _, srv := range servers {
		if srv.ID == raft.ServerID(s.node) {
			return nil
		}
	}
	return fmt.Errorf("read membership: the directory belongs to %v, not to node %q", servers, s.node)
}

// Snapshot writes a snapshot now and shortens the log. It returns nil when
// there is nothing new to write.
func (s *Store) Snapshot() error {
	if err := s.machine.failed.get(); err != nil {
		return fmt.Errorf("snapshot: %w", err) // raft does not wrap what the machine says
	}
	err := s.raft.Snapshot().Error()
	switch {
	case err == nil, errors.Is(err, raft.ErrNothingNewToSnapshot):
		return nil
	case errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("snapshot: %w", ErrClosed)
	default:
		return fmt.Errorf("snapshot: %w", err)
	}
}

// Stats returns the counters. It takes no lock that raft holds.
func (s *Store) Stats() Stats {
	return Stats{
		Commands: s.machine.applied.Load(),
		Entries:  s.disk.log.entries.Load(),
		Syncs:    s.disk.log.syncs.Load(),
		Applied:  s.machine.progress.get(),
		Queued:   len(s.queue),
		Leader:   s.IsLeader(),
	}
}

// Failed is closed when the store can no longer apply its log (ErrCorrupt).
// The process should end: nothing but an operator can help.
func (s *Store) Failed() <-chan struct{} { return s.machine.failed.ch }

// Close refuses new commands, answers those that are in flight, and closes
// the directory. Commands that wait in the queue get ErrClosed. Calls after
// the first return what the first returned.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.shutdown() })
	return s.closeErr
}

func (s *Store) shutdown() error {
	close(s.stop)
	// Both loops wait for raft's futures, so raft must still run while they
	// end. If the disk hangs they do not, and raft's own stop ends them.
	ended(s.drained, closeGrace)
	ended(s.verified, closeGrace)
	var errs []error
	if err := s.raft.Shutdown().Error(); err != nil {
		errs = append(errs, fmt.Errorf("stop raft: %w", err))
	}
	<-s.drained
	// Raft may forget a verification that it had not begun.
	if !ended(s.verified, closeGrace) {
		errs = append(errs, errors.New("a read is still waiting for raft"))
	}
	s.leadership.unwatch(s.raft)
	errs = append(errs, s.disk.close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// ended waits for done, at most for d, and says whether it came.
func ended(done <-chan struct{}, d time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

// checkOpen returns why no call can succeed any more.
func (s *Store) checkOpen(ctx context.Context) error {
	select {
	case <-s.stop:
		return ErrClosed
	default:
	}
	if err := s.machine.failed.get(); err != nil {
		return err
	}
	return ctx.Err()
}
