// Package rogue is a game that does to its node what games must not be able to do. It is for tests of the node.
package rogue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringside-server/ringside/room"
)

// Options are what the creator of a room asks for: which harm, in which callback, from which tick on.
type Options struct {
	// Harm is one of the names in harms, "" for an honest room.
	Harm string `json:"harm"`
	// In is the callback: new, join, leave, step, message, view, away, back, done, call, encode.
	In string `json:"in"`
	// After is the first tick in which it happens.
	After uint32 `json:"after"`
	// MS is for harms that take time or repeat, in milliseconds; N for those that have a size.
	MS int `json:"ms"`
	N  int `json:"n"`
	// Size is the bytes of every state beside what it does.
	Size int `json:"size"`
}

// In is what players send; nothing comes of it but a sum that shows in the view.
type In struct {
	X int16 `ring:"-100..100"`
	B bool
}

type (
	dot  struct{ X, Y int32 }
	poke struct{ N int }
	told struct{ N int }
)

var (
	inputs = room.Input[In](room.Each(8))
	dots   = room.Kind[dot]("dot")
	tolds  = room.Event[told]("told")
)

// Definition is the game.
var Definition = room.Definition{
	Name: "rogue", Version: 1, StateVersion: 1, TickHz: 20, MaxPlayers: 16, Grace: 30 * time.Second,
	Kinds: []room.AnyKind{dots}, Input: inputs,
	Messages: []room.AnyMessage{room.Message("poke", 100, (*game).poke)}, Events: []room.AnyEvent{tolds},
	New: newGame,
}

type game struct {
	opt Options
	s   state
}

type state struct {
	Ticks uint32
	Sums  room.Table[sum] // by slot
	Bulk  []byte
	Chain *chain
}

// A chain can be one that has no end, which no encoder gets to.
type chain struct{ Next *chain }

// coded is the game with an encoding of its own, for harm in there. It knows no messages.
type coded struct{ *game }

func (g *coded) AppendState(dst []byte) []byte {
	if g.opt.Harm != "" && g.s.Ticks >= g.opt.After {
		harms[g.opt.Harm](g.game, nil)
	}
	return append(dst, 1)
}

func (g *coded) RestoreState([]byte) error { return nil }

type sum struct{ X, Inputs int32 }

func newGame(r *room.Room, raw json.RawMessage) (room.Game, error) {
	g := &game{}
	if err := room.Options(raw, &g.opt); err != nil {
		return nil, err
	}
	if _, known := harms[g.opt.Harm]; !known && g.opt.Harm != "" {
		return nil, fmt.Errorf("harm %q is none of this game's", g.opt.Harm)
	}
	g.s.Bulk = make([]byte, g.opt.Size)
	g.at(r, "new")
	if g.opt.In == "encode" {
		return &coded{g}, nil
	}
	return g, nil
}

// at does the harm if this is the place and the time for it.
func (g *game) at(r *room.Room, callback string) {
	if g.opt.Harm != "" && g.opt.In == callback && r.Tick() >= g.opt.After {
		harms[g.opt.Harm](g, r)
	}
}

func (g *game) State() any { return &g.s }

func (g *game) Join(r *room.Room, p *room.Player) error {
	g.s.Sums.Put(p.Slot, sum{})
	g.at(r, "join")
	return nil
}

func (g *game) Leave(r *room.Room, p *room.Player, _ room.Reason) {
	g.s.Sums.Delete(p.Slot)
	g.at(r, "leave")
}

func (g *game) Away(r *room.Room, _ *room.Player) { g.at(r, "away") }
func (g *game) Back(r *room.Room, _ *room.Player) { g.at(r, "back") }

func (g *game) Step(r *room.Room) {
	g.s.Ticks++
	for p := range r.Players() {
		for s := g.s.Sums.Get(p.Slot); ; {
			in, ok := inputs.Next(p)
			if !ok {
				break
			}
			s.X, s.Inputs = s.X+int32(in.X), s.Inputs+1
		}
	}
	if g.opt.In == "done" || g.opt.In == "call" {
		if r.Tick() >= g.opt.After && r.Tick()%20 == 0 {
			r.Call(1, func(context.Context) ([]byte, error) { g.outside(); return nil, nil })
		}
	}
	g.at(r, "step")
}

// outside is what runs beside the room.
func (g *game) outside() {
	if g.opt.In == "call" {
		harms[g.opt.Harm](&game{opt: g.opt}, nil)
	}
}

func (g *game) Done(r *room.Room, _ uint32, _ []byte, _ error) { g.at(r, "done") }

func (g *game) poke(r *room.Room, p *room.Player, m poke) error {
	tolds.Send(r, p, told(m))
	g.at(r, "message")
	return nil
}

func (g *game) View(r *room.Room, v *room.View) {
	for slot, s := range g.s.Sums.All() {
		dots.Put(v, slot, dot{X: s.X, Y: s.Inputs})
	}
	dots.Put(v, 1000, dot{X: int32(g.s.Ticks)})
	if g.opt.Harm == "crowd" && g.opt.In == "view" && r.Tick() >= g.opt.After {
		for i := range g.opt.N {
			dots.Put(v, 2000+i, dot{X: int32(r.Tick()), Y: int32(i)})
		}
	}
	g.at(r, "view")
}
