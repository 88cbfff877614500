package stream

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are what a Hub holds now, and what it has done since its start.
type Stats struct {
	Streams int // event streams held
	Polls   int // long polls held
	Kept    int // bytes of newest events, of all topics
	Parked  int // connections held without a goroutine; those with a last answer on its way included

	Published uint64 // events made
	Written   uint64 // events and long poll answers sent, once for each client
	Slow      uint64 // clients that were reset or closed because they did not read
	Gone      uint64 // clients that went away before their answer ended
	Refused   uint64 // requests beyond Max or MaxPerClient
}

type counters struct {
	streams, polls, parked                      atomic.Int64
	published, written, slow, vanished, refused atomic.Uint64
}

func (c *counters) holding(stream bool, n int64) {
	if stream {
		c.streams.Add(n)
	} else {
		c.polls.Add(n)
	}
}

// Stats reads the counters.
func (h *Hub) Stats() Stats {
	c := &h.stats
	return Stats{
		Streams: int(c.streams.Load()), Polls: int(c.polls.Load()), Parked: int(c.parked.Load()),
		Published: c.published.Load(), Written: c.written.Load(), Slow: c.slow.Load(),
		Kept: int(h.topics.sum.bytes.Load()),
		Gone: c.vanished.Load(), Refused: c.refused.Load(),
	}
}

// A collector shows a Hub's counters to Prometheus.
type collector struct {
	hub    *Hub
	values []value
}

type value struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*Stats) float64
}

var _ prometheus.Collector = (*collector)(nil)

// Collector is the Hub as Prometheus metrics, all named ringside_http_held_….
func (h *Hub) Collector() prometheus.Collector {
	c := &collector{hub: h}
	add := func(kind prometheus.ValueType, name, help string, read func(*Stats) float64) {
		c.values = append(c.values, value{prometheus.NewDesc("ringside_http_held_"+name, help, nil, nil), kind, read})
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	add(gauge, "streams", "Event streams held open.", func(s *Stats) float64 { return float64(s.Streams) })
	add(gauge, "polls", "Long polls held open.", func(s *Stats) float64 { return float64(s.Polls) })
	add(gauge, "parked", "Held connections that have no goroutine.", func(s *Stats) float64 { return float64(s.Parked) })
	add(gauge, "ring_bytes", "Bytes of newest events that are kept.", func(s *Stats) float64 { return float64(s.Kept) })
	add(counter, "published_total", "Events published to somebody.", func(s *Stats) float64 { return float64(s.Published) })
	add(counter, "written_total", "Events and answers sent, once for each client.", func(s *Stats) float64 { return float64(s.Written) })
	add(counter, "slow_total", "Clients reset or closed because they did not read.", func(s *Stats) float64 { return float64(s.Slow) })
	add(counter, "gone_total", "Clients that went before their answer ended.", func(s *Stats) float64 { return float64(s.Gone) })
	add(counter, "refused_total", "Requests refused for want of a place.", func(s *Stats) float64 { return float64(s.Refused) })
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, v := range c.values {
		out <- v.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.hub.Stats()
	for _, v := range c.values {
		out <- prometheus.MustNewConstMetric(v.desc, v.kind, v.read(&s))
	}
}
