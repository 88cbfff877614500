package arena

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct{ opts, want string }{
		{"", ""},
		{`{}`, ""},
		{`{"rounds":3,"round_s":30,"size":500}`, ""},
		{`{"round_s":2}`, "round_s is 2, want 5 to 3600"},
		{`{"size":1000000000}`, "want 200 to 20000"},
		{`{"rounds":-1}`, "rounds is -1"},
		{`{"speed":2}`, `there is no "speed"`},
		{`{"rounds":"3"}`, "rounds is text, want a whole number"},
		{`{} {}`, "something follows"},
		{`[]`, "not a list"},
	} {
		_, err := start(t, 1, c.opts)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("options %s: %v", c.opts, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("options %s: got error %v, want %q", c.opts, err, c.want)
		}
	}
}

func TestMovement(t *testing.T) {
	r := newRig(t, 1, "")
	r.join(&room.Player{Slot: 0})
	s := r.g.s.Ships.Get(0)
	s.X, s.Y = 500*unit, 500*unit
	r.in[0] = []int32{1, 0, 0, 0}
	for range 20 {
		r.step()
	}
	if s.VX != shipSpeed || s.VY != 0 || s.Y != 500*unit || s.X < 600*unit {
		t.Errorf("after a second to the right: at %d %d with speed %d %d", s.X/unit, s.Y/unit, s.VX, s.VY)
	}
	for range 100 {
		r.step()
	}
	if s.X != r.g.s.Round.Size-shipRadius {
		t.Errorf("x %d, want the wall", s.X/unit)
	}
	r.in[0] = nil
	for range holdTicks + 20 {
		r.step()
	}
	if s.VX != 0 {
		t.Errorf("speed %d long after the last input, want 0", s.VX)
	}
}

// duel puts ship 1 to the right of ship 0, which shoots at it.
func duel(t *testing.T) (r *rig, a, b *Ship) {
	r = newRig(t, 1, "")
	r.join(&room.Player{Slot: 0})
	r.join(&room.Player{Slot: 1})
	a, b = r.g.s.Ships.Get(0), r.g.s.Ships.Get(1)
	a.X, a.Y, b.X, b.Y = 300*unit, 500*unit, 500*unit, 500*unit
	r.g.s.Kits = [kitCount]Kit{} // at the corner, far away
	b.Shield = false
	r.in[0] = []int32{0, 0, 0, 1}
	return r, a, b
}

func TestHitKillLaunch(t *testing.T) {
	r, a, b := duel(t)
	hits, killed := 0, uint32(0)
	for r.tick < 60 && killed == 0 {
		r.step()
		hits += r.events(hitID)
		if r.events(killID) > 0 {
			killed = r.tick
		}
	}
	if killed == 0 || hits != 2*fullHP/shotDamage || a.Score != 1 || b.HP != 0 {
		t.Fatalf("killed in tick %d after %d hit events; score %d, HP %d", killed, hits, a.Score, b.HP)
	}
	r.in[0] = nil
	for r.tick < killed+wreckTime {
		if b.HP != 0 {
			t.Fatalf("launched in tick %d, want %d", r.tick, killed+wreckTime)
		}
		r.step()
	}
	if b.HP != fullHP || !b.Shield || b.ShieldEnds <= r.tick {
		t.Errorf("after the wreck's time: HP %d, shield %v until %d at %d", b.HP, b.Shield, b.ShieldEnds, r.tick)
	}
}

func TestShieldAndFastShots(t *testing.T) {
	r, _, b := duel(t)
	b.Shield, b.ShieldEnds = true, math.MaxUint32
	for range 40 {
		r.step()
	}
	if b.HP != fullHP {
		t.Errorf("HP %d behind a shield", b.HP)
	}
	b.Shield = false
	for off := int32(-2 * shipRadius); off <= 2*shipRadius; off += unit {
		shot := Shot{X: b.X - 5*unit - shotSpeed/2, Y: b.Y + off, VX: shotSpeed}
		hit := r.g.firstHit(&shot)
		if want := abs(off) <= shipRadius; (hit == b) != want {
			t.Errorf("shot %d beside the middle: hit %v, want %v", off/unit, hit == b, want)
		}
	}
}

func TestLeaveTakesShots(t *testing.T) {
	r, _, _ := duel(t)
	r.step()
	if r.g.s.Shots.Len() != 1 {
		t.Fatalf("%d shots, want 1", r.g.s.Shots.Len())
	}
	r.d.Leave(r.d.Room.Player(0), room.ReasonLeft)
	if r.g.s.Shots.Len() != 0 || r.g.s.Ships.Len() != 1 {
		t.Errorf("%d shots and %d ships after the leave", r.g.s.Shots.Len(), r.g.s.Ships.Len())
	}
	r.step()
}

func TestSpectatorHasNoShip(t *testing.T) {
	r := newRig(t, 1, "")
	p := r.join(&room.Player{Slot: 20, Role: room.RoleSpectator})
	r.step()
	if n := r.g.s.Ships.Len(); n != 0 {
		t.Errorf("%d ships, want none", n)
	}
	r.d.Leave(p, room.ReasonLeft)
}

func TestRoundsEnd(t *testing.T) {
	r := newRig(t, 7, `{"rounds":2,"round_s":30}`)
	r.bots(8)
	rounds, ended := 0, false
	for r.tick < 2*30*20 && !ended {
		r.step()
		rounds += r.events(roundID)
		for _, e := range r.d.Effects() {
			if e.Kind != room.EffectEnd {
				continue
			}
			ended = true
			var res result
			if err := json.Unmarshal(e.Payload, &res); err != nil || len(res.Players) != 8 {
				t.Errorf("result %s: %v", e.Payload, err)
			}
			t.Logf("result: %s", e.Payload)
		}
	}
	if !ended || rounds != 2 || r.tick != 1200 {
		t.Errorf("ended %v after %d rounds in tick %d", ended, rounds, r.tick)
	}
}

// TestBotsFight says that a room of bots is worth watching: they hit, they miss, they dodge, nobody wins alone.
func TestBotsFight(t *testing.T) {
	r := newRig(t, 3, "")
	r.bots(8)
	hit, kills := 0, 0
	for range 119 * 20 {
		r.step()
		hit += r.events(hitID) / 2
		kills += r.events(killID)
	}
	next, _ := r.g.s.Shots.Add(Shot{})
	fired := next - 1
	t.Logf("8 bots, 119 s: %d shots, %d hits, %d kills", fired, hit, kills)
	if share := float64(hit) / float64(fired); share < 0.1 || share > 0.7 || kills < 24 {
		t.Errorf("%.0f %% of %d shots hit, %d kills", 100*share, fired, kills)
	}
	for slot, s := range r.g.s.Ships.All() {
		if s.Score > kills/2 {
			t.Errorf("slot %d made %d of %d kills", slot, s.Score, kills)
		}
	}
}

// TestAnyGame plays at random and compares every tick with a second room of the same inputs and with a restored one.
func TestAnyGame(t *testing.T) {
	roomtest.Run(t, Definition, roomtest.Options{Ticks: 3000, Players: 8, RoomOptions: `{"round_s":30,"size":300}`})
}

func TestAngleOf(t *testing.T) {
	for a := 0; a < 1<<16; a += 97 {
		x, y := polar(uint16(a), 1000*unit)
		if d := int16(angleOf(x, y) - uint16(a)); d < -110 || d > 110 {
			t.Errorf("angle %d comes back off by %d", a, d)
		}
	}
	if got := angleOf(0, 0); got != 0 {
		t.Errorf("angleOf(0, 0) = %d", got)
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRig(t, 3, `{"round_s":3600}`)
	r.bots(16)
	for range 2000 {
		r.step()
	}
	if n := testing.AllocsPerRun(1000, r.step); n != 0 {
		t.Errorf("%v allocations per tick, want 0", n)
	}
}

// One tick of the rules and its view, with 16 bots that think: the dearest case.
func BenchmarkTick16Bots(b *testing.B) {
	r := newRig(b, 3, `{"round_s":3600}`)
	r.bots(16)
	benchmark(b, r)
}

// The same with 16 people whose inputs are there.
func BenchmarkTick16People(b *testing.B) { benchmark(b, people(b, 16)) }

func BenchmarkTick48People(b *testing.B) { benchmark(b, people(b, 48)) }

// What a checkpoint costs: the runtime encodes the state by reflection.
func BenchmarkCheckpoint16(b *testing.B) {
	r := people(b, 16)
	for range 1000 {
		r.step()
	}
	var buf []byte
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = r.d.AppendTo(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}

func people(b *testing.B, n int) *rig {
	r := newRig(b, 3, `{"round_s":3600}`)
	for i := range n {
		r.join(&room.Player{Slot: i})
		r.in[i] = []int32{int32(i%3 - 1), int32(i/3%3 - 1), int32(i * 4099 % 65536), 1}
	}
	return r
}

func benchmark(b *testing.B, r *rig) {
	for range 1000 {
		r.step()
	}
	b.ReportAllocs()
	for b.Loop() {
		r.step()
	}
}
