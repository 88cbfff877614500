package ringside_test

import (
	"encoding/json"

	"github.com/ringside-server/ringside"
	"github.com/ringside-server/ringside/room"
)

// In is what a player sends each tick, Dot what everybody sees of a player.
type In struct {
	DX, DY int8 `ring:"-1..1"`
}

type Dot struct {
	X, Y  float32 `ring:"pos,1/8"`
	Owner int     `ring:"owner"`
}

var (
	keys = room.Input[In](room.OnePerTick)
	dots = room.Kind[Dot]("dot")
)

// Dots is the game. S is its state: all that survives a restart.
type Dots struct {
	S struct{ Dots room.Table[Dot] }
}

func (g *Dots) Join(_ *room.Room, p *room.Player) error {
	g.S.Dots.Put(p.Slot, Dot{X: 50, Y: 50, Owner: p.Slot})
	return nil
}

func (g *Dots) Leave(_ *room.Room, p *room.Player, _ room.Reason) {
	g.S.Dots.Delete(p.Slot)
}

func (g *Dots) Step(r *room.Room) {
	for p := range r.Players() {
		if in, ok := keys.Next(p); ok {
			d := g.S.Dots.Get(p.Slot)
			d.X += float32(in.DX)
			d.Y += float32(in.DY)
		}
	}
}

func (g *Dots) View(_ *room.Room, v *room.View) {
	for id, d := range g.S.Dots.All() {
		dots.Put(v, id, *d)
	}
}

func (g *Dots) State() any { return &g.S }

func Example() {
	ringside.Main(ringside.WithGame(room.Definition{
		Name: "dots", MaxPlayers: 8, Kinds: []room.AnyKind{dots}, Input: keys,
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &Dots{}, nil },
	}))
}
