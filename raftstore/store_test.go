package raftstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRestartKeepsState(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), TrailingLogs: 4}
	var want string
	for round := range 4 {
		sm := &ledger{}
		s := openLeader(t, cfg, sm)
		if round > 0 && sm.state() != want {
			t.Fatalf("round %d: state %s after restart, want %s", round, sm.state(), want)
		}
		for i := range 50 {
			apply(t, s, fmt.Sprintf("%d-%d", round, i))
		}
		if round%2 == 1 {
			if err := s.Snapshot(); err != nil {
				t.Fatalf("round %d: snapshot: %v", round, err)
			}
			apply(t, s, "after snapshot")
		}
		want = sm.state()
		closeStore(t, s)
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	s := openLeader(t, Config{Dir: t.TempDir()}, &ledger{})
	defer closeStore(t, s)
	for range 2 {
		if err := s.Snapshot(); err != nil {
			t.Fatalf("snapshot: %v", err)
		}
	}
}

func TestSoloStartIsFast(t *testing.T) {
	begin := time.Now()
	s := openLeader(t, Config{Dir: t.TempDir()}, &ledger{})
	defer closeStore(t, s)
	took := time.Since(begin)
	t.Logf("open to leader: %v", took)
	// The election must not wait for a timeout: that alone takes 200 to 400 ms.
	if took > 150*time.Millisecond && s.raft.CurrentTerm() != 2 {
		t.Errorf("open to leader took %v in term %d", took, s.raft.CurrentTerm())
	}
	if s.Leader() != "node" || !s.IsLeader() {
		t.Errorf("leader %q, IsLeader %v", s.Leader(), s.IsLeader())
	}
}

func TestConcurrentApplyMatchesResults(t *testing.T) {
	sm := &ledger{}
	s := openLeader(t, Config{Dir: t.TempDir()}, sm)
	defer closeStore(t, s)
	const callers, each = 64, 50
	numbers := make([][]uint64, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				cmd := fmt.Sprintf("%d-%d", c, i)
				got, err := s.Apply(testContext(t), []byte(cmd))
				if err != nil {
					t.Errorf("apply %q: %v", cmd, err)
					return
				}
				if got.(receipt).cmd != cmd {
					t.Errorf("apply %q got the result of %q", cmd, got.(receipt).cmd)
				}
				numbers[c] = append(numbers[c], got.(receipt).number)
			}
		})
	}
	wg.Wait()
	seen := map[uint64]bool{}
	for c, ns := range numbers {
		for i, n := range ns {
			if seen[n] {
				t.Fatalf("number %d was given twice", n)
			}
			seen[n] = true
			if i > 0 && n <= ns[i-1] {
				t.Fatalf("caller %d: %d after %d", c, n, ns[i-1])
			}
		}
	}
	st := s.Stats()
	if st.Commands != callers*each || st.Syncs >= st.Commands {
		t.Errorf("%d commands in %d syncs, want %d commands in fewer syncs", st.Commands, st.Syncs, callers*each)
	}
}

func TestReadAfterWrite(t *testing.T) {
	sm := &ledger{}
	s := openLeader(t, Config{Dir: t.TempDir()}, sm)
	defer closeStore(t, s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				got, err := s.Apply(testContext(t), []byte("x"))
				if err != nil {
					t.Errorf("apply: %v", err)
					return
				}
				if err := s.Read(testContext(t)); err != nil {
					t.Errorf("read: %v", err)
					return
				}
				sm.mu.Lock()
				count := sm.count
				sm.mu.Unlock()
				if count < got.(receipt).number {
					t.Errorf("read saw %d commands after number %d was acknowledged", count, got.(receipt).number)
				}
			}
		})
	}
	wg.Wait()
}

