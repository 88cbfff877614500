package swarm

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"runtime"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// A Machine is what somebody needs to know to run the same again. No names of hosts and no paths belong into it.
type Machine struct {
	CPU     string // model; "" unknown
	Command string // that ran
}

// A page is what the template shows.
type page struct {
	Report  *Report
	Machine Machine
	Facts   []row
	Checks  []check
	Charts  []chart
	Lines   []chart
	Verdict string
	Passed  bool
}

type row struct{ Name, Text string }

// A check is one promise and whether it was kept.
type check struct {
	Name, Got string
	OK        bool
}

// WriteHTML writes the report as a page that needs nothing but itself, with charts if it was made with Config.Timeline.
func (r *Report) WriteHTML(w io.Writer, m Machine) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("parse the page: %w", err)
	}
	p := page{Report: r, Machine: m, Checks: r.checks(), Passed: len(r.Errors) == 0 && !r.Interrupted, Verdict: "all checks passed"}
	switch {
	case r.Interrupted:
		p.Verdict = "interrupted: a part of a run"
	case !p.Passed:
		p.Verdict = "checks failed"
	}
	p.Facts = []row{
		{"processor", fmt.Sprintf("%s, %d logical", orUnknown(m.CPU), runtime.NumCPU())},
		{"system", runtime.GOOS + "/" + runtime.GOARCH}, {"Go", runtime.Version()}, {"command", m.Command},
	}
	p.Charts = []chart{
		histogram("Input → state", "from sending an input to the first state that includes it", r.detail.latency),
		histogram("State → state", "between two states at one client", r.detail.gaps),
	}
	p.Lines = r.detail.charts()
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// checks are the promises of the report, for the summary.
func (r *Report) checks() []check {
	bots := r.Rooms * r.Players
	all := []check{
		{"joined", fmt.Sprintf("%d of %d", r.Joins, bots), r.Joins == bots && r.JoinErrors == 0},
		{"hashes that differ", fmt.Sprintf("%d of %d", r.HashMismatches, r.HashChecks), r.HashMismatches == 0},
		{"states that did not decode", fmt.Sprint(r.DecodeErrors), r.DecodeErrors == 0},
	}
	if r.Chaos == nil {
		all = append(all, check{"disconnects", fmt.Sprint(r.Disconnects), r.Disconnects == 0})
	} else {
		c := r.Chaos
		all = append(all,
			check{"seats lost", fmt.Sprint(c.SeatsLost), c.SeatsLost == 0},
			check{"back after the new process listened, at most", fmt.Sprintf("%.0f ms", c.BackMS.Max), c.BackMS.Max <= float64(maxBack.Milliseconds()) && c.SeatsLost == 0},
			check{"play lost, at most", fmt.Sprintf("%.2f s (%d ticks), %d inputs", c.PlayLostSMax, c.TicksLostMax, c.InputsLost), c.PlayLostSMax <= maxPlayLost.Seconds()},
			check{"states of an owner whose epoch was over", fmt.Sprint(c.OwnerOverlaps), c.OwnerOverlaps == 0})
	}
	return append(all, check{"faults", fmt.Sprint(len(r.Errors)), len(r.Errors) == 0})
}

// Rows are the figures without a check.
func (r *Report) Rows() []row {
	rows := []row{
		{"run", fmt.Sprintf("%s, %d rooms × %d players, %.1f s", r.Game, r.Rooms, r.Players, r.DurationS)},
		{"frames", fmt.Sprintf("%d states of %.1f B, %d inputs", r.Frames, r.PayloadBytesPerFrame, r.InputsSent)},
		{"input → state", r.latencyText()},
		{"state → state", fmt.Sprintf("p50 %.1f  p99 %.1f  max %.1f ms", r.FrameGapMS.P50, r.FrameGapMS.P99, r.FrameGapMS.Max)},
		{"client CPU", fmt.Sprintf("%.1f µs per frame", r.ClientCPUUSPerFrame)},
	}
	if c := r.Chaos; c != nil {
		rows = append(rows,
			row{c.Kind, fmt.Sprintf("%d trials", c.Trials)},
			row{"back", fmt.Sprintf("p50 %.0f  p99 %.0f  max %.0f ms after the new process listened", c.BackMS.P50, c.BackMS.P99, c.BackMS.Max)},
			row{"gap", fmt.Sprintf("p50 %.0f  p99 %.0f  max %.0f ms between two states", c.GapMS.P50, c.GapMS.P99, c.GapMS.Max)})
	}
	if v := r.Server; v != nil {
		rows = append(rows,
			row{"server CPU", fmt.Sprintf("%.2f s, %.1f µs per frame, of it the game's code %.2f", v.CPUS, v.CPUUSPerFrame, v.StepUSPerFrame)},
			row{"server memory", fmt.Sprintf("%.1f MiB, %s KiB per connection", v.RSSBytes/(1<<20), v.perConnection())},
			row{"ticks late", fmt.Sprintf("p50 %.2f  p99 %.2f ms", v.TickLateMS.P50, v.TickLateMS.P99)},
			row{"allocations", fmt.Sprintf("%.0f per s, idle %.0f", v.AllocsPerS, v.AllocsPerSIdle)})
	}
	if f := r.Floor; f != nil {
		rows = append(rows,
			row{"floor", f.costText()}, row{"server to floor", f.ratioText()},
			row{"an empty loop late", fmt.Sprintf("p50 %.2f  p99 %.2f ms", f.LoopLateMS.P50, f.LoopLateMS.P99)})
	}
	return rows
}

