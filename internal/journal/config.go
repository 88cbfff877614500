package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

var (
	// ErrClosed is answered by Sync after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrDropped is wrapped by Sync's error when rooms have bytes that were dropped (MaxPending) and have not ticked since:
	// what is on disk of them is older than what was handed over.
	ErrDropped = errors.New("journal dropped the newest records of rooms")
	// ErrForeign is wrapped by the error about a segment that this version cannot read: another format, or no journal.
	ErrForeign = errors.New("not a journal of this version")
)

// Limits of one room.
const (
	// MaxRoom is how many bytes a room's checkpoint and the records since may have together. An engine's checkpoint has
	// 17 MiB at most, its records 1 MiB and one record. A room above it is not saved until it is smaller.
	MaxRoom = 24 << 20
	// MaxName is how many bytes a room's name may have; none is no name.
	MaxName = 255
)

// maxPending is the default of Config.MaxPending.
const maxPending = 32 << 20

// Config says where the journal is and what it may lose. Only Dir must be set.
type Config struct {
	// Dir holds the segments and nothing else. It is made (0700) if it does not exist. One Store at a time may have it open.
	Dir string
	// FlushEvery is how long bytes wait in memory before they are written to the file. A killed process loses that much.
	// 0 is 50 ms.
	FlushEvery time.Duration
	// SyncEvery is how long written bytes wait for the disk's promise. A power cut loses that much. After a failure it is
	// also how long the store waits before it tries again. 0 is 1 s.
	SyncEvery time.Duration
	// SegmentBytes is the size at which a new file is begun. The journal has up to three of them more than it needs.
	// 0 is 64 MiB.
	SegmentBytes int64
	// MaxPending is how many bytes wait in memory when the disk stalls; beyond it rooms' newest records are dropped, and
	// handed over again by a later tick. 0 is 32 MiB.
	MaxPending int
	// Log hears of failures, at most once every 10 s.
	Log zerolog.Logger

	fs fileSystem // of Dir; nil is the system's
}

func (c Config) withDefaults() (Config, error) {
	if c.FlushEvery == 0 {
		c.FlushEvery = 50 * time.Millisecond
	}
	if c.SyncEvery == 0 {
		c.SyncEvery = time.Second
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = 64 << 20
	}
	if c.MaxPending == 0 {
		c.MaxPending = maxPending
	}
	switch {
	case c.Dir == "" && c.fs == nil:
		return c, errors.New("journal: Dir must be set")
	case c.FlushEvery < 0 || c.SyncEvery < 0:
		return c, errors.New("journal: FlushEvery and SyncEvery must be positive")
	case c.SegmentBytes < 4096:
		return c, fmt.Errorf("journal: SegmentBytes is %d, must be at least 4096", c.SegmentBytes)
	case c.MaxPending < 4096:
		return c, fmt.Errorf("journal: MaxPending is %d, must be at least 4096", c.MaxPending)
	}
	if c.fs == nil {
		c.fs = osDir{path: c.Dir}
	}
	return c, nil
}

// Stats says how the store is. Counters are since Open.
type Stats struct {
	Rooms    int   // running or saved
	Segments int   // files
	Disk     int64 // bytes in them
	Live     int64 // bytes of those that a restart would use
	Pending  int64 // bytes in memory that are not in a file yet

	Written uint64 // bytes
	Carried uint64 // bytes of Written that were copied so that an old segment could go
	Flushes uint64 // writes of what was pending
	Syncs   uint64
	Dropped uint64 // bytes refused because of MaxPending or MaxRoom
	Errors  uint64 // of the disk
	Corrupt uint64 // places in segments that do not hold what was written, and chains cut by them
	Lost    int    // rooms whose newest bytes were dropped and not handed over again yet

	LastSync time.Duration // how long the last sync took
	Busy     time.Duration // how long the disk has been at what it is doing; 0: it is idle
	// Err is nil while all is well: the failure that the store is in, or a disk that has not answered for five seconds.
	Err error
}

// Degraded says that what is handed over now might not survive.
func (s Stats) Degraded() bool { return s.Err != nil || s.Lost > 0 }
