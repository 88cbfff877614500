package host

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ringside-server/ringside/room"
)

// The tests' game: dots that move, one per player, with a number that only its player sees. Messages make it misbehave.
type (
	dotIn   struct{ DX, DY int8 }
	dotView struct {
		X, Y  int
		Owner int `ring:"owner"`
	}
	mindView struct{ Secret int }
	order    struct{ What int }
	said     struct{ Who, What int }

	dotOptions struct {
		Refuse  string
		Explode bool // in New
		Filler  int  // how many dots stand about, to make states large
	}
)

const (
	orderNothing = iota
	orderPanic
	orderEnd
	orderKick
	orderLock
	orderSay
	orderPanicInView
	orderNap // for 400 ms, in Step's place
)

var (
	dotKeys   = room.Input[dotIn](room.OnePerTick)
	dots      = room.Kind[dotView]("dot")
	minds     = room.Kind[mindView]("mind")
	saidEvent = room.Event[said]("said")
)

func dotDefinition(name string) room.Definition {
	return room.Definition{
		Name: name, Version: 1, StateVersion: 1, TickHz: 20, MaxPlayers: 64, Grace: 5 * time.Second,
		Kinds: []room.AnyKind{dots, minds}, Input: dotKeys,
		Messages: []room.AnyMessage{room.Message("order", 50, (*dotGame).order)},
		Events:   []room.AnyEvent{saidEvent},
		New:      newDots,
	}
}

func dotProgram(tb testing.TB, name string, change func(*room.Definition)) *room.Program {
	tb.Helper()
	def := dotDefinition(name)
	if change != nil {
		change(&def)
	}
	p, err := room.Compile(def)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

type dotGame struct {
	s    dotState
	boom bool
}

type dotState struct {
	Dots   room.Table[dot]
	Filler int
}

type dot struct{ X, Y int }

func newDots(_ *room.Room, raw json.RawMessage) (room.Game, error) {
	var opt dotOptions
	if raw != nil {
		if err := json.Unmarshal(raw, &opt); err != nil {
			return nil, err
		}
	}
	if opt.Explode {
		panic("no game today")
	}
	if opt.Refuse != "" {
		return nil, errors.New(opt.Refuse)
	}
	return &dotGame{s: dotState{Filler: opt.Filler}}, nil
}

func (g *dotGame) State() any { return &g.s }

func (g *dotGame) Join(_ *room.Room, p *room.Player) error {
	if p.Name == "unwelcome" {
		return errors.New("not you")
	}
	g.s.Dots.Put(p.Slot, dot{})
	return nil
}

func (g *dotGame) Leave(_ *room.Room, p *room.Player, _ room.Reason) { g.s.Dots.Delete(p.Slot) }

func (g *dotGame) Step(r *room.Room) {
	for p := range r.Players() {
		if in, ok := dotKeys.Next(p); ok {
			d := g.s.Dots.Get(p.Slot)
			d.X += int(in.DX)
			d.Y += int(in.DY)
		}
	}
}

func (g *dotGame) View(r *room.Room, v *room.View) {
	if g.boom {
		for p := range r.Players() {
			minds.Put(v.Only(p), 9, mindView{})
		}
		panic("boom in View")
	}
	for slot, d := range g.s.Dots.All() {
		dots.Put(v, slot, dotView{X: d.X, Y: d.Y, Owner: slot})
	}
	for i := range g.s.Filler {
		dots.Put(v, 1000+i, dotView{X: i*7919 + int(r.Tick())*12345, Y: i * 104729, Owner: i})
	}
	for p := range r.Players() {
		minds.Put(v.Only(p), 1, mindView{Secret: 1000 + p.Slot})
	}
}

func (g *dotGame) order(r *room.Room, p *room.Player, o order) error {
	switch o.What {
	case orderPanic:
		panic("boom")
	case orderPanicInView:
		g.boom = true
	case orderNap:
		time.Sleep(400 * time.Millisecond)
	case orderEnd:
		r.End(map[string]int{"winner": p.Slot})
	case orderKick:
		r.Kick(p, "you asked for it")
	case orderLock:
		r.Lock(true)
		r.SetMetadata("map", "moon")
	case orderSay:
		saidEvent.Broadcast(r, said{Who: p.Slot, What: 42})
	}
	return nil
}
