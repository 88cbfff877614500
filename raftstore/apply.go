package raftstore

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// A command's way to the log (group commit):
//
//  1. Apply puts a proposal into the queue and waits.
//  2. The committer takes everything that waits, up to the bounds of one
//     entry, and hands the entry to raft. It does so only while fewer than
//     maxEntriesInFlight are on their way, so that entries grow exactly when
//     the disk is the bottleneck: one caller pays one fsync, 512 callers pay
//     one fsync together.
//  3. The answerer waits for the entry and gives every proposal its result.
//
// A proposal is either taken by the committer or withdrawn by its caller,
// never both: one compare-and-swap on its state decides. That is why a caller
// that gives up knows whether its command can still happen.

type proposal struct {
	cmd   []byte
	state atomic.Uint32
	done  chan answer // capacity 1: the answerer never waits for a caller
}

type answer struct {
	result any
	err    error
}

const (
	proposalQueued uint32 = iota
	proposalTaken
	proposalWithdrawn
)

// Apply proposes cmd and returns what the state machine answered once it is
// committed and applied. cmd holds 1 to MaxCommandBytes bytes and must not be
// changed after the call, even when it returned early.
//
// While cmd waits in the queue the end of ctx withdraws it and Apply returns
// ctx's error; after that Apply returns ErrUnknown wrapped with it. Other
// errors: ErrNotLeader, ErrClosed, ErrTooLarge, ErrCorrupt.
func (s *Store) Apply(ctx context.Context, cmd []byte) (any, error) {
	if len(cmd) == 0 || len(cmd) > MaxCommandBytes {
		return nil, fmt.Errorf("apply: %w: %d bytes", ErrTooLarge, len(cmd))
	}
	if err := s.checkOpen(ctx); err != nil {
		return nil, fmt.Errorf("apply: %w", err)
	}
	p := &proposal{cmd: cmd, done: make(chan answer, 1)}
	select {
	case s.queue <- p:
	case <-ctx.Done():
		return nil, fmt.Errorf("apply: %w", ctx.Err())
	case <-s.stop:
		return nil, fmt.Errorf("apply: %w", ErrClosed)
	}
	result, err := s.await(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("apply: %w", err)
	}
	return result, nil
}

// await waits for the answer to a proposal that is in the queue.
func (s *Store) await(ctx context.Context, p *proposal) (any, error) {
	var gaveUp error
	select {
	case a := <-p.done:
		return a.result, a.err
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-s.drained:
		gaveUp = ErrClosed
	}
	if p.state.CompareAndSwap(proposalQueued, proposalWithdrawn) {
		return nil, gaveUp
	}
	// Taken: the answer may have come at the same moment.
	select {
	case a := <-p.done:
		return a.result, a.err
	default:
		return nil, fmt.Errorf("%w: %w", ErrUnknown, gaveUp)
	}
}

// flight is an entry that raft has and the proposals it answers.
type flight struct {
	future    raft.ApplyFuture
	proposals []*proposal
}

// commit is the committer: it owns the receiving end of the queue. It ends
// when the store stops and closes drained when every answer is out.
func (s *Store) commit() {
	defer close(s.drained)
	// The flight the answerer waits for and one in the channel make
	// maxEntriesInFlight; the committer blocks on the send of the next.
	slots := make(chan struct{}, maxEntriesInFlight)
	flights := make(chan flight, maxEntriesInFlight)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for f := range flights {
			f.answer()
			<-slots
		}
	}()
	defer func() {
		close(flights)
		<-answered
	}()
	s.propose(slots, flights)
}

// propose makes entries of the queue until the store stops.
func (s *Store) propose(slots chan<- struct{}, flights chan<- flight) {
	var b batch
	for {
		select {
		case slots <- struct{}{}:
		case <-s.stop:
			return
		}
		if !b.fill(s.queue, s.stop) {
			return
		}
		// Apply only waits for raft to take the entry; raft's shutdown ends
		// that wait too.
		future := s.raft.Apply(appendEntry(nil, b.cmds), 0)
		flights <- flight{future, b.take()}
	}
}

func (f flight) answer() {
	var out outcome
	err := proposalError(f.future.Error())
	if err == nil {
		out, _ = f.future.Response().(outcome)
		err = out.err
	}
	for i, p := range f.proposals {
		if err != nil {
			p.done <- answer{err: err}
			continue
		}
		p.done <- answer{result: out.results[i]}
	}
}

// batch collects the proposals of one entry.
type batch struct {
	proposals []*proposal
	cmds      [][]byte
	bytes     int
	next      *proposal // taken from the queue, did not fit any more
}

// fill waits for a first proposal and then adds what waits already. It
// returns false when stop was closed.
func (b *batch) fill(queue <-chan *proposal, stop <-chan struct{}) bool {
	b.cmds, b.bytes = b.cmds[:0], 0
	if b.next != nil {
		p := b.next
		b.next = nil
		b.add(p)
	}
	for len(b.proposals) == 0 {
		select {
		case p := <-queue:
			b.add(p)
		case <-stop:
			return false
		}
	}
	for len(b.proposals) < maxEntryCommands {
		select {
		case p := <-queue:
			if b.bytes+commandSize(p.cmd) > MaxCommandBytes {
				b.next = p
				return true
			}
			b.add(p)
		default:
			return true
		}
	}
	return true
}

// add takes p unless its caller has withdrawn it.
func (b *batch) add(p *proposal) {
	if !p.state.CompareAndSwap(proposalQueued, proposalTaken) {
		return
	}
	b.proposals = append(b.proposals, p)
	b.cmds = append(b.cmds, p.cmd)
	b.bytes += commandSize(p.cmd)
}

func (b *batch) take() []*proposal {
	taken := b.proposals
	b.proposals = nil
	clear(b.cmds)
	return taken
}
