package swarm

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// barCount is how many bars a histogram has at most.
const barCount = 50

// detail is what only the page shows.
type detail struct {
	latency, gaps []Bar
	step          time.Duration
	line          []Moment // empty without Config.Timeline
	events        []Event
}

// A Bar counts the values from From to To, in ms. The last bar takes everything above.
type Bar struct {
	From, To float64
	Count    int64
}

// A Moment is one point of the time line. Numbers of the server are negative where it showed none.
type Moment struct {
	At               time.Duration // in the window: start of the point
	FramesPerS       float64
	P50, P99         float64 // input to state, ms; 0: no input
	ServerCPU        float64 // of one processor, 1 is all of it
	ServerUSPerFrame float64
	Connections      float64
}

func (s *swarm) detail(w window, latency, gaps *hdrhistogram.Histogram) detail {
	d := detail{latency: bars(latency), gaps: bars(gaps), events: s.events}
	if len(s.lanes) == 0 || len(s.lanes[0].strip.points) == 0 {
		return d
	}
	whole := s.lanes[0].strip
	for _, l := range s.lanes[1:] {
		whole.merge(&l.strip)
	}
	d.step = whole.step
	n := int(w.took / whole.step) // whole points only: half of one would look like a fall
	for i := range min(n, len(whole.points)) {
		p := &whole.points[i]
		m := Moment{
			At: time.Duration(i) * whole.step, FramesPerS: float64(p.frames) / whole.step.Seconds(),
			P50: p.quantile(0.5), P99: p.quantile(0.99), ServerCPU: -1, ServerUSPerFrame: -1, Connections: -1,
		}
		if i+1 < len(w.samples) {
			m.server(w.samples[i], w.samples[i+1])
		}
		d.line = append(d.line, m)
	}
	return d
}

// server fills in what the server showed between two looks.
func (m *Moment) server(a, b *sample) {
	if a == nil || b == nil {
		return
	}
	m.Connections = b.values[metricConnections]
	cpu, frames := grown(a, b, metricCPU), grown(a, b, metricFrames)
	if cpu < 0 { // another process
		return
	}
	m.ServerCPU = cpu / b.at.Sub(a.at).Seconds()
	if frames > 0 {
		m.ServerUSPerFrame = cpu * 1e6 / frames
	}
}

// bars counts h in even steps up to its 99.9th percentile.
func bars(h *hdrhistogram.Histogram) []Bar {
	if h.TotalCount() == 0 {
		return nil
	}
	top := float64(h.ValueAtQuantile(99.9)) / 1000
	width := 0.1
	for _, w := range []float64{0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000} {
		if top/width < barCount {
			break
		}
		width = w
	}
	all := make([]Bar, barCount+1)
	for i := range all {
		all[i].From, all[i].To = float64(i)*width, float64(i+1)*width
	}
	last := 0
	for _, b := range h.Distribution() {
		if b.Count == 0 {
			continue
		}
		i := min(int(float64(b.From)/1000/width), barCount)
		all[i].Count += b.Count
		last = max(last, i)
	}
	return all[:last+1]
}
