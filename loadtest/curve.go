package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Bounds of a curve: a run of everything beyond them takes a day.
const (
	maxCurveRuns   = 100
	maxCurvePoints = 32
	maxCurveBots   = 20_000
	// curveDelivered is the share of its states that a bot must get. Costs are measured where the machine is short of processors,
	// too; states that are wrong are faults as ever.
	curveDelivered = 0.95
)

// A curveConfig says what to measure.
type curveConfig struct {
	connections []int
	variants    []variant
	players     int
	runs        int
	duration    time.Duration
	game        string
	proxy       string // the proxy's program
}

// A curvePoint is what a variant costs at a number of connections: medians of its runs.
type curvePoint struct {
	Variant     string     `json:"variant"`
	Connections int        `json:"connections"`
	CPUUS       float64    `json:"cpu_us_per_state"` // the proxy's included
	LowUS       float64    `json:"cpu_us_low"`
	HighUS      float64    `json:"cpu_us_high"`
	StepUS      float64    `json:"step_us_per_state,omitempty"` // of CPUUS in the game's code
	Runs        []curveRun `json:"runs"`
}

// A curveRun is one measurement.
type curveRun struct {
	CPUUS     float64  `json:"cpu_us_per_state"`
	StepUS    float64  `json:"step_us_per_state,omitempty"`
	ProxyUS   float64  `json:"proxy_us_per_state,omitempty"` // of CPUUS in the proxy's process
	GapP99MS  float64  `json:"gap_p99_ms,omitempty"`
	LateP99MS float64  `json:"late_p99_ms"`
	Errors    []string `json:"errors,omitempty"`
}

