package host

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// A collector shows a host's counters to Prometheus. Nothing is kept twice: it reads them when it is asked.
type collector struct {
	host    *Host
	singles []single
	late    *prometheus.Desc
	closes  *prometheus.Desc
}

type single struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*Host) float64
}

var _ prometheus.Collector = (*collector)(nil)

// Collector is the host as Prometheus metrics, all named ringside_….
func (h *Host) Collector() prometheus.Collector {
	c := &collector{
		host:   h,
		late:   prometheus.NewDesc("ringside_tick_late_seconds", "How late ticks began, by what kept them: the worker was woken late (wake), it was busy (worker), the room's own tick before lasted (game).", []string{"cause"}, nil),
		closes: prometheus.NewDesc("ringside_closes_total", "Connections closed, by code; 1006 is a lost socket, 0 any other.", []string{"code"}, nil),
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	c.add(gauge, "connections", "Sockets, those in handshake included.", func(h *Host) float64 { return float64(h.stats.Connections.Load()) })
	c.add(gauge, "rooms", "Rooms that run.", func(h *Host) float64 { rooms, _ := h.population(); return rooms })
	c.add(gauge, "sessions", "Sessions held, connected or away.", func(h *Host) float64 { _, sessions := h.population(); return sessions })
	c.add(counter, "frames_sent_total", "Frames sent to clients.", func(h *Host) float64 { return float64(h.stats.FramesSent.Load()) })
	c.add(counter, "frames_received_total", "Frames received from clients.", func(h *Host) float64 { return float64(h.stats.FramesReceived.Load()) })
	c.add(counter, "bytes_sent_total", "Bytes written to client sockets.", func(h *Host) float64 { return float64(h.stats.BytesSent.Load()) })
	c.add(counter, "bytes_received_total", "Bytes read from client sockets.", func(h *Host) float64 { return float64(h.stats.BytesReceived.Load()) })
	c.add(counter, "frames_skipped_total", "Times a client got nothing because its socket was full.", func(h *Host) float64 { return float64(h.stats.FramesSkipped.Load()) })
	c.add(counter, "inputs_dropped_total", "Inputs that no Step saw.", func(h *Host) float64 { return float64(h.stats.InputsDropped.Load()) })
	c.add(counter, "ticks_total", "Room ticks made.", func(h *Host) float64 { return float64(h.stats.Ticks.Load()) })
	c.add(counter, "ticks_late_total", "Room ticks that began more than 5 ms late or were left out.", func(h *Host) float64 { return float64(h.stats.TicksLate.Load()) })
	c.add(counter, "tick_seconds_total", "Time inside room ticks, the games' part of it included.", func(h *Host) float64 { return float64(h.stats.TickNS.Load()) / 1e9 })
	c.add(counter, "step_seconds_total", "Time inside the games' code, during ticks.", func(h *Host) float64 { return float64(h.stats.StepNS.Load()) / 1e9 })
	c.add(counter, "worker_busy_seconds_total", "Time the workers were not asleep.", func(h *Host) float64 { return float64(h.stats.BusyNS.Load()) / 1e9 })
	c.add(counter, "rooms_failed_total", "Rooms ended by their game's failure.", func(h *Host) float64 { return float64(h.stats.RoomsFailed.Load()) })
	c.add(counter, "notices_lost_total", "Notices for the directory that were dropped.", func(h *Host) float64 { return float64(h.stats.NoticesLost.Load()) })
	c.add(counter, "steps_abandoned_total", "Ticks and starts of rooms that did not come back and were given up.", func(h *Host) float64 { return float64(h.stats.StepsAbandoned.Load()) })
	c.add(gauge, "abandoned_goroutines", "Goroutines that were given up inside of a game and have not come back.", func(h *Host) float64 { return float64(h.stats.GoroutinesAbandoned.Load()) })
	c.add(gauge, "rooms_detached", "Rooms whose ticks are too slow for their worker's loop.", func(h *Host) float64 { return float64(h.stats.RoomsDetached.Load()) })
	c.add(counter, "rooms_moved_total", "Rooms that were moved to another worker, or to other times of their own, for their cost.", func(h *Host) float64 { return float64(h.stats.RoomsMoved.Load()) })
	return c
}

func (c *collector) add(kind prometheus.ValueType, name, help string, read func(*Host) float64) {
	c.singles = append(c.singles, single{prometheus.NewDesc("ringside_"+name, help, nil, nil), kind, read})
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, s := range c.singles {
		out <- s.desc
	}
	out <- c.late
	out <- c.closes
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.singles {
		out <- prometheus.MustNewConstMetric(s.desc, s.kind, s.read(c.host))
	}
	for why := range c.host.stats.Late {
		out <- c.host.stats.Late[why].metric(c.late, causeNames[why])
	}
	for i := range closeCodes {
		if n := c.host.stats.closes[i].Load(); n > 0 {
			out <- prometheus.MustNewConstMetric(c.closes, prometheus.CounterValue, float64(n), strconv.Itoa(int(closeCodes[i])))
		}
	}
}

// metric is the histogram as Prometheus has it.
func (h *lateness) metric(desc *prometheus.Desc, label string) prometheus.Metric {
	count, buckets := uint64(0), make(map[float64]uint64, len(lateBounds))
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < len(lateBounds) {
			buckets[float64(lateBounds[i])/1e9] = count
		}
	}
	return prometheus.MustNewConstHistogram(desc, count, float64(h.sumNS.Load())/1e9, buckets, label)
}

func (h *Host) population() (rooms, sessions float64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.rooms {
		if r.state == running {
			rooms++
			sessions += float64(r.sessions.Load())
		}
	}
	return rooms, sessions
}
