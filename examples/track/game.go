package track

import (
	"encoding/json"

	"github.com/ringside-server/ringside/room"
)

// An Actor is what everybody sees of one of the eight: exactly the recording's numbers.
type Actor struct {
	X, Y, Z    int32 `ring:"pos,1/32"`
	Yaw, Pitch int32 `ring:"angle,1024"`
	Health     int32
	LifeState  int32 // 0: alive
}

var actors = room.Kind[Actor]("actor")

const (
	tickHz        = 50
	ticksPerFrame = 3
)

// Definition is the game, as ringside.WithGame takes it. There is no Input: players and spectators watch.
var Definition = room.Definition{
	Name:         "track",
	Version:      1,
	StateVersion: 1,
	TickHz:       tickHz,
	MaxPlayers:   64,
	Quiet:        true,
	Kinds:        []room.AnyKind{actors},
	New:          newGame,
}

// options are what the creator of a room may ask for.
type options struct {
	Start int `json:"start" ring:"0..3736"` // the first frame
}

// A Game is one showing of the film.
type Game struct {
	opt options
	s   State
}

// State is all that must survive.
type State struct {
	Frame int // shown
}

func newGame(_ *room.Room, raw json.RawMessage) (room.Game, error) {
	g := &Game{}
	return g, room.Options(raw, &g.opt)
}

// State implements room.Game.
func (g *Game) State() any { return &g.s }

// Join lets everybody watch.
func (g *Game) Join(*room.Room, *room.Player) error { return nil }

// Leave implements room.Game.
func (g *Game) Leave(*room.Room, *room.Player, room.Reason) {}

// Step shows each frame for three ticks, and the first again after the last.
func (g *Game) Step(r *room.Room) {
	g.s.Frame = (g.opt.Start + int(r.Tick()-1)/ticksPerFrame) % Frames()
}

// View shows the frame.
func (g *Game) View(_ *room.Room, v *room.View) {
	var buf [frameValues]int32
	film := Frame(g.s.Frame, buf[:0])
	for i := range Actors {
		a := film[i*ActorFields:]
		actors.Put(v, i, Actor{X: a[0], Y: a[1], Z: a[2], Yaw: a[3], Pitch: a[4], Health: a[5], LifeState: a[6]})
	}
}
