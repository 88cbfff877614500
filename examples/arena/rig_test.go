package arena

import (
	"encoding/json"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/room"
)

// A rig drives one arena without an engine.
type rig struct {
	t     testing.TB
	d     *room.Driver
	g     *Game
	frame *view.Frame
	tick  uint32
	in    map[int][]int32 // by slot, repeated every tick
}

func start(t testing.TB, seed uint64, opts string) (*rig, error) {
	t.Helper()
	prog, err := room.Compile(Definition)
	if err != nil {
		t.Fatal(err)
	}
	d, err := prog.Start("test", seed, json.RawMessage(opts), zerolog.Nop())
	if err != nil {
		return nil, err
	}
	return &rig{t: t, d: d, g: d.Game.(*Game), frame: prog.Layout.NewFrame(), in: map[int][]int32{}}, nil
}

func newRig(t testing.TB, seed uint64, opts string) *rig {
	t.Helper()
	r, err := start(t, seed, opts)
	if err != nil {
		t.Fatalf("options %q: %v", opts, err)
	}
	return r
}

func (r *rig) join(p *room.Player) *room.Player {
	r.t.Helper()
	if err := r.d.Join(p); err != nil {
		r.t.Fatalf("join of slot %d: %v", p.Slot, err)
	}
	return p
}

func (r *rig) bots(n int) {
	for i := range n {
		r.join(&room.Player{Slot: i, Name: "bot", Bot: true})
	}
}

// step makes one tick and its view.
func (r *rig) step() {
	r.tick++
	r.d.SetTick(r.tick)
	for p := range r.d.Room.Players() {
		r.d.Give(p, r.in[p.Slot])
	}
	r.d.Step()
	r.frame.Reset()
	if err := r.d.Record(r.frame); err != nil {
		r.t.Fatalf("tick %d: view: %v", r.tick, err)
	}
}

// events counts this tick's events of a number.
func (r *rig) events(id int) (n int) {
	for _, e := range r.d.Effects() {
		if e.Kind == room.EffectEvent && e.ID == id {
			n++
		}
	}
	return n
}

const (
	hitID = iota
	killID
	roundID
)
