// Package crowd is a game that does next to nothing, at any rate and for as many players as a room may have. It is for measuring
// how a node moves its frames, not for playing.
package crowd

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringside-server/ringside/room"
)

// Rates are the ticks a second of the games that Definitions returns.
var Rates = []int{10, 20, 30, 60}

// movers is how many things move in a room, whoever is in it: what is sent to each player stays as small as in a room of eight.
const movers = 8

// In is what players send: a push for one of the things.
type In struct {
	X, Y int8 `ring:"-1..1"`
}

type mover struct {
	X, Y int32
}

var (
	inputs = room.Input[In](room.OnePerTick)
	things = room.Kind[mover]("mover")
)

// Definitions are the games crowd10, crowd20, … by their rates.
func Definitions() (all []room.Definition) {
	for _, hz := range Rates {
		all = append(all, room.Definition{
			Name: fmt.Sprintf("crowd%d", hz), Version: 1, StateVersion: 1, TickHz: hz, MaxPlayers: room.MaxPlayers, Grace: 5 * time.Second,
			Kinds: []room.AnyKind{things}, Input: inputs, New: newGame,
		})
	}
	return all
}

type game struct{ s state }

type state struct {
	Ticks  int32
	Movers [movers]mover
}

func newGame(*room.Room, json.RawMessage) (room.Game, error) { return new(game), nil }

func (g *game) State() any { return &g.s }

func (g *game) Join(*room.Room, *room.Player) error { return nil }

func (g *game) Leave(*room.Room, *room.Player, room.Reason) {}

// Step moves all things, so that each frame has something in it, and pushes those that somebody pushed.
func (g *game) Step(r *room.Room) {
	g.s.Ticks++
	for i := range g.s.Movers {
		g.s.Movers[i].X += int32(i) + 1
	}
	for p := range r.Players() {
		if in, ok := inputs.Next(p); ok {
			m := &g.s.Movers[p.Slot%movers]
			m.X, m.Y = m.X+int32(in.X), m.Y+int32(in.Y)
		}
	}
}

func (g *game) View(_ *room.Room, v *room.View) {
	for i, m := range g.s.Movers {
		things.Put(v, i, m)
	}
}
