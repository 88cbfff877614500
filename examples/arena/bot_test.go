package arena

import (
	"math/rand/v2"
	"testing"

	"github.com/ringside-server/ringside/room"
)

// remoteBots joins n players whose inputs come from Bots, which see the room's frames.
func remoteBots(t testing.TB, n int) (r *rig, step func()) {
	r = newRig(t, 3, `{"round_s":3600}`)
	bots := make([]*Bot, n)
	for i := range bots {
		r.join(&room.Player{Slot: i})
		bots[i] = NewBot(rand.New(rand.NewPCG(7, uint64(i))))
		r.in[i] = make([]int32, 4)
	}
	return r, func() {
		r.step()
		r.frame.Tick = r.tick
		for i, b := range bots {
			b.play(r.frame, i, r.in[i])
		}
	}
}

func TestRemoteBotsFight(t *testing.T) {
	r, step := remoteBots(t, 8)
	hit, kills := 0, 0
	for range 119 * 20 {
		step()
		hit += r.events(hitID) / 2
		kills += r.events(killID)
	}
	t.Logf("8 remote bots, 119 s: %d hits, %d kills", hit, kills)
	if kills < 24 {
		t.Errorf("%d kills, want at least 24", kills)
	}
}

func TestRemoteBotForgets(t *testing.T) {
	r, step := remoteBots(t, 2)
	b := NewBot(rand.New(rand.NewPCG(1, 1)))
	in := []int32{9, 9, 9, 9}
	step()
	if b.play(r.frame, 5, in); b.see.Ships.Len() != 2 || in[0] != 9 {
		t.Errorf("without a ship: sees %d, input %v", b.see.Ships.Len(), in)
	}
	r.d.Leave(r.d.Room.Player(1), room.ReasonLeft)
	delete(r.in, 1)
	r.step()
	r.frame.Tick = r.tick
	if b.play(r.frame, 0, in); b.see.Ships.Len() != 1 || in[0] == 9 {
		t.Errorf("after a leave: sees %d, input %v", b.see.Ships.Len(), in)
	}
}

// TestKindPlaces ties the bot's numbers to the Definition.
func TestKindPlaces(t *testing.T) {
	prog, err := room.Compile(Definition)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind   int
		name   string
		fields []string // "" is not read
	}{
		{shipKind, "ship", []string{"x", "y", "", "owner", "hp", "", "shield"}},
		{kitKind, "kit", []string{"x", "y"}},
		{roundKind, "round", []string{"", "", "size"}},
	} {
		kind := prog.Schema.Kinds[c.kind]
		if kind.Name != c.name {
			t.Errorf("kind %d is %q, want %q", c.kind, kind.Name, c.name)
		}
		for i, name := range c.fields {
			if name != "" && kind.Fields[i].Name != name {
				t.Errorf("%s: field %d is %q, want %q", c.name, i, kind.Fields[i].Name, name)
			}
		}
	}
}

func TestRemoteBotNoAllocations(t *testing.T) {
	_, step := remoteBots(t, 16)
	for range 2000 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per tick and 16 inputs, want 0", n)
	}
}

// One input of a bot that sees 8 ships, with a new frame each time.
func BenchmarkBotInput8(b *testing.B) { benchmarkInput(b, 8) }

func BenchmarkBotInput16(b *testing.B) { benchmarkInput(b, 16) }

func benchmarkInput(b *testing.B, ships int) {
	r, step := remoteBots(b, ships)
	for range 200 {
		step()
	}
	bot := NewBot(rand.New(rand.NewPCG(1, 1)))
	b.ReportAllocs()
	for b.Loop() {
		r.frame.Tick++
		bot.play(r.frame, 0, r.in[0])
	}
}
