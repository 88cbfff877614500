package swarm

import (
	"bufio"
	"context"
	"io"
	"math"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The metrics a server exports for load tests.
const (
	metricCPU         = "ringside_process_cpu_seconds_total"
	metricRSS         = "ringside_process_resident_bytes"
	metricMallocs     = "ringside_process_mallocs_total"
	metricConnections = "ringside_connections"
	metricFrames      = "ringside_frames_sent_total"
	metricStep        = "ringside_step_seconds_total"
	metricLate        = "ringside_tick_late_seconds"
)

// scrapeWithin bounds one look at the server's metrics, maxMetrics its size.
const (
	scrapeWithin = 3 * time.Second
	maxMetrics   = 8 << 20
)

// A sample is the server's metrics at one time.
type sample struct {
	at     time.Time
	values map[string]float64 // by name, summed over labels
	late   []bucket           // of metricLate, by bound
}

// A bucket of a Prometheus histogram counts all up to its bound.
type bucket struct{ le, count float64 }

// sample scrapes the server; nil if it has no metrics to show.
func (s *swarm) sample(ctx context.Context) *sample {
	return scrape(ctx, s.cfg.MetricsURL, metricsKey(s.cfg.URL, s.cfg.MetricsURL, s.cfg.APIKey))
}

// scrape reads a server's metrics; nil if it has none to show.
func scrape(ctx context.Context, url, key string) *sample {
	ctx, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil
	}
	m := parseMetrics(io.LimitReader(res.Body, maxMetrics))
	if _, ok := m.values[metricCPU]; !ok {
		return nil
	}
	return m
}

// parseMetrics reads the lines of the Prometheus text format that concern us: name{labels} value.
func parseMetrics(r io.Reader) *sample {
	m := &sample{at: time.Now(), values: make(map[string]float64)}
	buckets := make(map[float64]float64)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, "ringside_") {
			continue
		}
		var name, labels, rest string
		if open := strings.IndexByte(line, '{'); open >= 0 {
			end := strings.LastIndexByte(line, '}')
			if end < open {
				continue
			}
			name, labels, rest = line[:open], line[open+1:end], line[end+1:]
		} else {
			name, rest, _ = strings.Cut(line, " ")
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		v, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			continue
		}
		if name == metricLate+"_bucket" {
			if le, ok := bound(labels); ok {
				buckets[le] += v
			}
			continue
		}
		m.values[name] += v
	}
	for le, count := range buckets {
		m.late = append(m.late, bucket{le, count})
	}
	sort.Slice(m.late, func(i, j int) bool { return m.late[i].le < m.late[j].le })
	return m
}

// bound is the value of the label le.
func bound(labels string) (float64, bool) {
	_, after, ok := strings.Cut(labels, `le="`)
	if !ok {
		return 0, false
	}
	text, _, _ := strings.Cut(after, `"`)
	v, err := strconv.ParseFloat(text, 64) // takes +Inf
	return v, err == nil && !math.IsNaN(v) // which is equal to nothing, itself included: it would be no key and have no order
}

// grown is how much a counter grew from a to b.
func grown(a, b *sample, name string) float64 { return b.values[name] - a.values[name] }

// lateQuantile is the q-quantile of how late ticks were between a and b, in milliseconds: interpolated within its bucket, as
// Prometheus does it. 0 without ticks.
func lateQuantile(a, b *sample, q float64) float64 {
	before := make(map[float64]float64, len(a.late))
	for _, k := range a.late {
		before[k.le] = k.count
	}
	n := len(b.late)
	if n == 0 {
		return 0
	}
	total := b.late[n-1].count - before[b.late[n-1].le]
	if total <= 0 {
		return 0
	}
	want := q * total
	low, below := 0.0, 0.0
	for _, k := range b.late {
		count := k.count - before[k.le]
		if count >= want && count > 0 {
			if math.IsInf(k.le, 1) {
				return low * 1000
			}
			return 1000 * (low + (k.le-low)*(want-below)/(count-below))
		}
		low, below = k.le, count
	}
	return low * 1000
}

// watchIdle looks at the server for a second before it has work; nil if it has no metrics.
func (s *swarm) watchIdle(ctx context.Context) *idleServer {
	first := s.sample(ctx)
	if first == nil {
		s.cfg.Log("no metrics at " + s.cfg.MetricsURL + ": the report will say nothing of the server")
		return nil
	}
	s.during(ctx, "idle", idleFor, func() bool { return false })
	last := s.sample(ctx)
	if last == nil {
		return nil
	}
	return &idleServer{
		rss:    last.values[metricRSS],
		allocs: grown(first, last, metricMallocs) / last.at.Sub(first.at).Seconds(),
	}
}

// An idleServer is what the server needs for nothing.
type idleServer struct{ rss, allocs float64 }
