package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a snapshot holds goes on in another directory, under another name, through restarts.
func TestSeed(t *testing.T) {
	sm := &ledger{}
	s := openLeader(t, Config{Dir: t.TempDir()}, sm)
	for i := range 20 {
		apply(t, s, fmt.Sprint("before ", i))
	}
	info, r, err := s.OpenSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	want := sm.state()
	for i := range 3 { // later commands and snapshots leave the open one alone
		apply(t, s, fmt.Sprint("after ", i))
		if err := s.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	state, err := io.ReadAll(r)
	r.Close()
	if err != nil || int64(len(state)) != info.Size || info.Index == 0 || info.Term == 0 {
		t.Fatalf("%d bytes of %+v, %v", len(state), info, err)
	}
	closeStore(t, s)

	cfg := Config{Dir: filepath.Join(t.TempDir(), "new"), Node: "other"}
	if err := Seed(cfg, info, bytes.NewReader(state)); err != nil {
		t.Fatal(err)
	}
	if err := Seed(cfg, info, bytes.NewReader(state)); !errors.Is(err, os.ErrExist) {
		t.Errorf("seeded twice: %v", err)
	}
	for range 2 {
		sm := &ledger{}
		s := openLeader(t, cfg, sm)
		if sm.state() != want {
			t.Fatalf("state %s, want %s", sm.state(), want)
		}
		apply(t, s, "new")
		if got := s.Stats().Applied; got <= info.Index {
			t.Errorf("entry %d after a snapshot of entry %d", got, info.Index)
		}
		want = sm.state()
		closeStore(t, s)
	}
}

func TestSeedFromNothing(t *testing.T) {
	if err := Seed(Config{Dir: t.TempDir()}, SnapshotInfo{}, strings.NewReader("")); err == nil {
		t.Error("a snapshot of no entry was taken")
	}
	dir := t.TempDir()
	if err := Seed(Config{Dir: dir}, SnapshotInfo{Index: 1, Term: 1}, io.MultiReader(strings.NewReader("x"), brokenReader{})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken snapshot: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	s := openLeader(t, Config{Dir: dir, Addr: "127.0.0.1:7777"}, &ledger{})
	defer closeStore(t, s)
	_, err := Open(Config{Dir: dir}, &ledger{})
	var held *LockedError
	if !errors.Is(err, ErrLocked) || !errors.As(err, &held) {
		t.Fatalf("second open: %v", err)
	}
	if held.PID != os.Getpid() || held.Addr != "127.0.0.1:7777" || time.Since(held.Since) > time.Minute {
		t.Errorf("holder %+v", held)
	}
	if text := held.Error(); !strings.Contains(text, fmt.Sprintf("pid %d (listening on 127.0.0.1:7777, since 20", os.Getpid())) {
		t.Errorf("it says %q", text)
	}
	if err := os.WriteFile(filepath.Join(dir, "raft", "lock"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}, &ledger{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), ErrLocked.Error()) {
		t.Errorf("a lock without a name: %v", err)
	}
}
