package arena

import "github.com/ringside-server/ringside/room"

// How repair kits are.
const (
	kitCount  = 4
	kitHP     = 40
	kitRadius = 10 * unit
	kitPause  = 8 * 20 // ticks until a taken one lies somewhere else
)

// A Kit repairs the first hurt ship that touches it.
type Kit struct {
	X, Y int32  `ring:"pos,1/32"`
	Back uint32 `ring:"-"` // 0: it lies there; else the tick in which it will again
}

func (g *Game) placeKit(r *room.Room, k *Kit) {
	k.X, k.Y = g.place(r)
	k.Back = 0
}

func (g *Game) giveKits(r *room.Room) {
	for i := range g.s.Kits {
		k := &g.s.Kits[i]
		switch {
		case k.Back == 0:
			g.giveKit(r, k)
		case r.Tick() >= k.Back:
			g.placeKit(r, k)
		}
	}
}

func (g *Game) giveKit(r *room.Room, k *Kit) {
	for _, s := range g.s.Ships.All() {
		if s.HP > 0 && s.HP < fullHP && near(s.X-k.X, s.Y-k.Y, shipRadius+kitRadius) {
			s.HP = min(s.HP+kitHP, fullHP)
			k.Back = r.Tick() + kitPause
			return
		}
	}
}
