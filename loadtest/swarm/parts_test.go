package swarm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

func TestWheelCallsEachBotAtItsTime(t *testing.T) {
	var w wheel
	rng := rand.New(rand.NewPCG(1, 2))
	due := map[*bot]time.Duration{}
	calls := 0
	for range 100 {
		b := new(bot)
		due[b] = time.Duration(rng.Int64N(int64(900 * time.Millisecond)))
		w.add(b, due[b])
		w.add(b, never) // is in already
	}
	for now := time.Duration(0); now < 3*time.Second; now += 700 * time.Microsecond {
		for b := w.next(now); b != nil; b = w.next(now) {
			calls++
			if late := now - due[b]; late < -slotWidth || late > 2*slotWidth+700*time.Microsecond {
				t.Fatalf("called %v late", late)
			}
			due[b] = now + 50*time.Millisecond
			w.add(b, due[b])
		}
	}
	if calls < 4000 || calls > 6500 {
		t.Errorf("%d calls of 100 bots in 3 s at 20 Hz", calls)
	}
	far := new(bot)
	w.add(far, time.Hour)
	if b := w.next(6 * time.Second); b == nil {
		t.Error("a bot that is due in an hour is not called once a second")
	}
}

func TestParseMetrics(t *testing.T) {
	m := parseMetrics(strings.NewReader(`# TYPE ringside_connections gauge
ringside_connections 3
ringside_frames_sent_total{worker="0"} 1e3
ringside_frames_sent_total{worker="1"} 500 1700000000
ringside_tick_late_seconds_bucket{cause="wake",le="0.001"} 90
ringside_tick_late_seconds_bucket{cause="worker",le="0.001"} 0
ringside_tick_late_seconds_bucket{cause="wake",le="0.01"} 95
ringside_tick_late_seconds_bucket{cause="worker",le="0.01"} 5
ringside_tick_late_seconds_bucket{cause="wake",le="+Inf"} 95
ringside_tick_late_seconds_bucket{cause="worker",le="+Inf"} 5
go_goroutines 7
ringside_broken{ 1
ringside_broken
ringside_broken x
`))
	if m.values[metricConnections] != 3 || m.values[metricFrames] != 1500 || len(m.late) != 3 || len(m.values) != 2 {
		t.Fatalf("parsed %+v", m)
	}
	none := parseMetrics(strings.NewReader(""))
	if p50, p99 := lateQuantile(none, m, 0.5), lateQuantile(none, m, 0.99); p50 < 0.5 || p50 > 0.6 || p99 < 9 || p99 > 9.2 {
		t.Errorf("late p50 %v, p99 %v ms", p50, p99)
	}
	if v := lateQuantile(m, m, 0.5); v < 0 || v > 10 {
		t.Errorf("late without ticks: %v", v)
	}
	if v := lateQuantile(none, none, 0.5); v != 0 {
		t.Errorf("late without a histogram: %v", v)
	}
}

func TestFaultsAreGrouped(t *testing.T) {
	var told []string
	f := faults{log: func(line string) { told = append(told, line) }}
	for i := range 128 {
		f.note(fault{where: fmt.Sprintf("slot %d", i), what: "disconnected: 4103 restored"})
	}
	f.note(fault{where: "slot 7", what: "state differs", detail: "tick 3"})
	f.note(fault{where: "slot 8", what: "state differs", detail: "tick 4"})
	f.add("no metrics")
	f.add("no metrics")
	f.note(fault{where: "slot 9", what: "refused", detail: "4001"})
	want := []string{
		"128 × disconnected: 4103 restored; first: slot 0", "2 × state differs; first: slot 7: tick 3", "2 × no metrics", "slot 9: refused: 4001",
	}
	if got := f.all(); !slices.Equal(got, want) || f.number() != 133 || len(told) != 4 || told[0] != "fault: slot 0: disconnected: 4103 restored" {
		t.Errorf("%d faults:\n%q, want\n%q; told %q", f.number(), got, want, told)
	}
}

func TestFaultsAreCountedBeyondTheirTexts(t *testing.T) {
	told := 0
	f := faults{log: func(string) { told++ }}
	for i := range maxFaults + 7 {
		f.add("fault %d", i)
	}
	all := f.all()
	if told != maxLoud || f.number() != maxFaults+7 || len(all) != maxFaults+1 || all[maxFaults] != "and 7 more" {
		t.Errorf("told %d, count %d, %d texts, last %q", told, f.number(), len(all), all[len(all)-1])
	}
}

