package cards

import (
	"encoding/json"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/room"
)

// A rig drives one table without an engine.
type rig struct {
	t     testing.TB
	prog  *room.Program
	d     *room.Driver
	g     *Game
	frame *view.Frame
	tick  uint32
	end   []byte // what the room ended with
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
	return &rig{t: t, prog: prog, d: d, g: d.Game.(*Game), frame: prog.Layout.NewFrame()}, nil
}

func newRig(t testing.TB, seed uint64, opts string) *rig {
	t.Helper()
	r, err := start(t, seed, opts)
	if err != nil {
		t.Fatalf("options %q: %v", opts, err)
	}
	return r
}

func (r *rig) join(slot int, bot bool) *room.Player {
	r.t.Helper()
	p := &room.Player{Slot: slot, Bot: bot}
	if err := r.d.Join(p); err != nil {
		r.t.Fatalf("join of slot %d: %v", slot, err)
	}
	return p
}

// table seats people in the lower slots and bots in the others.
func (r *rig) table(people int) *rig {
	r.d.SetTick(r.tick)
	for slot := range seats {
		r.join(slot, slot >= people)
	}
	return r
}

// step makes one tick and its view. Messages come before it, see ask.
func (r *rig) step() {
	r.d.Step()
	r.frame.Reset()
	if err := r.d.Record(r.frame); err != nil {
		r.t.Fatalf("tick %d: view: %v", r.tick, err)
	}
	for _, e := range r.d.Effects() {
		if e.Kind == room.EffectEnd {
			r.end = append([]byte(nil), e.Payload...)
		}
	}
	r.tick++
	r.d.SetTick(r.tick)
}

func (r *rig) steps(n int) {
	for range n {
		r.step()
	}
}

// The messages, by their places in the Definition.
const (
	playID = iota
	drawID
	passID
)

// ask sends a message of small numbers and returns the reply's text, "" if it was done.
func (r *rig) ask(slot, id int, fields ...byte) string {
	r.t.Helper()
	payload := append([]byte{0x90 | byte(len(fields))}, fields...)
	if err := r.d.Message(r.d.Room.Player(slot), id, payload); err != nil {
		return err.Error()
	}
	return ""
}

// give deals known cards: hands by slot, then the top.
func (r *rig) give(turn int, top Card, hands ...[]Card) {
	s := &r.g.s
	for i, h := range hands {
		s.Seats[i].Hand = append([]Card(nil), h...)
	}
	s.Pile, s.Suit = []Card{top}, top.Suit()
	s.Turn, s.Drawn = turn, false
}
