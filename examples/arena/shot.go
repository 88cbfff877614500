package arena

import "github.com/ringside-server/ringside/room"

// How shots are.
const (
	shotSpeed  = 30 * unit // 600 units a second
	shotLife   = 24        // ticks: 720 units far
	shotDamage = 20
)

// A Shot flies straight on.
type Shot struct {
	X, Y  int32 `ring:"pos,1/32"`
	Owner int   `ring:"owner"`

	VX, VY int32  `ring:"-"`
	Until  uint32 `ring:"-"` // its last tick
}

// fire starts a shot at the ship's bow. It makes its first move in this same tick, when all ships have moved.
func (g *Game) fire(r *room.Room, s *Ship) {
	bowX, bowY := polar(s.Told.Aim, shipRadius)
	vx, vy := polar(s.Told.Aim, shotSpeed)
	g.s.Shots.Add(Shot{X: s.X + bowX, Y: s.Y + bowY, Owner: s.Owner, VX: vx, VY: vy, Until: r.Tick() + shotLife})
}

// moveShots moves every shot, until it hits something or its time is over.
func (g *Game) moveShots(r *room.Room) {
	for id, shot := range g.s.Shots.All() {
		if ship := g.firstHit(shot); ship != nil {
			g.hurt(r, ship, shot.Owner)
			g.s.Shots.Delete(id)
			continue
		}
		shot.X, shot.Y = shot.X+shot.VX, shot.Y+shot.VY
		inside := min(shot.X, shot.Y) >= 0 && max(shot.X, shot.Y) <= g.s.Round.Size
		if !inside || r.Tick() >= shot.Until {
			g.s.Shots.Delete(id)
		}
	}
}

// firstHit is the ship that the shot meets first on its way through this tick; ships stand still for it.
func (g *Game) firstHit(shot *Shot) (hit *Ship) {
	first := int64(shotSpeed)*shotSpeed + 1
	for _, s := range g.s.Ships.All() {
		if s.Owner == shot.Owner || s.HP == 0 || s.Shield || !near(s.X-shot.X, s.Y-shot.Y, shotSpeed+shipRadius) {
			continue
		}
		if at, ok := shot.passes(s.X, s.Y); ok && at < first {
			hit, first = s, at
		}
	}
	return hit
}

// passes says whether this tick's way of the shot touches a ship at x, y, and how far along: the point of the way that is
// nearest to the ship, as a share of the way's squared length.
func (s *Shot) passes(x, y int32) (at int64, ok bool) {
	dx, dy := int64(x-s.X), int64(y-s.Y)
	vx, vy := int64(s.VX), int64(s.VY)
	length := vx*vx + vy*vy
	at = min(max(dx*vx+dy*vy, 0), length)
	return at, near(int32(dx-vx*at/length), int32(dy-vy*at/length), shipRadius)
}
