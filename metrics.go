package ringside

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringside-server/ringside/internal/journal"
	"github.com/ringside-server/ringside/internal/pressure"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/matchmaker"
)

// metrics is everything a scrape of this node returns. All of it is read when it is asked for; nothing is kept up to date in
// between but the host's own counters.
func (n *Node) metrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(n.host.Collector(), n.hub.Collector(), n.gate.refused, n.gate.limits, n.cfg.limitGauges())
	counter := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f))
	}
	gauge := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	counter("ringside_process_cpu_seconds_total", "User and system time of the process.", func() float64 { return sock.CPUTime().Seconds() })
	gauge("ringside_process_resident_bytes", "Memory of the process that is in RAM.", residentBytes)
	counter("ringside_process_mallocs_total", "Heap objects allocated.", func() float64 { return runtimeMetric("/gc/heap/allocs:objects") })
	counter("ringside_process_allocated_bytes_total", "Bytes of heap objects allocated.", func() float64 { return runtimeMetric("/gc/heap/allocs:bytes") })
	gauge("ringside_process_live_bytes", "Heap that the last garbage collection found in use.", func() float64 { return runtimeMetric("/gc/heap/live:bytes") })
	counter("ringside_process_gc_cycles_total", "Garbage collections.", func() float64 { return runtimeMetric("/gc/cycles/total:gc-cycles") })
	gauge("ringside_process_goroutines", "Goroutines.", func() float64 { return runtimeMetric("/sched/goroutines:goroutines") })

	gauge("ringside_directory_rooms_starting", "Rooms assigned and not yet running.", func() float64 { return float64(n.dir.Stats().Starting) })
	gauge("ringside_directory_rooms_running", "Rooms that run.", func() float64 { return float64(n.dir.Stats().Running) })
	gauge("ringside_directory_seats_reserved", "Seats sold and not yet taken.", func() float64 { return float64(n.dir.Stats().Reserved) })
	gauge("ringside_directory_seats_taken", "Seats taken.", func() float64 { return float64(n.dir.Stats().Taken) })
	tickets := func(f func(t matchmaker.TicketStats) float64) func() float64 {
		return func() float64 { return f(n.matcher.TicketStats()) }
	}
	gauge("ringside_tickets_waiting", "Tickets that wait for a match.", tickets(func(t matchmaker.TicketStats) float64 { return float64(t.Waiting) }))
	gauge("ringside_tickets_median_wait_seconds", "How long the last matched tickets waited.", tickets(func(t matchmaker.TicketStats) float64 { return t.MedianWait.Seconds() }))
	gauge("ringside_tickets_pass_seconds", "How long the last matching pass took.", tickets(func(t matchmaker.TicketStats) float64 { return t.LastPass.Seconds() }))
	counter("ringside_tickets_created_total", "Tickets made.", tickets(func(t matchmaker.TicketStats) float64 { return float64(t.Created) }))
	counter("ringside_tickets_matched_total", "Tickets that got a match.", tickets(func(t matchmaker.TicketStats) float64 { return float64(t.Matched) }))
	counter("ringside_tickets_expired_total", "Tickets that waited too long.", tickets(func(t matchmaker.TicketStats) float64 { return float64(t.Expired) }))
	gauge("ringside_webhook_undelivered", "Ends of rooms that the webhook has not acknowledged.", func() float64 { return float64(n.dir.Stats().Undelivered) })
	counter("ringside_webhook_lost_total", "Ends of rooms that the webhook was never told.", func() float64 { return float64(n.dir.Stats().Lost) })

	kept := func(f func(j journal.Stats) float64) func() float64 {
		return func() float64 { return f(n.journal.Stats()) }
	}
	gauge("ringside_journal_pending_bytes", "Bytes of rooms that are not on disk yet.", kept(func(j journal.Stats) float64 { return float64(j.Pending) }))
	gauge("ringside_journal_disk_bytes", "Bytes of rooms on disk.", kept(func(j journal.Stats) float64 { return float64(j.Disk) }))
	gauge("ringside_journal_degraded", "1 while a crash would lose more of rooms than a tenth of a second.", kept(func(j journal.Stats) float64 {
		if j.Degraded() {
			return 1
		}
		return 0
	}))
	counter("ringside_journal_written_bytes_total", "Bytes of rooms written to disk.", kept(func(j journal.Stats) float64 { return float64(j.Written) }))
	counter("ringside_journal_dropped_bytes_total", "Bytes of rooms that the disk was too slow for.", kept(func(j journal.Stats) float64 { return float64(j.Dropped) }))
	counter("ringside_journal_errors_total", "Times the disk refused to keep rooms.", kept(func(j journal.Stats) float64 { return float64(j.Errors) }))

	reg.MustRegister(pressureCollector{n.guard.monitor})
	gauge("ringside_clock_ahead_seconds", "How far the machine's clock is ahead of the one that seats and tickets go by.", func() float64 { return n.clock.Gap().Seconds() })

	counter("ringside_log_commands_total", "Commands applied since the start, replay included.", func() float64 { return float64(n.store.Stats().Commands) })
	counter("ringside_log_entries_total", "Entries written to the log.", func() float64 { return float64(n.store.Stats().Entries) })
	counter("ringside_log_syncs_total", "Syncs of the log to disk.", func() float64 { return float64(n.store.Stats().Syncs) })
	return reg
}

func runtimeMetric(name string) float64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return float64(s[0].Value.Uint64())
}

// residentBytes is 0 where the system does not say.
func residentBytes() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize())
}

// A pressureCollector shows what the node can run out of.
type pressureCollector struct{ monitor *pressure.Monitor }

var (
	pressureRatio = prometheus.NewDesc("ringside_pressure_ratio", "Of what the node may have of a resource, how much is taken.", []string{"resource"}, nil)
	pressureStop  = prometheus.NewDesc("ringside_admission_stopped", "1 while nothing new is taken for want of a resource.", []string{"resource"}, nil)
)

// Describe implements prometheus.Collector.
func (c pressureCollector) Describe(out chan<- *prometheus.Desc) {
	out <- pressureRatio
	out <- pressureStop
}

// Collect implements prometheus.Collector.
func (c pressureCollector) Collect(out chan<- prometheus.Metric) {
	for _, l := range c.monitor.Levels() {
		stopped := 0.0
		if l.Stopped {
			stopped = 1
		}
		out <- prometheus.MustNewConstMetric(pressureRatio, prometheus.GaugeValue, l.Ratio, l.Resource)
		out <- prometheus.MustNewConstMetric(pressureStop, prometheus.GaugeValue, stopped, l.Resource)
	}
}
