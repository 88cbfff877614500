package arena

import (
	"math"

	"github.com/ringside-server/ringside/room"
)

// How ships are. Lengths are in sub-units, speeds in sub-units per tick, times in ticks of 50 ms.
const (
	shipRadius  = 14 * unit
	shipSpeed   = 11 * unit // 220 units a second: the default arena in under five seconds
	fullHP      = 100
	reload      = 5       // four shots a second
	wreckTime   = 2 * 20  // from death to the next launch
	shieldTime  = 30      // nobody is shot where they appear
	spawnTries  = 6       // random places, of which the loneliest is taken
	diagonal    = 181     // of 256: as fast in a diagonal as straight on
	inertia     = 4       // a ship gains a quarter of what lacks to the wanted speed in each tick
	settleBelow = inertia // … and all of it when that is less than one
)

// A Ship is one player's. Wrecks are shown where they fell, so that everybody's score is always there.
type Ship struct {
	X, Y   int32 `ring:"pos,1/32"`
	Aim    uint8 `ring:"angle"` // precise enough to draw; it shoots where Told.Aim says
	Owner  int   `ring:"owner"`
	HP     int   // 0: a wreck
	Score  int   // kills in this round
	Shield bool  // just came back: cannot be hurt

	VX, VY     int32  `ring:"-"`
	Total      int    `ring:"-"` // kills in the rounds before
	Wins       int    `ring:"-"` // rounds
	Ready      uint32 `ring:"-"` // the tick in which it may fire again
	ShieldEnds uint32 `ring:"-"`
	Back       uint32 `ring:"-"` // a wreck is launched again in this tick
	Told       In     `ring:"-"` // the last input …
	Untold     int    `ring:"-"` // … and for how many ticks none has come
	Mind       Mind   `ring:"-"`
}

// steer moves a ship as it is told, or launches the wreck.
func (g *Game) steer(r *room.Room, s *Ship) {
	if s.HP == 0 {
		if r.Tick() >= s.Back {
			g.launch(r, s)
		}
		return
	}
	dx, dy := int32(s.Told.DX)*shipSpeed, int32(s.Told.DY)*shipSpeed
	if dx != 0 && dy != 0 {
		dx, dy = dx*diagonal/256, dy*diagonal/256
	}
	s.VX, s.VY = approach(s.VX, dx), approach(s.VY, dy)
	s.X = clamp(s.X+s.VX, shipRadius, g.s.Round.Size-shipRadius)
	s.Y = clamp(s.Y+s.VY, shipRadius, g.s.Round.Size-shipRadius)
	s.Aim = uint8(s.Told.Aim >> 8)
	s.Shield = s.Shield && r.Tick() < s.ShieldEnds
	if s.Told.Fire && r.Tick() >= s.Ready {
		s.Ready, s.Shield = r.Tick()+reload, false
		g.fire(r, s)
	}
}

func approach(v, want int32) int32 {
	if abs(want-v) < settleBelow {
		return want
	}
	return v + (want-v)/inertia
}

// launch puts a whole ship where the others are far.
func (g *Game) launch(r *room.Room, s *Ship) {
	s.HP = 0 // a wreck is not in its own way
	s.X, s.Y = g.place(r)
	lonely := g.loneliness(s.X, s.Y)
	for range spawnTries - 1 {
		x, y := g.place(r)
		if l := g.loneliness(x, y); l > lonely {
			s.X, s.Y, lonely = x, y, l
		}
	}
	s.VX, s.VY, s.HP = 0, 0, fullHP
	s.Shield, s.ShieldEnds = true, r.Tick()+shieldTime
}

// place is a random place for a ship or a kit.
func (g *Game) place(r *room.Room) (x, y int32) {
	const margin = 2 * shipRadius
	span := g.s.Round.Size - 2*margin
	return margin + r.Rand().Int32N(span), margin + r.Rand().Int32N(span)
}

// loneliness is the square of the distance to the next ship.
func (g *Game) loneliness(x, y int32) int64 {
	least := int64(math.MaxInt64)
	for _, s := range g.s.Ships.All() {
		if s.HP > 0 {
			dx, dy := int64(s.X-x), int64(s.Y-y)
			least = min(least, dx*dx+dy*dy)
		}
	}
	return least
}

// hurt takes points from a ship that was hit, and counts the kill.
func (g *Game) hurt(r *room.Room, s *Ship, by int) {
	s.HP = max(s.HP-shotDamage, 0)
	e := hitEvent{By: by, Who: s.Owner, HP: s.HP}
	hits.Send(r, r.Player(e.By), e)
	hits.Send(r, r.Player(e.Who), e)
	if s.HP > 0 {
		return
	}
	s.Back, s.VX, s.VY = r.Tick()+wreckTime, 0, 0
	if killer := g.s.Ships.Get(by); killer != nil {
		killer.Score++
	}
	kills.Broadcast(r, killEvent{By: by, Who: s.Owner})
}
