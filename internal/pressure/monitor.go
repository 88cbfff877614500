package pressure

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Names of resources, as metrics, problems and log lines say them.
const (
	NameMemory    = "memory"
	NameFiles     = "files"
	NameDisk      = "disk"
	NameJournal   = "journal"
	NameAbandoned = "abandoned"
)

const (
	defaultEvery  = 250 * time.Millisecond
	defaultUrgent = 25 * time.Millisecond // a game that allocates 4 GiB/s takes 100 MiB meanwhile
	// leastStop keeps a resource at its bound from opening and closing the door, and writing two log lines, with every sample.
	leastStop = 2 * time.Second
)

// A Reading is how much of a resource is taken. Its unit is the source's.
type Reading struct {
	Used, Limit uint64 // Limit 0: nobody knows it, and admission never stops for it
	Stop, Go    uint64 // of Used: from Stop on admission is stopped, below Go it goes on; Stop 0: it never stops
	Why         string // more for the operator than the figures say; "" if there is none
}

// shares sets Stop and Go to shares of the limit.
func (r Reading) shares(stop, again float64) Reading {
	r.Stop, r.Go = uint64(float64(r.Limit)*stop), uint64(float64(r.Limit)*again)
	return r
}

// A Source is one resource.
type Source struct {
	Name string
	// Do is what an operator can do when there is too little of it: the end of the log line.
	Do string
	// Read is called by one goroutine at a time, as often as every 25 ms: it must cost microseconds and never wait.
	Read func() Reading
}

// A Level is what a Monitor knows of one resource.
type Level struct {
	Resource string  `json:"resource"`
	Used     uint64  `json:"used"`
	Limit    uint64  `json:"limit"` // 0: unknown
	Ratio    float64 `json:"ratio"` // of used to limit, 0 if that is unknown
	Stopped  bool    `json:"stopped"`
	Why      string  `json:"why,omitempty"`
}

// Config is what a Monitor watches.
type Config struct {
	Sources []Source
	// Every is how often they are read. Default 250 ms. Urgent is how often while After says so. Default 25 ms.
	Every, Urgent time.Duration
	// After is called behind each reading; true asks for the next one soon. Default: nothing.
	After func() (urgent bool)
	// Log gets a line when admission stops for a resource and one when it goes on. Default: silent.
	Log zerolog.Logger
}

// A Monitor reads its sources and remembers whether something new may be taken.
type Monitor struct {
	// Immutable after New.
	cfg Config

	// Owned by whoever samples: New, then Run.
	since []time.Time // when admission was stopped for each source; zero: it is not

	levels  atomic.Pointer[[]Level] // what it points to is never changed
	stopped atomic.Pointer[string]  // the first resource for which admission is stopped
}

// New reads each source once.
func New(cfg Config) *Monitor {
	if cfg.Every <= 0 {
		cfg.Every = defaultEvery
	}
	if cfg.Urgent <= 0 {
		cfg.Urgent = defaultUrgent
	}
	if cfg.After == nil {
		cfg.After = func() bool { return false }
	}
	m := &Monitor{cfg: cfg, since: make([]time.Time, len(cfg.Sources))}
	m.sample()
	return m
}

// Run reads the sources until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	next := time.NewTimer(m.cfg.Every)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		m.sample()
		if m.cfg.After() {
			next.Reset(m.cfg.Urgent)
		} else {
			next.Reset(m.cfg.Every)
		}
	}
}

// Stopped names a resource for which nothing new must be taken, "" while there is none. It costs one atomic load.
func (m *Monitor) Stopped() string {
	if name := m.stopped.Load(); name != nil {
		return *name
	}
	return ""
}

// Levels are all resources in the order of the sources, as they were read last. The slice must not be changed.
func (m *Monitor) Levels() []Level { return *m.levels.Load() }

func (m *Monitor) sample() {
	levels := make([]Level, len(m.cfg.Sources))
	var first *string
	for i := range m.cfg.Sources {
		levels[i] = m.look(i)
		if levels[i].Stopped && first == nil {
			first = &m.cfg.Sources[i].Name
		}
	}
	m.levels.Store(&levels)
	m.stopped.Store(first)
}

// look reads one source and says a change of its level.
func (m *Monitor) look(i int) Level {
	src, was := &m.cfg.Sources[i], !m.since[i].IsZero()
	r := src.Read()
	l := Level{Resource: src.Name, Used: r.Used, Limit: r.Limit, Why: r.Why}
	if r.Limit > 0 {
		l.Ratio = float64(r.Used) / float64(r.Limit)
	}
	now := time.Now()
	switch known := r.Limit > 0 && r.Stop > 0; {
	case known && r.Used >= r.Stop:
		l.Stopped = true
	case was:
		l.Stopped = known && r.Used >= r.Go || now.Sub(m.since[i]) < leastStop
	}
	switch {
	case l.Stopped && !was:
		m.since[i] = now
		m.line(m.cfg.Log.Warn(), &l).Str("do", src.Do).Msg("admission stopped: nothing new is taken, what runs goes on")
	case !l.Stopped && was:
		m.line(m.cfg.Log.Info(), &l).Dur("stopped_for", now.Sub(m.since[i])).Msg("admission goes on")
		m.since[i] = time.Time{}
	}
	return l
}

func (m *Monitor) line(e *zerolog.Event, l *Level) *zerolog.Event {
	e = e.Str("resource", l.Resource).Uint64("used", l.Used).Uint64("limit", l.Limit)
	if l.Why != "" {
		e = e.Str("why", l.Why)
	}
	return e
}
