package admin

import (
	"context"
	"sync"
	"time"

	"github.com/ringside-server/ringside/internal/host"
)

// How much a Monitor remembers: 300 samples of some 150 bytes.
const (
	samplePeriod = 2 * time.Second
	samplesKept  = 300
)

// A Monitor reads a node's counters every 2 seconds and keeps 10 minutes of what they say. Its methods may be called at any time.
type Monitor struct {
	read func() Counters

	mu sync.Mutex
	// Guarded by mu.
	last    Counters
	lastAt  time.Time
	samples []Sample // oldest first
	workers []Worker
}

// NewMonitor makes a monitor that has read once.
func NewMonitor(read func() Counters) *Monitor {
	return &Monitor{read: read, last: read(), lastAt: time.Now()}
}

// Run reads until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.sample()
		}
	}
}

func (m *Monitor) sample() {
	now, at := m.read(), time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) == samplesKept {
		m.samples = m.samples[:copy(m.samples, m.samples[1:])]
	}
	s, workers := since(&m.last, &now, at.Sub(m.lastAt))
	s.At = at.UnixMilli()
	m.samples, m.workers = append(m.samples, s), workers
	m.last, m.lastAt = now, at
}

// Now is the newest sample. A monitor that has none yet compares with its first reading.
func (m *Monitor) Now() (Sample, []Worker) {
	m.mu.Lock()
	if n := len(m.samples); n > 0 {
		defer m.mu.Unlock()
		return m.samples[n-1], append([]Worker(nil), m.workers...)
	}
	last, lastAt := m.last, m.lastAt
	m.mu.Unlock()
	now, at := m.read(), time.Now()
	s, workers := since(&last, &now, max(at.Sub(lastAt), time.Millisecond))
	s.At = at.UnixMilli()
	return s, workers
}

// History are all samples, oldest first.
func (m *Monitor) History() []Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Sample{}, m.samples...)
}

// since is what happened between two readings.
func since(a, b *Counters, took time.Duration) (s Sample, workers []Worker) {
	per := func(x, y uint64) float64 { return float64(y-x) / took.Seconds() }
	ms := func(q float64) float64 { return float64(b.Late.Quantile(&a.Late, q)) / 1e6 }
	s = Sample{
		Rooms: b.Rooms, Starting: b.Starting, Players: b.Players, Bots: b.Bots, Connections: b.Connections,
		FramesOut: per(a.FramesSent, b.FramesSent), FramesIn: per(a.FramesReceived, b.FramesReceived),
		BytesOut: per(a.BytesSent, b.BytesSent), BytesIn: per(a.BytesReceived, b.BytesReceived),
		Ticks: per(a.Ticks, b.Ticks), TicksLate: per(a.TicksLate, b.TicksLate), LateP50: ms(0.5), LateP99: ms(0.99),
		CPU: (b.CPU - a.CPU).Seconds() / took.Seconds(), RSS: b.RSS, Goroutines: b.Goroutines,
	}
	for i, w := range b.Workers {
		before := host.WorkerStatus{}
		if i < len(a.Workers) {
			before = a.Workers[i]
		}
		share := min((w.Busy-before.Busy).Seconds()/took.Seconds(), 1)
		s.Busy = max(s.Busy, share)
		workers = append(workers, Worker{WorkerStatus: w, Share: share})
	}
	return s, workers
}
