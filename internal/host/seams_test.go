package host

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

type gate struct{ shut atomic.Bool }

func (g *gate) MayRun(string, uint32) bool { return !g.shut.Load() }

// A room whose gate is shut stands still, with its sockets, and goes on where it was.
func TestGateFreezes(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		g := new(gate)
		r := newRig(t, b, func(c *Config) { c.Gate = g })
		r.open("a")
		c := r.join("a", 0)
		g.shut.Store(true)
		for c.read(time.Now().Add(200 * time.Millisecond)) { // four periods without a frame
		}
		frozen := c.cur().Tick
		c.input(1, 0)
		if c.read(time.Now().Add(200 * time.Millisecond)) {
			t.Error("a frozen room sends")
		}
		g.shut.Store(false)
		c.until("the room to thaw", func() bool { x, _, _ := c.dot(0); return x == 1 })
		if c.cur().Tick > frozen+5 {
			t.Errorf("frozen at %d, thawed at %d", frozen, c.cur().Tick)
		}
	})
}

// A directory that does not answer costs no tick; properties beyond the bound are dropped, seats and endings are not.
func TestClerkOverflow(t *testing.T) {
	d := newTown()
	lost := 0
	k := newClerk(d, func() { lost++ })
	r := &hosted{Assignment: Assignment{Room: "a", Epoch: 1}}
	for range maxMinor + 5 {
		k.add(notice{room: r, engine: engine.Notice{Kind: engine.NoticeMetadata, Key: "k"}})
	}
	k.add(notice{room: r, engine: engine.Notice{Kind: engine.NoticeSeatFree, Seat: 7}})
	k.add(notice{kind: noticeEnded, room: r, end: &engine.End{Code: wire.CloseEnded}})
	go k.run()
	if err := k.stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if lost != 5 || len(d.heard) != maxMinor+2 {
		t.Errorf("%d lost, %d heard", lost, len(d.heard))
	}
	if tail := d.heard[maxMinor:]; !slices.Equal(tail, []string{"freed a 1 7", "ended a 1 4009 "}) {
		t.Errorf("heard last %q", tail)
	}
}

func TestFaultsArePruned(t *testing.T) {
	const faultsKept = 50
	s := &faultStore{dir: t.TempDir(), keep: faultsKept}
	for i := range faultsKept + 3 {
		if _, err := s.write(&FaultFile{Room: "../x", Tick: uint32(i)}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) != faultsKept {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	if name := entries[0].Name(); !strings.HasPrefix(name, "___x-") {
		t.Errorf("file %q", name)
	}
}

func TestConfig(t *testing.T) {
	prog := dotProgram(t, "dots", nil)
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"Seats", Config{}},
		{"Workers", Config{Seats: newTown(), Workers: -1}},
		{"MaxConnections", Config{Seats: newTown(), MaxConnections: 1 << 30}},
		{"IdleTimeout", Config{Seats: newTown(), IdleTimeout: -1}},
		{"Backend", Config{Seats: newTown(), Backend: "fast"}},
		{"Games", Config{Seats: newTown(), Games: []*room.Program{prog, prog}}},
	} {
		if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestCollector(t *testing.T) {
	r := newRig(t, "", nil)
	r.open("a")
	c := r.join("a", 0)
	c.input(1, 0)
	c.until("the input's state", func() bool { return c.inSeq == 1 })
	c.send([]byte{0xff})
	c.untilClosed()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(r.host.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			got[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for _, name := range []string{
		"connections", "rooms", "sessions", "frames_sent_total", "frames_received_total", "bytes_sent_total", "bytes_received_total",
		"ticks_total", "tick_late_seconds", "step_seconds_total", "worker_busy_seconds_total", "closes_total",
	} {
		if got["ringside_"+name] <= 0 {
			t.Errorf("ringside_%s is %v", name, got["ringside_"+name])
		}
	}
	for _, name := range []string{"ticks_late_total", "frames_skipped_total", "inputs_dropped_total"} {
		if _, ok := got["ringside_"+name]; !ok {
			t.Errorf("ringside_%s is missing", name)
		}
	}
}