// A read must wait for a command that is committed and not yet applied.
func TestReadWaitsForApply(t *testing.T) {
	sm := &ledger{hold: make(chan struct{})}
	s := openLeader(t, Config{Dir: t.TempDir()}, sm)
	defer closeStore(t, s)
	applied := make(chan error, 1)
	before := s.raft.CommitIndex()
	go func() {
		_, err := s.Apply(context.Background(), []byte("x"))
		applied <- err
	}()
	for s.raft.CommitIndex() == before {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read beside a held command: %v, want deadline exceeded", err)
	}
	close(sm.hold)
	if err := s.Read(testContext(t)); err != nil {
		t.Errorf("read: %v", err)
	}
	if err := <-applied; err != nil {
		t.Errorf("apply: %v", err)
	}
}

func TestContextEndsWhileQueuedOrProposed(t *testing.T) {
	sm := &ledger{hold: make(chan struct{})}
	s := openLeader(t, Config{Dir: t.TempDir()}, sm)
	ctx, cancel := context.WithCancel(context.Background())
	const callers = 6
	errs := make(chan error, callers)
	for i := range callers {
		go func() {
			_, err := s.Apply(ctx, []byte("x"))
			errs <- err
		}()
		// One at a time: the first two become entries, the rest wait.
		for s.raft.LastIndex() < uint64(3+min(i+1, maxEntriesInFlight)) || len(s.queue) < i+1-maxEntriesInFlight {
			time.Sleep(time.Millisecond)
		}
	}
	cancel()
	var unknown, withdrawn int
	for range callers {
		err := <-errs
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want canceled", err)
		}
		if errors.Is(err, ErrUnknown) {
			unknown++
		} else {
			withdrawn++
		}
	}
	if unknown != maxEntriesInFlight || withdrawn != callers-maxEntriesInFlight {
		t.Errorf("%d unknown and %d withdrawn, want %d and %d", unknown, withdrawn, maxEntriesInFlight, callers-maxEntriesInFlight)
	}
	close(sm.hold)
	if err := s.Read(testContext(t)); err != nil {
		t.Fatalf("read: %v", err)
	}
	if got := apply(t, s, "last").number; got != maxEntriesInFlight+1 {
		t.Errorf("%d commands were applied before the last, want %d", got-1, maxEntriesInFlight)
	}
	closeStore(t, s)
}

func TestCloseWhileApplying(t *testing.T) {
	dir := t.TempDir()
	sm := &ledger{}
	s := openLeader(t, Config{Dir: dir}, sm)
	var mu sync.Mutex
	acknowledged := uint64(0)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for {
				got, err := s.Apply(context.Background(), []byte("x"))
				if err != nil {
					if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnknown) {
						t.Errorf("apply during close: %v", err)
					}
					return
				}
				mu.Lock()
				acknowledged = max(acknowledged, got.(receipt).number)
				mu.Unlock()
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	closeStore(t, s)
	wg.Wait()
	closeStore(t, s) // again: the same answer
	if _, err := s.Apply(context.Background(), []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("apply after close: %v, want ErrClosed", err)
	}
	if err := s.Read(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v, want ErrClosed", err)
	}
	if err := s.Snapshot(); !errors.Is(err, ErrClosed) {
		t.Errorf("snapshot after close: %v, want ErrClosed", err)
	}
	again := &ledger{}
	s = openLeader(t, Config{Dir: dir}, again)
	defer closeStore(t, s)
	if again.count < acknowledged {
		t.Errorf("%d commands after restart, %d were acknowledged", again.count, acknowledged)
	}
}

func TestApplyBounds(t *testing.T) {
	s := openLeader(t, Config{Dir: t.TempDir()}, &ledger{})
	defer closeStore(t, s)
	for _, tc := range []struct {
		name string
		size int
		want error
	}{
		{name: "empty", size: 0, want: ErrTooLarge},
		{name: "largest", size: MaxCommandBytes},
		{name: "too large", size: MaxCommandBytes + 1, want: ErrTooLarge},
	} {
		_, err := s.Apply(testContext(t), make([]byte, tc.size))
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
	// Together they do not fit into one entry.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Apply(testContext(t), make([]byte, maxEntryBytes/3)); err != nil {
				t.Errorf("apply: %v", err)
			}
		})
	}
	wg.Wait()
}