// A curveRatio holds one variant against another: the median of what the runs of each round say, for a machine changes from round to
// round, and the rounds' range.
type curveRatio struct {
	Of          string  `json:"of"`
	To          string  `json:"to"`
	Connections int     `json:"connections"`
	WithoutGame bool    `json:"without_game"`
	Ratio       float64 `json:"ratio"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
}

// A curveReport is what `loadtest curve` found.
type curveReport struct {
	Game       string       `json:"game"`
	Players    int          `json:"players"`
	DurationS  float64      `json:"duration_s"`
	CPU        string       `json:"cpu,omitempty"`
	Processors int          `json:"processors"`
	Points     []curvePoint `json:"points"`
	Ratios     []curveRatio `json:"ratios"`
}

// curve measures what a state costs at several numbers of connections, served in several ways.
func curve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("loadtest curve", flag.ContinueOnError)
	connections := flags.String("connections", "128,512,1000,2000", "how many, with commas between them")
	names := flags.String("variants", "ours,floor,portable,plain,tls", "what to measure, with commas between them: "+strings.Join(variantNames(), ", "))
	var cfg curveConfig
	flags.IntVar(&cfg.players, "players", 8, "connections in each room")
	flags.IntVar(&cfg.runs, "runs", 3, "how often; the medians count")
	flags.DurationVar(&cfg.duration, "duration", 5*time.Second, "how long to measure each time")
	flags.StringVar(&cfg.game, "game", "arena", "what to play: arena or cards")
	flags.StringVar(&cfg.proxy, "haproxy", "haproxy", "`program` of the proxy, for the variant haproxy")
	file := flags.String("json", "", "write the result to this `file`")
	picture := flags.String("svg", "", "draw the result into this `file`")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	if err := cfg.read(*connections, *names); err != nil {
		return err
	}
	out, err := openOutput("json", *file)
	if err != nil {
		return err
	}
	defer out.close()
	drawing, err := openOutput("svg", *picture)
	if err != nil {
		return err
	}
	defer drawing.close()
	r, err := cfg.measure(ctx)
	if err != nil {
		return err
	}
	r.print()
	if err := errors.Join(out.json(r), drawing.write(r.draw)); err != nil {
		return err
	}
	if r.failed() {
		return errFailed
	}
	return nil
}

// read takes the lists of the command line in and checks everything.
func (c *curveConfig) read(connections, names string) error {
	for text := range strings.SplitSeq(connections, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		switch {
		case err != nil || n < 1 || n > maxCurveBots:
			return fmt.Errorf("-connections %q: want numbers of 1 to %d with commas between them", text, maxCurveBots)
		case c.players < 1 || n%c.players != 0:
			return fmt.Errorf("-connections %d: want a multiple of -players %d", n, c.players)
		}
		c.connections = append(c.connections, n)
	}
	for name := range strings.SplitSeq(names, ",") {
		v, ok := variantByName(strings.TrimSpace(name))
		if !ok {
			return fmt.Errorf("-variants: unknown %q: want some of %s", name, strings.Join(variantNames(), ", "))
		}
		c.variants = append(c.variants, v)
	}
	slices.Sort(c.connections)
	c.connections = slices.Compact(c.connections)
	slices.SortFunc(c.variants, func(a, b variant) int { return a.place() - b.place() })
	c.variants = slices.CompactFunc(c.variants, func(a, b variant) bool { return a.name == b.name })
	switch {
	case len(c.connections)*len(c.variants) > maxCurvePoints*len(variants):
		return fmt.Errorf("-connections: %d numbers: want at most %d", len(c.connections), maxCurvePoints)
	case players[c.game] == nil:
		return fmt.Errorf("-game %q: want arena or cards", c.game)
	case c.runs < 1 || c.runs > maxCurveRuns:
		return fmt.Errorf("-runs %d: want 1 to %d", c.runs, maxCurveRuns)
	case c.duration < 100*time.Millisecond || c.duration > time.Hour:
		return fmt.Errorf("-duration %v: want 100ms to 1h", c.duration)
	}
	return nil
}

// measure makes all runs: each round measures everything once, so that what the machine does meanwhile meets all variants alike.
func (c *curveConfig) measure(ctx context.Context) (*curveReport, error) {
	r := &curveReport{Game: c.game, Players: c.players, DurationS: c.duration.Seconds(), CPU: cpuModel(), Processors: runtime.NumCPU()}
	for _, v := range c.variants {
		for _, n := range c.connections {
			r.Points = append(r.Points, curvePoint{Variant: v.name, Connections: n})
		}
	}
	b, err := newBench(c)
	if err != nil {
		return nil, err
	}
	defer b.close()
	all, done := len(r.Points)*c.runs, 0
	for round := range c.runs {
		for i, n := range c.connections {
			for k, v := range c.variants {
				done++
				b.meter.line(fmt.Sprintf("%d of %d: run %d, %d connections, %s", done, all, round+1, n, v.name))
				run, err := b.run(ctx, v, n)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err != nil {
					return nil, fmt.Errorf("%s at %d connections: %w", v.name, n, err)
				}
				b.meter.line(fmt.Sprintf("  %.2f µs of CPU per state", run.CPUUS))
				for _, e := range run.Errors {
					b.meter.line("  FAILED: " + e)
				}
				p := &r.Points[k*len(c.connections)+i]
				p.Runs = append(p.Runs, run)
			}
		}
	}
	r.sum()
	return r, nil
}

// sum fills in what follows from the runs.
func (r *curveReport) sum() {
	for i := range r.Points {
		p := &r.Points[i]
		p.LowUS, p.CPUUS, p.HighUS = spread(p.Runs, func(c curveRun) float64 { return c.CPUUS })
		_, p.StepUS, _ = spread(p.Runs, func(c curveRun) float64 { return c.StepUS })
	}
	for _, pair := range []struct {
		of, to      string
		withoutGame bool
	}{{"ours", "floor", true}, {"portable", "plain", true}, {"portable", "ours", false}, {"tls", "ours", false}, {"haproxy", "tls", false}} {
		for i := range r.Points {
			of := &r.Points[i]
			to := r.point(pair.to, of.Connections)
			if of.Variant != pair.of || to == nil {
				continue
			}
			ratios := make([]curveRun, len(of.Runs))
			for k := range of.Runs {
				cpu := of.Runs[k].CPUUS
				if pair.withoutGame {
					cpu -= of.Runs[k].StepUS
				}
				ratios[k].CPUUS = cpu / to.Runs[k].CPUUS
			}
			q := curveRatio{Of: pair.of, To: pair.to, Connections: of.Connections, WithoutGame: pair.withoutGame}
			q.Low, q.Ratio, q.High = spread(ratios, func(c curveRun) float64 { return c.CPUUS })
			r.Ratios = append(r.Ratios, q)
		}
	}
}

// point is that of a variant; nil if it was not measured.
func (r *curveReport) point(name string, connections int) *curvePoint {
	i := slices.IndexFunc(r.Points, func(p curvePoint) bool { return p.Variant == name && p.Connections == connections })
	if i < 0 {
		return nil
	}
	return &r.Points[i]
}

// spread is the least, the median and the most of a figure.
func spread(runs []curveRun, of func(curveRun) float64) (low, median, high float64) {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = of(r)
	}
	slices.Sort(all)
	n := len(all)
	return all[0], (all[(n-1)/2] + all[n/2]) / 2, all[n-1]
}

func (r *curveReport) failed() bool {
	return slices.ContainsFunc(r.Points, func(p curvePoint) bool {
		return slices.ContainsFunc(p.Runs, func(c curveRun) bool { return len(c.Errors) > 0 })
	})
}

// print writes the figures for a person.
func (r *curveReport) print() {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "variant\tconnections\tµs per state\tleast–most\tof it the game\tof it the proxy\tgap p99\tlate p99\n")
	for _, p := range r.Points {
		_, proxy, _ := spread(p.Runs, func(c curveRun) float64 { return c.ProxyUS })
		_, gap, _ := spread(p.Runs, func(c curveRun) float64 { return c.GapP99MS })
		_, late, _ := spread(p.Runs, func(c curveRun) float64 { return c.LateP99MS })
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f–%.2f\t%.2f\t%.2f\t%.1f ms\t%.2f ms\n", p.Variant, p.Connections, p.CPUUS, p.LowUS, p.HighUS, p.StepUS, proxy, gap, late)
	}
	t.Flush()
	for _, q := range r.Ratios {
		game := ""
		if q.WithoutGame {
			game = ", the game's code left out"
		}
		fmt.Printf("%s to %s at %d connections: %.2f (%.2f–%.2f)%s\n", q.Of, q.To, q.Connections, q.Ratio, q.Low, q.High, game)
	}
}

// draw writes the picture: what a state costs against connections.
func (r *curveReport) draw(w io.Writer) error {
	c := lineChart{
		title:  "Server CPU per state, in µs",
		note:   fmt.Sprintf("%s, rooms of %d, one input per state and player; medians, bars from least to most", r.Game, r.Players),
		xTitle: "connections",
	}
	for _, p := range r.Points {
		v, _ := variantByName(p.Variant)
		if len(c.lines) == 0 || c.lines[len(c.lines)-1].name != v.title {
			c.lines = append(c.lines, chartLine{name: v.title, style: v.place()})
		}
		l := &c.lines[len(c.lines)-1]
		l.points = append(l.points, chartPoint{x: float64(p.Connections), y: p.CPUUS, low: p.LowUS, high: p.HighUS})
	}
	return c.write(w)
}
