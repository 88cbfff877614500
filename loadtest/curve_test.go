package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

func TestCurveFlagsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-connections 8,x", `-connections "x"`},
		{"-connections 12", "multiple of -players 8"},
		{"-connections 0", "1 to 20000"},
		{"-connections 40000", "1 to 20000"},
		{"-players 0", "-players 0"},
		{"-variants ours,slow", `"slow": want some of ours, floor`},
		{"-variants floor -runs 0", "-runs 0"},
		{"-variants floor -duration 1ms", "-duration 1ms"},
		{"-game chess", `-game "chess"`},
		{"-svg /nowhere/x.svg", "-svg"},
		{"-json /nowhere/x.json", "-json"},
		{"more", `"more"`},
	} {
		if err := curve(t.Context(), strings.Fields(c.args)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("curve %s: %v, want %q in it", c.args, err, c.want)
		}
	}
}

func TestCurveListsAreSortedAndOnceEach(t *testing.T) {
	c := curveConfig{players: 8, runs: 1, duration: time.Second, game: "arena"}
	if err := c.read(" 512,128, 512", "floor,tls,ours,floor"); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range c.variants {
		names = append(names, v.name)
	}
	if !slices.Equal(c.connections, []int{128, 512}) || strings.Join(names, ",") != "ours,floor,tls" {
		t.Errorf("%v, %v", c.connections, names)
	}
}

// Ratios are taken within rounds: a machine that is twice as slow in one of them changes no ratio.
func TestCurveSums(t *testing.T) {
	r := curveReport{Points: []curvePoint{
		{Variant: "ours", Connections: 8, Runs: []curveRun{{CPUUS: 15, StepUS: 3}, {CPUUS: 30, StepUS: 6}, {CPUUS: 16, StepUS: 3}}},
		{Variant: "floor", Connections: 8, Runs: []curveRun{{CPUUS: 10}, {CPUUS: 20}, {CPUUS: 10}}},
		{Variant: "tls", Connections: 16, Runs: []curveRun{{CPUUS: 1}, {CPUUS: 2}}},
	}}
	r.sum()
	if p := r.Points[0]; p.CPUUS != 16 || p.LowUS != 15 || p.HighUS != 30 || p.StepUS != 3 {
		t.Errorf("ours: %+v", p)
	}
	if p := r.Points[2]; p.CPUUS != 1.5 {
		t.Errorf("of an even number of runs the median is %v", p.CPUUS)
	}
	if len(r.Ratios) != 1 || r.Ratios[0] != (curveRatio{Of: "ours", To: "floor", Connections: 8, WithoutGame: true, Ratio: 1.2, Low: 1.2, High: 1.3}) {
		t.Errorf("ratios %+v", r.Ratios)
	}
}

// A short run of everything but the proxy, which is no part of a checkout.
func TestCurve(t *testing.T) {
	if testing.Short() || !sock.Supported {
		t.Skip("starts servers, and needs epoll")
	}
	dir := t.TempDir()
	svg := filepath.Join(dir, "x.svg")
	err := curve(t.Context(), strings.Fields("-connections 8 -runs 1 -duration 500ms -svg "+svg+" -json "+filepath.Join(dir, "x.json")))
	if err != nil && !errors.Is(err, errFailed) { // a busy machine misses states
		t.Fatal(err)
	}
	drawn := drawing(t, read(t, svg))
	if drawn["polyline"] != 5 || drawn["circle"] != 5 {
		t.Errorf("drawn: %v", drawn)
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("4242 (a (strange) name 1 2) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0\n"))
	if got != 1750*time.Millisecond || err != nil {
		t.Errorf("parseStat = %v, %v", got, err)
	}
	for _, text := range []string{"", "1 (x) S 1", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b 0 0"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("parseStat(%q) is no error", text)
		}
	}
}

func TestAProxyThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	if _, err := startProxy(t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "cfg"), "127.0.0.1:1", nil); err == nil {
		t.Error("a program that does not exist was started")
	}
	if _, err := startProxy(t.Context(), "false", filepath.Join(dir, "cfg"), "127.0.0.1:1", nil); err == nil || !strings.Contains(err.Error(), "ended before it listened") {
		t.Errorf("a program that ends: %v", err)
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct{ most, high, step float64 }{
		{0, 1, 1}, {37, 40, 10}, {40, 40, 10}, {12, 12, 2}, {2000, 2000, 500}, {0.07, 0.08, 0.02}, {2400, 2500, 500},
	} {
		s := newScale(c.most, 100, 0)
		if s.high < c.most || s.high != c.high || s.step != c.step || s.at(0) != 100 || s.at(s.high) != 0 || len(s.ticks()) > chartTicks+2 {
			t.Errorf("newScale(%v) = %+v with ticks %v, want %v by %v", c.most, s, s.ticks(), c.high, c.step)
		}
	}
}

func TestNamesDoNotOverlap(t *testing.T) {
	for _, c := range []struct{ wanted, want []float64 }{
		{[]float64{50, 20}, []float64{50, 20}},
		{[]float64{50, 48, 52}, []float64{58, 48, 68}},
		{[]float64{99, 100, 98}, []float64{90, 100, 80}},
		{[]float64{-5, 0}, []float64{0, 10}},
	} {
		if got := apart(c.wanted, 10, 0, 100); !slices.Equal(got, c.want) {
			t.Errorf("apart(%v) = %v, want %v", c.wanted, got, c.want)
		}
	}
}

func TestAChartIsXML(t *testing.T) {
	c := lineChart{title: "a < b & c", lines: []chartLine{
		{name: "<one>", points: []chartPoint{{1, 2, 1, 3}, {5, 4, 4, 4}}}, {name: "two", style: 1, points: []chartPoint{{5, 0, 0, 0}}},
	}}
	var b bytes.Buffer
	if err := c.write(&b); err != nil {
		t.Fatal(err)
	}
	if drawn := drawing(t, b.String()); drawn["polyline"] != 2 || drawn["circle"] != 3 || drawn["style"] != 1 {
		t.Errorf("drawn: %v", drawn)
	}
}

// drawing counts a picture's elements.
func drawing(t *testing.T, text string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			found[e.Name.Local]++
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