func TestStripKeepsQuantiles(t *testing.T) {
	s, o := newStrip(time.Second, 2*time.Second), newStrip(time.Second, 2*time.Second)
	for i := range 1000 {
		d := time.Duration(i+1) * 100 * time.Microsecond // 0.1 to 100 ms
		s.latency(1500*time.Millisecond, d)
		o.latency(time.Hour, d/10)
		o.frame(1500 * time.Millisecond)
	}
	s.latency(0, time.Hour) // before the window
	s.merge(&o)
	for _, c := range []struct{ got, want float64 }{
		{s.points[0].quantile(0.5), 50}, {s.points[0].quantile(0.99), 99}, {s.points[2].quantile(0.5), 5}, {s.points[1].quantile(0.5), 0},
	} {
		if c.got < 0.96*c.want || c.got > 1.04*c.want {
			t.Errorf("quantile %v ms, want %v ± 4 %%", c.got, c.want)
		}
	}
	if s.points[0].frames != 1000 {
		t.Errorf("%d frames", s.points[0].frames)
	}
	if b := stripBucket(time.Hour); b != stripCounts-1 {
		t.Errorf("an hour is in bucket %d of %d", b, stripCounts)
	}
	if long := newStrip(0, time.Hour); long.step != 6*time.Second || len(long.points) != 601 {
		t.Errorf("an hour has %d points of %v", len(long.points), long.step)
	}
}

func TestRandomPlayerStaysInRange(t *testing.T) {
	low, high := int32(-3), int32(7)
	fields := []view.Field{
		{Name: "a", Type: view.Int, Min: &low, Max: &high}, {Name: "b", Type: view.Bool}, {Name: "c", Type: view.Angle, Turn: 1024},
		{Name: "d", Type: view.Int}, {Name: "e", Type: view.Int, Min: &high}, {Name: "f", Type: view.Fixed, Scale: 32, Max: &low},
	}
	game := &client.Game{Schema: &client.Schema{Input: &view.Input{Fields: fields}}}
	p := newRandomPlayer(game, rand.New(rand.NewPCG(1, 2)))
	in, seen := make([]int32, len(fields)), map[string]bool{}
	for range 2000 {
		p.Input(nil, in)
		seen[fmt.Sprint(in[0])] = true
		if in[0] < low || in[0] > high || in[1]>>1 != 0 || in[2] < 0 || in[2] >= 1024 || in[5] > low {
			t.Fatalf("input %v", in)
		}
	}
	if len(seen) != 11 {
		t.Errorf("%d values of 11 were played", len(seen))
	}
}

// A sink is a socket that takes everything.
type sink struct{ sent int }

func (s *sink) Send(b []byte) (int, error) { s.sent += len(b); return len(b), nil }
func (s *sink) Close() error               { return nil }

// playing is a bot in mid-game without a server, and two deltas for it that undo each other, framed.
func playing(tb testing.TB) (b *bot, there, back []byte) {
	srv := newFakeServer(tb, true)
	s := &swarm{cfg: Config{URL: srv.URL, Game: "fake", Players: 1, InputHz: 20}, origin: time.Now(), seeds: rand.New(rand.NewPCG(1, 0))}
	if err := s.cfg.prepare(); err != nil {
		tb.Fatal(err)
	}
	s.faults.log = func(line string) { tb.Error(line) }
	l := newLane(s)
	l.from.Store(0)
	b = newBot(l, 0, client.Seat{Room: "r", URL: "ws://x", Token: "t"})
	b.link = new(sink)
	b.core.Start(0)
	w := wire.Welcome{Version: 1, Session: 1, Key: "k", Room: "r", TickHz: 20, SendHz: 20, Tick: 1, Epoch: 1, SchemaHash: wire.Murmur32(srv.text), Schema: srv.text}
	fake := &fakeConn{s: srv}
	fake.message(wire.AppendWelcome(nil, &w))
	x, y := srv.layout.NewFrame(), srv.layout.NewFrame()
	for id := range uint32(8) {
		copy(x.Add(0, id), []int32{100, 1})
		copy(y.Add(0, id), []int32{103, 900})
	}
	state := func(head func(n int) []byte, base, cur *view.Frame) []byte {
		body, n := view.AppendDelta(nil, base, cur, 0)
		fake.message(append(head(n), body...))
		out := append([]byte(nil), fake.out...)
		fake.out = fake.out[:0]
		return out
	}
	delta := func(n int) []byte { return wire.AppendDeltaHead(nil, n, 1, 1) }
	b.receive(time.Millisecond, state(func(n int) []byte { return wire.AppendSnapshotHead(nil, n, 1, 1, 0) }, nil, x))
	return b, state(delta, x, y), state(delta, y, x)
}

func TestBotsDoNotAllocate(t *testing.T) {
	b, there, back := playing(t)
	now := time.Second
	step := func() {
		b.nextInput = now
		b.act(now)
		b.receive(now+10*time.Millisecond, there)
		b.receive(now+60*time.Millisecond, back)
		now += 100 * time.Millisecond
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("%v allocations for an input and two states, want 0", n)
	}
	if b.lane.latency.TotalCount() == 0 || b.frames < 600 || b.link.(*sink).sent == 0 {
		t.Errorf("%d latencies of %d states, %d bytes sent", b.lane.latency.TotalCount(), b.frames, b.link.(*sink).sent)
	}
}

// BenchmarkBot is what a bot costs per state and input, system calls aside.
func BenchmarkBot(b *testing.B) {
	bot, there, back := playing(b)
	now := time.Second
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		bot.nextInput = now
		bot.act(now)
		if i%2 == 0 {
			bot.receive(now+time.Millisecond, there)
		} else {
			bot.receive(now+time.Millisecond, back)
		}
		now += 50 * time.Millisecond
	}
}
