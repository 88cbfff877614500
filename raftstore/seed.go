package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// A SnapshotInfo says where in the log a snapshot stands.
type SnapshotInfo struct {
	Index uint64 `json:"index"` // of the last entry in it
	Term  uint64 `json:"term"`
	Size  int64  `json:"size"` // bytes of the state machine's state
}

// OpenSnapshot takes a snapshot now and opens it: the state machine as of every command acknowledged before. The caller closes
// the reader; it stays readable when newer snapshots replace it. A store that never applied anything has none: os.ErrNotExist.
func (s *Store) OpenSnapshot() (SnapshotInfo, io.ReadCloser, error) {
	if err := s.Snapshot(); err != nil {
		return SnapshotInfo{}, nil, err
	}
	metas, err := s.disk.snapshots.List()
	if err != nil {
		return SnapshotInfo{}, nil, fmt.Errorf("open snapshot: %w", err)
	}
	if len(metas) == 0 {
		return SnapshotInfo{}, nil, fmt.Errorf("open snapshot: %w", os.ErrNotExist)
	}
	meta, r, err := s.disk.snapshots.Open(metas[0].ID)
	if err != nil {
		return SnapshotInfo{}, nil, fmt.Errorf("open snapshot %q: %w", metas[0].ID, err)
	}
	return SnapshotInfo{Index: meta.Index, Term: meta.Term, Size: meta.Size}, r, nil
}

// Seed makes cfg.Dir the directory of a store that is alone and starts from a snapshot, as OpenSnapshot gave it: Open goes on
// behind it. A directory that holds a log or a snapshot already is refused with os.ErrExist.
func Seed(cfg Config, info SnapshotInfo, state io.Reader) (err error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return err
	}
	if info.Index == 0 || info.Term == 0 {
		return fmt.Errorf("seed store: snapshot of entry %d, term %d", info.Index, info.Term)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, "raft")); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("seed store in %q: %w", cfg.Dir, errors.Join(err, os.ErrExist))
	}
	d, err := openDisk(&cfg)
	if err != nil {
		return fmt.Errorf("seed store: %w", err)
	}
	defer func() { err = errors.Join(err, d.close()) }()
	addr := soloTransport(cfg.Node).LocalAddr()
	alone := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(cfg.Node), Address: addr}}}
	sink, err := d.snapshots.Create(raft.SnapshotVersionMax, info.Index, info.Term, alone, info.Index, soloTransport(cfg.Node))
	if err != nil {
		return fmt.Errorf("seed store: %w", err)
	}
	if _, err := io.Copy(sink, state); err != nil {
		return fmt.Errorf("seed store: %w", errors.Join(err, sink.Cancel()))
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("seed store: %w", err)
	}
	// Terms never fall: entries after the snapshot must not be of an earlier one.
	if err := d.log.SetUint64([]byte("CurrentTerm"), info.Term); err != nil {
		return fmt.Errorf("seed store: %w", err)
	}
	return nil
}
