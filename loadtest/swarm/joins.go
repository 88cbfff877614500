package swarm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// joinCallers is how many calls are under way at once, for rooms and for joins: few enough to measure calls and not a queue.
const joinCallers = 8

// maxDirectory bounds the rooms and joins of a measurement.
const maxDirectory = 1_000_000

// JoinsConfig says what MeasureJoins does. URL, Game, Rooms and Joins are needed.
type JoinsConfig struct {
	URL, Game  string
	Rooms      int    // made before anything is measured, and left to end by themselves
	Joins      int    // measured
	MetricsURL string // default URL/metrics; its CPU is what is measured, so it must be there
	APIKey     string

	Progress func(Progress) // default: not at all
	idle     time.Duration  // tests wait less
}

// JoinsReport is what a join costs.
type JoinsReport struct {
	Rooms        int     `json:"rooms"`
	Joins        int     `json:"joins"`
	CPUMSPerJoin float64 `json:"cpu_ms_per_join"` // of the server, less what it needs for nothing
	P50MS        float64 `json:"p50_ms"`
	P99MS        float64 `json:"p99_ms"`
}

func (c *JoinsConfig) prepare() error {
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.MetricsURL == "" {
		c.MetricsURL = c.URL + "/metrics"
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.idle == 0 {
		c.idle = idleFor
	}
	if c.Rooms < 0 || c.Rooms > maxDirectory || c.Joins < 1 || c.Joins > maxDirectory {
		return fmt.Errorf("%w: %d joins among %d rooms: want 1 to %d, and 0 to %d", ErrConfig, c.Joins, c.Rooms, maxDirectory, maxDirectory)
	}
	return nil
}

// metricsKey is the key for the server's metrics: only below its own URL, for nobody else is to know it.
func metricsKey(url, metrics, key string) string {
	if strings.HasPrefix(metrics, url+"/") {
		return key
	}
	return ""
}

// MeasureJoins fills the server's directory with empty rooms and measures POST /v1/join among them.
func MeasureJoins(ctx context.Context, cfg JoinsConfig) (*JoinsReport, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	if err := checkGame(ctx, cfg.URL, cfg.APIKey, cfg.Game, 1); err != nil {
		return nil, err
	}
	a := newAPI(cfg.URL, cfg.APIKey, joinCallers)
	defer a.close()
	room := roomRequest{Game: cfg.Game, Options: []byte("{}")}
	err := cfg.many(ctx, "rooms", cfg.Rooms, func(ctx context.Context, _ int) error {
		_, err := a.call(ctx, "POST", "/v1/rooms", room, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fill the directory (a server takes as many rooms as its -max-rooms): %w", err)
	}
	look := func() *sample { return scrape(ctx, cfg.MetricsURL, metricsKey(cfg.URL, cfg.MetricsURL, cfg.APIKey)) }
	first := look()
	pause(ctx, cfg.idle)
	before := look()
	var mu sync.Mutex
	took := hdrhistogram.New(1, histMax, histDigits)
	err = cfg.many(ctx, "joins", cfg.Joins, func(ctx context.Context, _ int) error {
		start := time.Now()
		_, err := a.call(ctx, "POST", "/v1/join", struct {
			Game string `json:"game"`
		}{cfg.Game}, nil)
		mu.Lock()
		record(took, time.Since(start))
		mu.Unlock()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	after := look()
	if first == nil || before == nil || after == nil {
		return nil, fmt.Errorf("no metrics at %s: the CPU of a join cannot be told", cfg.MetricsURL)
	}
	idle := grown(first, before, metricCPU) / before.at.Sub(first.at).Seconds()
	cpu := grown(before, after, metricCPU) - idle*after.at.Sub(before.at).Seconds()
	return &JoinsReport{
		Rooms: cfg.Rooms, Joins: cfg.Joins, CPUMSPerJoin: round(max(0, cpu) * 1000 / float64(cfg.Joins)),
		P50MS: ms(took, 50), P99MS: ms(took, 99),
	}, nil
}

// many does something n times, some at once, until one fails.
func (c *JoinsConfig) many(ctx context.Context, phase string, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	errs := make([]error, joinCallers)
	start := time.Now()
	var callers sync.WaitGroup
	for k := range errs {
		callers.Go(func() {
			for i := next.Add(1); i <= int64(n) && ctx.Err() == nil; i = next.Add(1) {
				if k == 0 {
					c.Progress(Progress{Phase: phase, Elapsed: time.Since(start), Joined: int(i), Bots: n})
				}
				if errs[k] = do(ctx, int(i)); errs[k] != nil {
					cancel()
					return
				}
			}
		})
	}
	callers.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return ctx.Err()
}
