package arena

import (
	"math/rand/v2"

	client "github.com/ringside-server/ringside/clients/go"
)

// A Bot plays over the network. It thinks as the room's own bots do about what its client sees, but it does not dodge: a
// view tells where a shot is, not where it flies. Like a person it holds what it does for a while: it thinks at every
// second input.
type Bot struct {
	rng  *rand.Rand
	see  State
	tick uint32 // of what it sees
	hold bool   // the next input repeats the last
}

// NewBot returns a bot for one client.
func NewBot(rng *rand.Rand) *Bot { return &Bot{rng: rng} }

// Input fills in, whose fields are those of In, with what the bot wants to do now.
func (b *Bot) Input(core *client.Core, in []int32) {
	if b.hold = !b.hold; !b.hold {
		return
	}
	if f := core.Cur(); f != nil {
		b.play(f, int(core.Slot()), in)
	}
}

func (b *Bot) play(f *client.Frame, slot int, in []int32) {
	b.look(f)
	me := b.see.Ships.Get(slot)
	if me == nil {
		return
	}
	told := b.see.think(me, f.Tick, b.rng)
	me.Told = told
	in[0], in[1], in[2], in[3] = int32(told.DX), int32(told.DY), int32(told.Aim), 0
	if told.Fire {
		in[3] = 1
	}
}

// The places of kinds in the Definition.
const (
	shipKind  = 0
	kitKind   = 2
	roundKind = 3
)

// look takes a new frame in: of each ship, kit and round the fields in the order of their structs.
func (b *Bot) look(f *client.Frame) {
	if f.Tick == b.tick {
		return
	}
	b.lookAtShips(f, max(int32(f.Tick-b.tick), 1))
	b.tick = f.Tick
	for i := range b.see.Kits {
		k := &b.see.Kits[i]
		k.Back = 1
		if v := f.Find(kitKind, uint32(i)); v != nil {
			*k = Kit{X: v[0], Y: v[1]}
		}
	}
	if v := f.Find(roundKind, 0); v != nil {
		b.see.Round.Size = v[2]
	}
}

// lookAtShips keeps each ship's Told and Mind: of its own they are the bot's.
func (b *Bot) lookAtShips(f *client.Frame, ticks int32) {
	for i := range f.Len(shipKind) {
		id, v := f.At(shipKind, i)
		s := b.see.Ships.Get(int(id))
		if s == nil {
			s = b.see.Ships.Put(int(id), Ship{X: v[0], Y: v[1]})
		}
		s.VX, s.VY = (v[0]-s.X)/ticks, (v[1]-s.Y)/ticks
		s.X, s.Y, s.Owner, s.HP, s.Shield = v[0], v[1], int(v[3]), int(v[4]), v[6] != 0
	}
	for id := range b.see.Ships.All() {
		if f.Find(shipKind, uint32(id)) == nil {
			b.see.Ships.Delete(id)
		}
	}
}
