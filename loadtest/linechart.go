package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
)

// The drawing's measures, in the SVG's own units.
const (
	chartWidth, chartHeight = 820.0, 440.0
	chartLeft, chartRight   = 58.0, 610.0 // of the plot; right of it are the lines' names
	chartTop, chartBottom   = 64.0, 384.0
	labelHeight             = 17.0 // names are no nearer to each other
	chartTicks              = 6    // of an axis, about
)

// A lineChart is a drawing of lines above numbers.
type lineChart struct {
	title, note string
	xTitle      string
	lines       []chartLine
}

// A chartLine is one of them; its place in the chart is its colour.
type chartLine struct {
	name   string
	style  int // its colours, see chartStyle
	points []chartPoint
}

// A chartPoint is a median with its range.
type chartPoint struct{ x, y, low, high float64 }

// chartStyle has a colour for each line, which go with a light page and a dark one. The drawing brings its own ground. Colours are
// written out, for not everything that shows SVG knows variables.
const chartStyle = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.ground { fill: #ffffff; } .title { font-size: 16px; font-weight: 600; } .note { fill: #59636e; }
.grid { stroke: #d9dee3; } .axis { stroke: #59636e; }
polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.range { stroke-width: 1.5; opacity: .6; } .lead { stroke-width: 1; opacity: .6; }
.s0 { stroke: #0969da; } .f0 { fill: #0969da; } .s1 { stroke: #59636e; } .f1 { fill: #59636e; } .s2 { stroke: #bc4c00; } .f2 { fill: #bc4c00; }
.s3 { stroke: #8250df; } .f3 { fill: #8250df; } .s4 { stroke: #1a7f37; } .f4 { fill: #1a7f37; } .s5 { stroke: #cf222e; } .f5 { fill: #cf222e; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .ground { fill: #0d1117; } .note { fill: #9198a1; } .grid { stroke: #30363d; } .axis { stroke: #9198a1; }
.s0 { stroke: #58a6ff; } .f0 { fill: #58a6ff; } .s1 { stroke: #9198a1; } .f1 { fill: #9198a1; } .s2 { stroke: #f0883e; } .f2 { fill: #f0883e; }
.s3 { stroke: #bc8cff; } .f3 { fill: #bc8cff; } .s4 { stroke: #3fb950; } .f4 { fill: #3fb950; } .s5 { stroke: #ff7b72; } .f5 { fill: #ff7b72; }
}
</style>
`

// write draws the chart.
func (c *lineChart) write(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\" aria-label=\"%s\">\n",
		chartWidth, chartHeight, chartWidth, chartHeight, html.EscapeString(c.title))
	fmt.Fprint(w, chartStyle)
	fmt.Fprintf(w, "<rect width=\"%g\" height=\"%g\" rx=\"6\" class=\"ground\"/>\n", chartWidth, chartHeight)
	fmt.Fprintf(w, "<text class=\"title\" x=\"%g\" y=\"26\">%s</text>\n", chartLeft-40, html.EscapeString(c.title))
	fmt.Fprintf(w, "<text class=\"note\" x=\"%g\" y=\"46\">%s</text>\n", chartLeft-40, html.EscapeString(c.note))
	x, y := c.axes()
	c.writeAxes(w, x, y)
	for _, l := range c.lines {
		l.write(w, x, y)
	}
	c.writeNames(w, y)
	fmt.Fprint(w, "</svg>\n")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}

// axes begin at 0 and end where a tick is.
func (c *lineChart) axes() (x, y scale) {
	var mostX, mostY float64
	for _, l := range c.lines {
		for _, p := range l.points {
			mostX, mostY = max(mostX, p.x), max(mostY, p.high)
		}
	}
	x, y = newScale(mostX, chartLeft, chartRight), newScale(mostY, chartBottom, chartTop)
	x.high = max(mostX, x.step) // the last connections stand at the edge, beside their names
	return x, y
}

func (c *lineChart) writeAxes(w io.Writer, x, y scale) {
	for _, v := range y.ticks() {
		at := y.at(v)
		fmt.Fprintf(w, "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>\n", chartLeft, chartRight, at, at)
		fmt.Fprintf(w, "<text class=\"note\" x=\"%g\" y=\"%g\" text-anchor=\"end\">%g</text>\n", chartLeft-8, at+4.5, v)
	}
	fmt.Fprintf(w, "<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>\n", chartLeft, chartRight, chartBottom, chartBottom)
	for _, v := range x.ticks() {
		at := x.at(v)
		fmt.Fprintf(w, "<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>\n", at, at, chartBottom, chartBottom+5)
		fmt.Fprintf(w, "<text class=\"note\" x=\"%g\" y=\"%g\" text-anchor=\"middle\">%g</text>\n", at, chartBottom+20, v)
	}
	fmt.Fprintf(w, "<text class=\"note\" x=\"%g\" y=\"%g\" text-anchor=\"middle\">%s</text>\n", (chartLeft+chartRight)/2, chartBottom+42, html.EscapeString(c.xTitle))
}

func (l *chartLine) write(w io.Writer, x, y scale) {
	for _, p := range l.points {
		fmt.Fprintf(w, "<line class=\"range s%d\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>\n", l.style, x.at(p.x), x.at(p.x), y.at(p.low), y.at(p.high))
	}
	fmt.Fprintf(w, "<polyline class=\"s%d\" points=\"", l.style)
	for i, p := range l.points {
		if i > 0 {
			fmt.Fprint(w, " ")
		}
		fmt.Fprintf(w, "%g,%g", x.at(p.x), y.at(p.y))
	}
	fmt.Fprint(w, "\"/>\n")
	for _, p := range l.points {
		fmt.Fprintf(w, "<circle class=\"f%d\" cx=\"%g\" cy=\"%g\" r=\"3.5\"><title>%s, %g: %.1f (%.1f–%.1f)</title></circle>\n",
			l.style, x.at(p.x), y.at(p.y), html.EscapeString(l.name), p.x, p.y, p.low, p.high)
	}
}

// writeNames puts each line's name and last figure beside its end, those that would overlap moved apart.
func (c *lineChart) writeNames(w io.Writer, y scale) {
	wanted := make([]float64, len(c.lines))
	for i, l := range c.lines {
		wanted[i] = y.at(l.points[len(l.points)-1].y)
	}
	for i, at := range apart(wanted, labelHeight, chartTop, chartBottom) {
		l := c.lines[i]
		fmt.Fprintf(w, "<line class=\"lead s%d\" x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\"/>\n", l.style, chartRight+6, wanted[i], chartRight+18, at)
		fmt.Fprintf(w, "<text class=\"f%d\" x=\"%g\" y=\"%g\">%s %.1f</text>\n", l.style, chartRight+22, at+4.5, html.EscapeString(l.name), l.points[len(l.points)-1].y)
	}
}

// apart moves places so that they are at least gap from each other and, as long as there is room, between low and high. Their order
// stays.
func apart(wanted []float64, gap, low, high float64) []float64 {
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if wanted[a] < wanted[b] {
			return -1
		}
		if wanted[a] > wanted[b] {
			return 1
		}
		return 0
	})
	got := slices.Clone(wanted)
	next := low
	for _, i := range order { // down
		got[i] = max(got[i], next)
		next = got[i] + gap
	}
	next = high
	for _, i := range slices.Backward(order) { // and back up where that went too far
		got[i] = min(got[i], next)
		next = got[i] - gap
	}
	return got
}

// A scale maps 0 to high onto from to to.
type scale struct{ high, step, from, to float64 }

// newScale ends at the first tick that is not below most.
func newScale(most, from, to float64) scale {
	s := scale{step: niceStep(most / chartTicks), from: from, to: to}
	s.high = max(math.Ceil(most/s.step-1e-9), 1) * s.step
	return s
}

// niceStep is the next of 1, 2, 2.5, 5 × 10^n.
func niceStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if v <= m*unit*(1+1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

func (s scale) at(v float64) float64 {
	return math.Round((s.from+v/s.high*(s.to-s.from))*100) / 100 // a pixel has no more digits
}

func (s scale) ticks() (all []float64) {
	for k := 0.0; k*s.step <= s.high*(1+1e-9); k++ {
		all = append(all, math.Round(k*s.step*1e6)/1e6)
	}
	return all
}
