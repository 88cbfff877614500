package raftstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ledger is a StateMachine that answers every command with its number and
// keeps a hash over all of them in order.
type ledger struct {
	mu    sync.Mutex
	count uint64
	sum   uint64
	hold  chan struct{} // if set, Apply waits for it
}

type receipt struct {
	number uint64
	cmd    string
}

func (l *ledger) Apply(_ uint64, cmd []byte) any {
	if l.hold != nil {
		<-l.hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, l.sum)
	h.Write(cmd)
	l.sum = h.Sum64()
	return receipt{l.count, string(cmd)}
}

func (l *ledger) Snapshot() (func(io.Writer) error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := [2]uint64{l.count, l.sum}
	return func(w io.Writer) error { return binary.Write(w, binary.BigEndian, state) }, nil
}

func (l *ledger) Restore(r io.Reader) error {
	var state [2]uint64
	if err := binary.Read(r, binary.BigEndian, &state); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count, l.sum = state[0], state[1]
	return nil
}

func (l *ledger) state() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d/%x", l.count, l.sum)
}

// testContext ends long before the test binary's own timeout.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// openLeader opens a store and waits until it serves.
func openLeader(t testing.TB, cfg Config, sm StateMachine) *Store {
	t.Helper()
	s, err := Open(cfg, sm)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := s.WaitLeader(testContext(t)); err != nil {
		t.Fatalf("wait for leader: %v", err)
	}
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func apply(t testing.TB, s *Store, cmd string) receipt {
	t.Helper()
	got, err := s.Apply(testContext(t), []byte(cmd))
	if err != nil {
		t.Fatalf("apply %q: %v", cmd, err)
	}
	return got.(receipt)
}