// The charts' drawing area, in the SVG's own units.
const (
	plotLeft, plotTop     = 44.0, 8.0
	plotWidth, plotHeight = 640.0, 150.0
	maxTicks              = 5
)

// A chart is a drawing with all its places computed.
type chart struct {
	Title, Note string
	Bars        []bar
	Lines       []polyline
	Marks       []mark // events
	X, Y        []tick
	Legend      bool
}

// Empty reports whether there is nothing to draw.
func (c chart) Empty() bool { return len(c.Bars) == 0 && len(c.Lines) == 0 }

type bar struct {
	X, Y, W, H float64
	Tip        string
}

type polyline struct {
	Name   string
	Class  string
	Points string
}

type tick struct {
	At   float64
	Text string
}

type mark struct {
	X    float64
	Text string
	Row  float64 // y of its text: neighbours do not overlap
}

func histogram(title, note string, bars []Bar) chart {
	c := chart{Title: title, Note: note}
	most := int64(0)
	total := int64(0)
	for _, b := range bars {
		most, total = max(most, b.Count), total+b.Count
	}
	if most == 0 {
		return c
	}
	top := roundUp(float64(most))
	width := plotWidth / float64(len(bars))
	for i, b := range bars {
		h := float64(b.Count) / top * plotHeight
		if b.Count > 0 {
			h = max(h, 1) // one of a million is still to be seen
		}
		c.Bars = append(c.Bars, bar{
			X: fixed(plotLeft + float64(i)*width), Y: fixed(plotTop + plotHeight - h), W: fixed(max(width-1, 0.5)), H: fixed(h),
			Tip: fmt.Sprintf("%s to %s ms: %d (%.2f %%)", short(b.From), short(b.To), b.Count, 100*float64(b.Count)/float64(total)),
		})
	}
	c.X = ticks(0, bars[len(bars)-1].To, plotLeft, plotLeft+plotWidth, " ms")
	c.Y = ticks(0, top, plotTop+plotHeight, plotTop, "")
	return c
}

// charts are the time lines.
func (d *detail) charts() []chart {
	if len(d.line) == 0 {
		return nil
	}
	type series struct {
		name string
		of   func(m *Moment) float64
	}
	draw := func(title, unit string, all ...series) chart {
		c := chart{Title: title, Legend: len(all) > 1}
		most := 0.0
		for i := range d.line {
			for _, s := range all {
				most = max(most, s.of(&d.line[i]))
			}
		}
		if most <= 0 {
			return c
		}
		top, span := roundUp(most), (time.Duration(len(d.line)) * d.step).Seconds()
		for k, s := range all {
			var points strings.Builder
			for i := range d.line {
				m := &d.line[i]
				if v := s.of(m); v >= 0 {
					fmt.Fprintf(&points, "%g,%g ", fixed(plotLeft+(m.At+d.step/2).Seconds()/span*plotWidth), fixed(plotTop+plotHeight*(1-v/top)))
				}
			}
			c.Lines = append(c.Lines, polyline{Name: s.name, Class: fmt.Sprintf("line%d", k+1), Points: strings.TrimSpace(points.String())})
		}
		c.X, c.Y = ticks(0, span, plotLeft, plotLeft+plotWidth, " s"), ticks(0, top, plotTop+plotHeight, plotTop, unit)
		for i, e := range d.events {
			if x := e.At.Seconds() / span; x >= 0 && x <= 1 {
				c.Marks = append(c.Marks, mark{X: fixed(plotLeft + x*plotWidth), Text: e.Text, Row: plotTop + 9 + 11*float64(i%3)})
			}
		}
		return c
	}
	return []chart{
		draw("States per second, all clients", "", series{"states", func(m *Moment) float64 { return m.FramesPerS }}),
		draw("Input → state", " ms", series{"p50", func(m *Moment) float64 { return m.P50 }}, series{"p99", func(m *Moment) float64 { return m.P99 }}),
		draw("Server CPU, of one processor", " %", series{"CPU", func(m *Moment) float64 { return 100 * m.ServerCPU }}),
		draw("Server CPU per frame", " µs", series{"CPU", func(m *Moment) float64 { return m.ServerUSPerFrame }}),
		draw("Connections", "", series{"connections", func(m *Moment) float64 { return m.Connections }}),
	}
}

// roundUp is the next number of 1, 1.5, 2, 3, 4, 5, 6, 8 × 10^n: where an axis may end.
func roundUp(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if v <= m*unit*1.0000001 {
			return m * unit
		}
	}
	return 10 * unit
}

// ticks are the labels of an axis from low to high, drawn from a to b.
func ticks(low, high, a, b float64, unit string) (all []tick) {
	step := roundUp((high - low) / maxTicks)
	for v := low; v <= high*1.0000001; v += step {
		all = append(all, tick{At: fixed(a + (v-low)/(high-low)*(b-a)), Text: short(v) + unit})
	}
	return all
}

// short is a number for a label.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}

// fixed keeps two digits behind the point: a pixel has no more.
func fixed(v float64) float64 { return math.Round(v*100) / 100 }
