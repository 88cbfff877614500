package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A hog is dots in which each Step allocates so many MiB as its option Filler says.
type hog struct {
	dotGame

	mib   int
	waste []byte
}

func (g *hog) Step(r *room.Room) {
	g.waste = make([]byte, g.mib<<20)
	g.dotGame.Step(r)
}

func hogProgram(tb testing.TB) *room.Program {
	tb.Helper()
	def := dotDefinition("hog")
	def.Messages, def.Events = nil, nil
	def.New = func(_ *room.Room, raw json.RawMessage) (room.Game, error) {
		var opt dotOptions
		if err := json.Unmarshal(raw, &opt); err != nil {
			return nil, err
		}
		return &hog{mib: opt.Filler}, nil
	}
	p, err := room.Compile(def)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// While memory runs out the room that allocates most ends like one whose game failed, and no other.
func TestGreediestRoomEnds(t *testing.T) {
	dir, kept := t.TempDir(), newLedger()
	r := newRig(t, Goroutine, func(c *Config) {
		c.Games, c.FaultDir, c.Journal = append(c.Games, hogProgram(t)), dir, kept
	})
	r.open("calm")
	for id, mib := range map[string]int{"small": 1, "large": 8} {
		r.assign(Assignment{Room: id, Game: "hog", Seed: 1, Options: []byte(fmt.Sprintf(`{"Filler":%d}`, mib))})
		r.town.await(t, "started "+id, 1)
	}
	calm, small, large := r.join("calm", 0), r.join("small", 0), r.join("large", 0)
	if g, ended := r.host.EndGreediest(); ended || g.Room != "" {
		t.Errorf("ended %+v, and nobody has weighed yet", g)
	}
	r.host.Weigh(true)
	watch := func(tick uint32) {
		for _, c := range []*client{calm, small, large} {
			c.until("ticks", func() bool { return c.cur() != nil && c.cur().Tick > tick })
		}
	}
	watch(large.cur().Tick + 20)
	g, ended := r.host.EndGreediest()
	if !ended || g.Room != "large" || g.Game != "hog" || g.Rate < greedyLeast || g.All < g.Rate/8 {
		t.Fatalf("ended %v: %+v, want the room large", ended, g)
	}
	if code := large.untilClosed(); code != wire.CloseFault || large.end == nil || large.end.Reason != greedyText {
		t.Errorf("its player read %d, %+v; want 4012 and the reason", code, large.end)
	}
	r.town.await(t, "ended large 1 4012", 1)
	eventually(t, "a fault file", func() bool { return len(faultFiles(t, dir)) == 1 })
	data, err := os.ReadFile(faultFiles(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	if f, err := ParseFault(data); err != nil || f.Room != "large" || f.Panic != greedyText || len(f.Records) == 0 {
		t.Errorf("the fault file is %+v, %v", f, err)
	}
	for _, c := range []*client{calm, small} {
		n := c.cur().Tick
		c.until("the others to run on", func() bool { return c.cur().Tick > n+5 })
	}
	r.host.Weigh(false)
	if got := r.host.Stats().RoomsFailed.Load(); got != 1 {
		t.Errorf("%d rooms have failed, want 1", got)
	}
}

// A room of which nobody could say that it is to blame does not end.
func TestNoRoomStandsOut(t *testing.T) {
	h, err := New(Config{Seats: newTown(), Backend: Goroutine})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 { // 32 MiB a second each
		r := hostedBy(h.workers[0], Assignment{Room: fmt.Sprint(i), Game: "dots"})
		r.appetite.add(uint64(64<<20+i), h.now())
		h.rooms[r.Room] = r
	}
	var s heapAllocs
	h.larder.bytes, h.larder.at = s.read()-256<<20, h.now()-int64(time.Second) // may wrap: as if this second had allocated so much
	if g, ended := h.EndGreediest(); ended {
		t.Errorf("ended %+v", g)
	}
	h.rooms["0"].appetite.add(256<<20, h.now())
	h.larder.bytes, h.larder.at = s.read()-256<<20, h.now()-int64(time.Second)
	if g, ended := h.EndGreediest(); !ended || g.Room != "0" {
		t.Errorf("ended %v: %+v, want room 0", ended, g)
	}
	h.workers[0].takeMail() // a room that never was the worker's is left alone
}

func TestAppetiteFades(t *testing.T) {
	var a appetite
	a.add(100, int64(time.Hour))
	fresh, later := a.read(int64(time.Hour)), a.read(int64(time.Hour+20*time.Second))
	if fresh != 50 || later > 0.01 {
		t.Errorf("100 bytes are %v a second, and %v after 20 s; want 50 and nothing", fresh, later)
	}
	for i := range 400 { // 20 times a second
		a.add(1000, int64(2*time.Hour)+int64(i)*int64(50*time.Millisecond))
	}
	if got := a.read(int64(2*time.Hour) + 400*int64(50*time.Millisecond)); got < 18_000 || got > 22_000 {
		t.Errorf("20 times 1,000 bytes a second are %v", got)
	}
}

func TestStormIsTheLongestStep(t *testing.T) {
	h, err := New(Config{Seats: newTown(), Backend: Goroutine, Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := h.Storm(); ok {
		t.Errorf("nobody is in a tick, and yet %+v", g)
	}
	given := h.newPilot(nil)
	if !given.desert(&hosted{Assignment: Assignment{Room: "gone", Epoch: 1, Game: "dots"}}) {
		t.Fatal("a pilot at work cannot be given up")
	}
	if g, ok := h.Storm(); !ok || g.Room != "gone" {
		t.Errorf("%v %+v, want the room that was given up", ok, g)
	}
	defer func() {
		for _, w := range h.workers {
			w.stepping.Store(0)
		}
		given.end()
		if g, ok := h.Storm(); ok {
			t.Errorf("what was given up is back, and yet %+v", g)
		}
	}()
	now := h.now() + int64(time.Second)
	h.base = h.base.Add(-time.Second)
	for i, since := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 200 * time.Millisecond} {
		h.workers[i].subject.Store(&hosted{Assignment: Assignment{Room: fmt.Sprint("room", i), Epoch: uint32(i), Game: "dots"}})
		h.workers[i].stepping.Store(now - int64(since))
	}
	if g, ok := h.Storm(); !ok || g.Room != "room1" || g.Epoch != 1 || g.Game != "dots" {
		t.Errorf("%v %+v, want room1", ok, g)
	}
}

// The process that ends itself names the room, in its panic and in the labels of the goroutine.
func TestPanicNamesTheRoom(t *testing.T) {
	if os.Getenv("RINGSIDE_TEST_PANIC") != "" {
		g := Greed{Room: "b1q8zkw2mf", Game: "dots", Epoch: 7}
		g.Panic("memory is gone")
		select {}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestPanicNamesTheRoom")
	cmd.Env = append(os.Environ(), "RINGSIDE_TEST_PANIC=1", "GODEBUG=tracebacklabels=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if text := stderr.String(); err == nil || !strings.Contains(text, `panic: room b1q8zkw2mf (epoch 7) of game "dots": memory is gone`) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestWeighingDoesNotAllocate(t *testing.T) {
	prog := dotProgram(t, "dots", nil)
	h, err := New(Config{Seats: newTown(), Backend: Goroutine})
	if err != nil {
		t.Fatal(err)
	}
	er, err := engine.New(engine.Config{ID: "a", Program: prog})
	if err != nil {
		t.Fatal(err)
	}
	p, r := &pilot{host: h}, &hosted{room: er}
	h.Weigh(true)
	if got := testing.AllocsPerRun(100, func() { p.weigh(r, p.allocated()) }); got > 0 {
		t.Errorf("%v allocations", got)
	}
	h.Weigh(false)
	if p.allocated() != 0 {
		t.Error("a tick is weighed though nobody asks for it")
	}
}

func BenchmarkWeigh(b *testing.B) {
	h, err := New(Config{Seats: newTown(), Backend: Goroutine})
	if err != nil {
		b.Fatal(err)
	}
	h.Weigh(true)
	p, r := &pilot{host: h}, &hosted{}
	for b.Loop() {
		p.weigh(r, p.allocated())
	}
}
