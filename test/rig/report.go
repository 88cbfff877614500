package rig

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// measured is how long a case's window is at least when a report is written, and how long the quiet one before it.
const measured = 3 * time.Second

var (
	reportPath = flag.String("report", "", "write the catalogue of cases to this `file`, with the neighbours' frame gaps against a quiet time")
	report     struct {
		sync.Mutex
		rows []row
	}
)

type row struct {
	area, name, got string
	quiet, during   Window
}

// Main runs the tests of a package that uses the rig: the end of TestMain.
func Main(m *testing.M) {
	flag.Parse()
	code := m.Run()
	RemoveBinary()
	if *reportPath != "" {
		if err := writeReport(*reportPath); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Case is one line of the catalogue: act does the hostile thing, checks what it met with and returns that in a few words, such as
// "4003 malformed message". The neighbours must not lose anything meanwhile. area is the heading below which it stands.
func (b *Neighbours) Case(t *testing.T, area, name string, act func(t *testing.T) (got string)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		r := row{area: area, name: name}
		if *reportPath != "" {
			r.quiet = b.Watch(t, func() { time.Sleep(measured) })
		}
		r.during = b.Watch(t, func() {
			end := time.Now().Add(measured)
			r.got = act(t)
			if *reportPath != "" {
				time.Sleep(time.Until(end))
			}
		})
		r.during.Unharmed(t)
		t.Logf("%s; neighbours: gap p50 %v p99 %v max %v over %d states", r.got, r.during.P50, r.during.P99, r.during.Max, r.during.States)
		report.Lock()
		report.rows = append(report.rows, r)
		report.Unlock()
	})
}

// writeReport writes the cases as tables in Markdown, one for each area in the order of the first of its cases.
func writeReport(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	var areas []string
	for _, r := range report.rows {
		if !slices.Contains(areas, r.area) {
			areas = append(areas, r.area)
		}
	}
	var ratios []float64
	for _, area := range areas {
		fmt.Fprintf(w, "### %s\n\n| case | what it meets with | neighbours' gap p99, quiet | during | ratio |\n|---|---|---|---|---|\n", area)
		for _, r := range report.rows {
			if r.area != area {
				continue
			}
			ratio := float64(r.during.P99) / float64(max(r.quiet.P99, 1))
			ratios = append(ratios, ratio)
			fmt.Fprintf(w, "| %s | %s | %.1f ms | %.1f ms | %.2f |\n", r.name, strings.ReplaceAll(r.got, "|", "\\|"), ms(r.quiet.P99), ms(r.during.P99), ratio)
		}
		fmt.Fprintln(w)
	}
	slices.Sort(ratios)
	if n := len(ratios); n > 0 {
		fmt.Fprintf(w, "%d cases; ratio of gaps: median %.2f, largest %.2f.\n", n, ratios[n/2], ratios[n-1])
	}
	return w.Flush()
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }
