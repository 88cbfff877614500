package arena

import "math/rand/v2"

// How good bots are. They should lose to somebody who tries.
const (
	sight      = 900 * unit // they do not see farther
	fireRange  = 420 * unit
	keepApart  = 170 * unit // nearer: back off
	closeIn    = 300 * unit // farther: go there
	dodgeRange = 170 * unit
	hurtBelow  = 45   // HP: look for a kit
	turnSpeed  = 2200 // of 65536, in a tick: a human wrist
	steady     = 1500 // fire when the aim is that near
	misjudge   = 1100 // how wrong the aim may be: six degrees
)

// A Mind is what a bot keeps between ticks: for a second or so it strafes one way, misjudges by the same angle, and has an
// eye for shots or not.
type Mind struct {
	Until  uint32
	Strafe int16 // +1 or −1: which way around
	Wrong  int16
	Alert  bool
}

// think is what a bot tells its ship. Of the others it reads only what its player sees (speeds from one sight to the next),
// so it drives the bots in a room as well as those that come over the network.
func (s *State) think(me *Ship, tick uint32, rng *rand.Rand) In {
	in := In{Aim: me.Told.Aim}
	if me.HP == 0 {
		return in
	}
	me.Mind.refresh(tick, rng)
	foe := s.target(me)
	if foe != nil {
		want := lead(me, foe) + uint16(me.Mind.Wrong)
		in.Aim = turnTo(in.Aim, want, turnSpeed)
		aligned := max(int16(want-in.Aim), int16(in.Aim-want)) < steady
		in.Fire = aligned && near(foe.X-me.X, foe.Y-me.Y, fireRange) && rng.IntN(4) > 0
	}
	in.DX, in.DY = keysFor(s.heading(me, foe))
	return in
}

func (m *Mind) refresh(tick uint32, rng *rand.Rand) {
	if tick < m.Until {
		return
	}
	m.Until = tick + 10 + rng.Uint32N(20)
	m.Strafe = int16(rng.IntN(2)*2 - 1)
	m.Wrong = int16(rng.IntN(2*misjudge+1) - misjudge)
	m.Alert = rng.IntN(3) == 0
}

// target is the nearest ship that can be hurt.
func (s *State) target(me *Ship) (foe *Ship) {
	best := int32(sight)
	for _, o := range s.Ships.All() {
		if o == me || o.HP == 0 || o.Shield {
			continue
		}
		if d := reach(o.X-me.X, o.Y-me.Y); d < best {
			foe, best = o, d
		}
	}
	return foe
}

// lead is the direction to where the foe will be when the shot gets there.
func lead(me, foe *Ship) uint16 {
	dx, dy := foe.X-me.X, foe.Y-me.Y
	ticks := reach(dx, dy) / shotSpeed
	return angleOf(dx+foe.VX*ticks, dy+foe.VY*ticks)
}

// heading is where a bot wants to go: out of a shot's way, to a kit, or around the foe at a distance it likes.
func (s *State) heading(me, foe *Ship) (angle uint16, move bool) {
	if me.Mind.Alert {
		if angle, ok := s.dodge(me); ok {
			return angle, true
		}
	}
	if me.HP < hurtBelow {
		if k := s.nearestKit(me); k != nil {
			return angleOf(k.X-me.X, k.Y-me.Y), true
		}
	}
	if foe == nil { // nobody near: to the middle, where they are
		x, y := s.Round.Size/2-me.X, s.Round.Size/2-me.Y
		return angleOf(x, y), !near(x, y, 4*shipRadius)
	}
	dx, dy := foe.X-me.X, foe.Y-me.Y
	angle = angleOf(dx, dy)
	switch d := reach(dx, dy); {
	case d > closeIn:
		angle += uint16(me.Mind.Strafe * (quarterTurn / 3)) // not straight into the fire
	case d < keepApart:
		angle += uint16(me.Mind.Strafe * (quarterTurn + quarterTurn/2)) // back off sideways
	default:
		angle += uint16(me.Mind.Strafe * quarterTurn)
	}
	return s.offWall(me, angle), true
}

// dodge is the direction out of the way of the first shot that is about to hit.
func (s *State) dodge(me *Ship) (angle uint16, ok bool) {
	for _, shot := range s.Shots.All() {
		dx, dy := me.X-shot.X, me.Y-shot.Y
		if shot.Owner == me.Owner || !near(dx, dy, dodgeRange) {
			continue
		}
		way := angleOf(shot.VX, shot.VY)
		off := int16(angleOf(dx, dy) - way)
		if off > -quarterTurn/4 && off < quarterTurn/4 {
			if off < 0 {
				return way - quarterTurn, true
			}
			return way + quarterTurn, true
		}
	}
	return 0, false
}

func (s *State) nearestKit(me *Ship) (kit *Kit) {
	best := int32(sight)
	for i := range s.Kits {
		k := &s.Kits[i]
		if d := reach(k.X-me.X, k.Y-me.Y); k.Back == 0 && d < best {
			kit, best = k, d
		}
	}
	return kit
}

// offWall turns a way that leads into a wall back.
func (s *State) offWall(me *Ship, angle uint16) uint16 {
	x, y := polar(angle, 4*shipRadius)
	if x += me.X; x < shipRadius || x > s.Round.Size-shipRadius {
		angle = 2*quarterTurn - angle
	}
	if y += me.Y; y < shipRadius || y > s.Round.Size-shipRadius {
		angle = -angle
	}
	return angle
}

// keysFor is the nearest of the eight directions that keys can say.
func keysFor(angle uint16, move bool) (dx, dy int8) {
	if !move {
		return 0, 0
	}
	d := [8][2]int8{{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}}[(angle+quarterTurn/4)>>13]
	return d[0], d[1]
}