// An entry that cannot be read stops the store, now and at every start.
func TestCorruptEntryStopsTheStore(t *testing.T) {
	dir := t.TempDir()
	sm := &ledger{}
	s := openLeader(t, Config{Dir: dir}, sm)
	apply(t, s, "good")
	if err := s.raft.Apply([]byte{99, 1, 1, 'x'}, 0).Error(); err != nil {
		t.Fatalf("plant entry: %v", err)
	}
	<-s.Failed()
	if _, err := s.Apply(testContext(t), []byte("later")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("apply: %v, want ErrCorrupt", err)
	}
	if err := s.Read(testContext(t)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read: %v, want ErrCorrupt", err)
	}
	if err := s.Snapshot(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("snapshot: %v, want ErrCorrupt", err)
	}
	closeStore(t, s)
	s, err := Open(Config{Dir: dir}, &ledger{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := s.WaitLeader(testContext(t)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("wait for leader: %v, want ErrCorrupt", err)
	}
	closeStore(t, s)
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	s := openLeader(t, Config{Dir: used}, &ledger{})
	defer closeStore(t, s)
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{name: "not a directory", cfg: Config{Dir: file}, want: "create log directory"},
		{name: "in use", cfg: Config{Dir: used}, want: "directory in use by pid "},
		{name: "long node name", cfg: Config{Node: strings.Repeat("n", 65)}, want: "Node is 65 bytes long"},
		{name: "of another node", cfg: Config{Dir: usedBy(t, "a"), Node: "b"}, want: `not to node "b"`},
		{name: "corrupt log", cfg: Config{Dir: corrupted(t, "wal/wal-meta.db")}, want: "open log in"},
		{name: "corrupt snapshot", cfg: Config{Dir: corrupted(t, "snapshots/*/state.bin")}, want: "open snapshot"},
		{name: "lost snapshot", cfg: Config{Dir: corrupted(t, "snapshots/*/meta.json")}, want: "there is no snapshot"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Open(tc.cfg, &ledger{})
			if err == nil {
				closeStore(t, s)
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want it to contain %q", err, tc.want)
			}
		})
	}
}

// usedBy returns a directory with a log and a snapshot of node.
func usedBy(t *testing.T, node string) string {
	dir := t.TempDir()
	s := openLeader(t, Config{Dir: dir, Node: node, TrailingLogs: 1}, &ledger{})
	for range 10 {
		apply(t, s, "x")
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	return dir
}

// corrupted returns a used directory in which the files that match pattern
// are overwritten.
func corrupted(t *testing.T, pattern string) string {
	dir := usedBy(t, "node")
	names, err := filepath.Glob(filepath.Join(dir, "raft", pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no file matches %q (%v)", pattern, err)
	}
	for _, name := range names {
		if err := os.WriteFile(name, []byte(strings.Repeat("garbage ", 4096)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDirectoryNotWritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not bind root")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}, &ledger{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want permission denied", err)
	}
}

// Snapshots happen by themselves and shorten the log.
func TestSnapshotsByThemselves(t *testing.T) {
	dir := t.TempDir()
	sm := &ledger{}
	s := openLeader(t, Config{Dir: dir, SnapshotInterval: 5 * time.Millisecond, SnapshotThreshold: 20, TrailingLogs: 5}, sm)
	for first := uint64(1); first < 30; {
		apply(t, s, "x")
		var err error
		if first, err = s.disk.log.FirstIndex(); err != nil {
			t.Fatal(err)
		}
	}
	want := sm.state()
	closeStore(t, s)
	again := &ledger{}
	s = openLeader(t, Config{Dir: dir}, again)
	defer closeStore(t, s)
	if again.state() != want {
		t.Errorf("state %s after restart, want %s", again.state(), want)
	}
}
