package raftstore

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// Bounds of one log entry and of what waits for one.
const (
	// MaxCommandBytes is the longest command Apply takes. It leaves room for
	// the header of an entry that holds one command only.
	MaxCommandBytes = maxEntryBytes - 16

	// 512 commands an entry is where the gain of batching flattens out in
	// measurements of 1 to 512 callers (4 to 7 times one command an entry).
	maxEntryCommands = 512

	// 256 KiB keeps an entry well under the 4 ms an ordinary disk needs to
	// write and sync it, so that heartbeats behind it are not late.
	maxEntryBytes = 256 << 10

	// With two entries in flight one is written while the one before it is
	// applied; a third only adds latency.
	maxEntriesInFlight = 2

	// queueLen commands wait for the next entry. When the queue is full Apply
	// waits for a place until its context ends: back-pressure, nothing is
	// dropped and nothing is refused.
	queueLen = 4096
)

// Raft's timers. They are those of a cluster: one voter does not wait for
// them, because it is told to stand for election as soon as it is open.
const (
	heartbeatTimeout = 200 * time.Millisecond
	leaderLease      = 150 * time.Millisecond // must exceed the worst stall of an fsync

	snapshotsKept = 2
	// 16 MiB instead of raft-wal's 64: the file is preallocated, and a node
	// alone should not take 64 MiB of disk for an empty directory.
	walSegmentBytes = 16 << 20
)

// Config says where a Store lives and how often it takes snapshots. The zero
// value works.
type Config struct {
	// Dir holds everything the store writes, in Dir/raft. Default
	// "ringside-data". Losing it loses every acknowledged command.
	Dir string

	// Node names this voter. Default "node". It is written into the log when
	// the directory is new and must stay the same for as long as it is used.
	Node string

	// Addr is where this process can be reached. It is written into the lock file, for the operator of a second one that finds
	// the directory taken; see LockedError. Default: nothing is said.
	Addr string

	// SnapshotInterval is how often the store looks whether a snapshot is due.
	// Default 60 s. Longer means fewer snapshots and a longer replay at start.
	SnapshotInterval time.Duration

	// SnapshotThreshold is how many entries since the last snapshot make one
	// due. Default 50,000. Higher means more disk and a longer replay.
	SnapshotThreshold uint64

	// TrailingLogs is how many entries stay in the log behind a snapshot.
	// Default 10,000. Lower means that a follower that was away for a short
	// while needs a whole snapshot.
	TrailingLogs uint64

	// Logger takes raft's events: its warnings and errors at their level, its
	// info at debug. Default: silent.
	Logger zerolog.Logger

	// transport carries raft between voters. Nil is one voter that talks to
	// nobody; a stream layer between nodes comes in here.
	transport transport
}

func (c *Config) setDefaults() {
	if c.Dir == "" {
		c.Dir = "ringside-data"
	}
	if c.Node == "" {
		c.Node = "node"
	}
	if c.SnapshotInterval == 0 {
		c.SnapshotInterval = time.Minute
	}
	if c.SnapshotThreshold == 0 {
		c.SnapshotThreshold = 50_000
	}
	if c.TrailingLogs == 0 {
		c.TrailingLogs = 10_000
	}
}

func (c *Config) validate() error {
	if len(c.Node) > 64 {
		return fmt.Errorf("raftstore config: Node is %d bytes long, at most 64", len(c.Node))
	}
	if c.SnapshotInterval < 5*time.Millisecond {
		return fmt.Errorf("raftstore config: SnapshotInterval is %v, at least 5ms", c.SnapshotInterval)
	}
	return nil
}

// raftConfig is the whole of what we ask of hashicorp/raft.
func (c *Config) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.Node)
	rc.HeartbeatTimeout = heartbeatTimeout
	rc.ElectionTimeout = heartbeatTimeout
	rc.LeaderLeaseTimeout = leaderLease
	rc.SnapshotInterval = c.SnapshotInterval
	rc.SnapshotThreshold = c.SnapshotThreshold
	rc.TrailingLogs = c.TrailingLogs
	// Open restores the snapshot itself: raft would fall back to an older one
	// in silence, and the log behind that one is gone.
	rc.NoSnapshotRestoreOnStart = true
	rc.NoLegacyTelemetry = true
	rc.Logger = newRaftLogger(c.Logger)
	return rc
}
