package admin

import (
	"time"

	"github.com/ringside-server/ringside/internal/host"
)

// Status is a node in numbers. Rates and shares are of the last 2 seconds.
type Status struct {
	Version  string    `json:"version"`
	Node     string    `json:"node"`
	Started  time.Time `json:"started"`
	Listen   string    `json:"listen"`
	Admin    string    `json:"admin_listen,omitempty"` // empty: with the rest
	Data     string    `json:"data"`
	Backend  string    `json:"backend"`
	Ready    bool      `json:"ready"`
	Now      Sample    `json:"now"`
	Log      LogStatus `json:"log"`
	Workers  []Worker  `json:"workers"`
	Pressure []Level   `json:"pressure"` // what the node can run out of
	Limits   Limits    `json:"limits"`
	PID      int       `json:"pid"`
	CPUs     int       `json:"cpus"`
	Hardware string    `json:"platform"`
}

// LogStatus is the log on disk behind the directory of rooms.
type LogStatus struct {
	Leader   bool   `json:"leader"`
	Applied  uint64 `json:"applied"` // index of the last entry
	Commands uint64 `json:"commands"`
	Entries  uint64 `json:"entries"`
	Syncs    uint64 `json:"syncs"`
	Queued   int    `json:"queued"`
}

// Limits are what the node takes at most.
type Limits struct {
	Rooms       int    `json:"rooms"`
	Connections int    `json:"connections"`
	Workers     int    `json:"workers"`
	Files       uint64 `json:"open_files"` // 0: unknown
}

// Level is one resource that a node can run out of.
type Level struct {
	Resource string  `json:"resource"`
	Used     uint64  `json:"used"`
	Limit    uint64  `json:"limit"` // 0: unknown
	Ratio    float64 `json:"ratio"`
	Stopped  bool    `json:"admission_stopped"`
	Why      string  `json:"why,omitempty"`
}

// Worker is one worker and its share of time outside of sleep.
type Worker struct {
	host.WorkerStatus
	Share float64 `json:"busy_share"`
}

// Counters are what a Monitor reads of a node; all but the first block only grow.
type Counters struct {
	Rooms, Starting, Players, Bots, Connections int
	RSS                                         float64 // bytes
	Goroutines                                  int

	FramesSent, FramesReceived, BytesSent, BytesReceived uint64
	Ticks, TicksLate                                     uint64
	CPU                                                  time.Duration
	Late                                                 host.LateCounts
	Workers                                              []host.WorkerStatus
}

// Sample is what a node did in the time since the sample before.
type Sample struct {
	At          int64   `json:"at"` // Unix, milliseconds
	Rooms       int     `json:"rooms"`
	Starting    int     `json:"rooms_starting"`
	Players     int     `json:"players"`
	Bots        int     `json:"bots"`
	Connections int     `json:"connections"`
	FramesOut   float64 `json:"frames_sent_per_second"`
	FramesIn    float64 `json:"frames_received_per_second"`
	BytesOut    float64 `json:"bytes_sent_per_second"`
	BytesIn     float64 `json:"bytes_received_per_second"`
	Ticks       float64 `json:"ticks_per_second"`
	TicksLate   float64 `json:"ticks_late_per_second"`
	LateP50     float64 `json:"late_p50_ms"`
	LateP99     float64 `json:"late_p99_ms"`
	CPU         float64 `json:"cpu"`  // processors
	Busy        float64 `json:"busy"` // share of the busiest worker
	RSS         float64 `json:"rss_bytes"`
	Goroutines  int     `json:"goroutines"`
}
