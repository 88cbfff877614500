package roomtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

// A recorder is a test that is expected to fail: it keeps what it was told.
type recorder struct {
	testing.TB
	failed string
	log    []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Fatal(args ...any)         { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Logf(f string, a ...any)   { r.log = append(r.log, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) { r.failed = fmt.Sprintf(f, a...); runtime.Goexit() }

// verdict runs f with a test of its own and returns how that failed.
func verdict(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.failed
}

// A mistaken game makes one mistake.
type mistaken struct {
	S      mistakenState
	hidden int
	mistake
}

type mistakenState struct {
	Sum     int
	Deep    []room.Table[cell]
	Skipped int `msgpack:"-"`
	Codec   int
}

type cell struct{ N int }

type mistake struct {
	step func(*mistaken, *room.Room)
	view func(*mistaken, *room.Room, *room.View)
	join func(*mistaken, *room.Room, *room.Player) error
}

type push struct {
	N    int8    `ring:"-3..3"`
	Aim  float32 `ring:"angle"`
	Rate float32 `ring:"0..1,1/8"`
	U    uint8
}

type pile struct {
	Sum  int
	Kind string
	Raw  []byte
}

var (
	pushes = room.Input[push](room.Each(2))
	piles  = room.Kind[pile]("pile")
	notes  = room.Kind[pile]("note")
	told   = room.Event[pile]("told")
)

func definitionOf(m mistake) room.Definition {
	return room.Definition{
		Name: "mistaken", MaxPlayers: 4, Input: pushes, Kinds: []room.AnyKind{piles, notes}, Events: []room.AnyEvent{told},
		New: func(*room.Room, json.RawMessage) (room.Game, error) {
			g := &mistaken{mistake: m}
			g.S.Deep = make([]room.Table[cell], 2)
			g.S.Deep[1].Put(5, cell{})
			return g, nil
		},
	}
}

func (g *mistaken) Join(r *room.Room, p *room.Player) error {
	if g.join != nil {
		return g.join(g, r, p)
	}
	return nil
}
func (g *mistaken) Leave(*room.Room, *room.Player, room.Reason) {}
func (g *mistaken) State() any                                  { return &g.S }

func (g *mistaken) Step(r *room.Room) {
	for p := range r.Players() {
		for in, ok := pushes.Next(p); ok; in, ok = pushes.Next(p) {
			g.S.Sum += int(in.N) + int(in.Aim*100) + int(in.Rate*8) + int(in.U)
			g.S.Deep[1].Get(5).N++
		}
		if r.Tick()%5 == 0 {
			told.Send(r, p, pile{Sum: g.S.Sum, Kind: "five"})
		}
	}
	if g.step != nil {
		g.step(g, r)
	}
}

func (g *mistaken) View(r *room.Room, v *room.View) {
	piles.Put(v, 1, pile{Sum: g.S.Sum, Kind: "pile", Raw: []byte{1}})
	for p := range r.Players() {
		notes.Put(v.Only(p), 7, pile{Sum: -g.S.Sum, Kind: p.Name})
	}
	if g.view != nil {
		g.view(g, r, v)
	}
}

var global int

func TestGoodGamePasses(t *testing.T) {
	def := definitionOf(mistake{})
	roomtest.Run(t, def, roomtest.Options{Ticks: 1500, Players: 4})
	def.SendHz, def.Quiet, def.Bots, def.Grace = 5, true, 3, time.Second
	roomtest.Run(t, def, roomtest.Options{Ticks: 1500, Seed: 9})
	def.TickHz, def.SendHz = 1, 1
	roomtest.Run(t, def, roomtest.Options{Ticks: 200})
	def.NoReplay = true
	roomtest.Run(t, def, roomtest.Options{Ticks: 200})
}

// Run uses what Play does, and says in its log what it has checked.
func TestPlayAndLog(t *testing.T) {
	sum, r := 0, &recorder{TB: t}
	roomtest.Run(r, definitionOf(mistake{}), roomtest.Options{Ticks: 300, Play: func(p *roomtest.Player) {
		p.Input(push{N: 1})
		sum++
	}})
	if sum < 300 || len(r.log) != 2 || !strings.Contains(r.log[0], "300 ticks in 1 rooms") || !strings.Contains(r.log[1], "allocations per tick") {
		t.Errorf("%d inputs, log %q", sum, r.log)
	}
}

func TestMistakesAreCaught(t *testing.T) {
	for _, c := range []struct {
		name string
		mistake
		want []string
	}{
		{"ranges over a map", mistake{step: func(g *mistaken, r *room.Room) {
			for k := range manyKeys {
				g.S.Sum = g.S.Sum*31 + k
			}
		}}, []string{"same inputs", "State.Sum is", "ranging over a map"}},
		{"looks at the clock", mistake{step: func(g *mistaken, r *room.Room) {
			if r.Tick() == 40 {
				g.S.Deep[1].Get(5).N = int(time.Now().UnixNano())
			}
		}}, []string{"tick 40:", "State.Deep[1] row 5.N is", "time.Now"}},
		{"keeps a package variable", mistake{step: func(g *mistaken, r *room.Room) {
			global++
			g.S.Sum += global
		}}, []string{"same inputs", "package variable"}},
		{"shows what State does not hold", mistake{
			step: func(g *mistaken, r *room.Room) { g.hidden++ },
			view: func(g *mistaken, r *room.Room, v *room.View) { piles.Put(v, 2, pile{Sum: g.hidden}) },
		}, []string{"restored room", "pile 2, field sum is", "State does not hold"}},
		{"reads a field that is not kept", mistake{step: func(g *mistaken, r *room.Room) {
			g.S.Skipped++
			if r.Tick() > 20 {
				g.S.Sum += g.S.Skipped
			}
		}}, []string{"has not gone the same way", "State.Sum is"}},
		{"changes the state in View", mistake{view: func(g *mistaken, r *room.Room, v *room.View) { g.S.Sum++ }},
			[]string{"restored", "State.Sum is", "View that changes State"}},
		{"panics", mistake{step: func(g *mistaken, r *room.Room) {
			if r.Tick() == 33 {
				panicHere(nil)
			}
		}}, []string{"panicked in tick 33: runtime error", "panicHere", "catch_test.go"}},
		{"panics only when restored", mistake{step: func(g *mistaken, r *room.Room) {
			if g.hidden++; g.hidden != int(r.Tick()) {
				panic("lost my count")
			}
		}}, []string{"restored", "lost my count"}},
		{"puts an entity twice", mistake{view: func(g *mistaken, r *room.Room, v *room.View) { piles.Put(v, 1, pile{}) }},
			[]string{"panicked", "put twice"}},
		{"sends other events", mistake{step: func(g *mistaken, r *room.Room) {
			global++
			told.Broadcast(r, pile{Sum: global})
		}}, []string{"same inputs", "event told"}},
		{"adds rows of the dead", mistake{step: func(g *mistaken, r *room.Room) {
			if g.hidden++; g.hidden%7 == 0 {
				g.S.Deep[0].Add(cell{})
			}
		}}, []string{"State.Deep[0] row", "there"}},
		{"refuses by the clock", mistake{join: func(g *mistaken, r *room.Room, p *room.Player) error {
			global++
			return fmt.Errorf("you are number %d", global)
		}}, []string{"same inputs", "how a connection fared"}},
	} {
		got := verdict(t, func(t testing.TB) { roomtest.Run(t, definitionOf(c.mistake), roomtest.Options{Ticks: 400}) })
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("a game that %s: %q, want it to say %q", c.name, got, want)
			}
		}
	}
}

func panicHere(g *mistaken) { g.S.Sum = 1 }

type codec struct {
	mistaken
	n byte
}

func (g *codec) AppendState(dst []byte) []byte { return append(dst, g.n) }
func (g *codec) RestoreState(b []byte) error {
	if len(b) != 1 {
		return errors.New("torn")
	}
	g.n = b[0] + 1
	return nil
}

func TestMistakesBeforeTheFirstTick(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*room.Definition)
		want   string
	}{
		{"bad definition", func(d *room.Definition) { d.MaxPlayers = 0 }, "MaxPlayers 0"},
		{"New refuses", func(d *room.Definition) {
			d.New = func(*room.Room, json.RawMessage) (room.Game, error) { return nil, errors.New("not today") }
		}, "not today"},
		{"a codec that restores something else", func(d *room.Definition) {
			d.New = func(*room.Room, json.RawMessage) (room.Game, error) {
				g := &codec{}
				g.S.Deep = make([]room.Table[cell], 2)
				g.S.Deep[1].Put(5, cell{})
				return g, nil
			}
		}, "what AppendState writes, from byte 0 on"},
	} {
		def := definitionOf(mistake{})
		c.change(&def)
		if got := verdict(t, func(t testing.TB) { roomtest.Run(t, def, roomtest.Options{}) }); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want it to say %q", c.name, got, c.want)
		}
	}
}

func TestMisuse(t *testing.T) {
	strange := room.Kind[pile]("strange")
	silent := room.Event[pile]("silent")
	for _, c := range []struct {
		name string
		do   func(b *roomtest.Bench, p *roomtest.Player)
		want string
	}{
		{"another input", func(_ *roomtest.Bench, p *roomtest.Player) { p.Input(pile{}) }, "the game's input is roomtest_test.push"},
		{"no message", func(_ *roomtest.Bench, p *roomtest.Player) { p.Send(push{}) }, "no message of the game takes it"},
		{"no message of the name", func(_ *roomtest.Bench, p *roomtest.Player) { p.SendAs("x", push{}) }, `no message "x"`},
		{"another kind", func(_ *roomtest.Bench, p *roomtest.Player) { roomtest.Get(p, strange, 1) }, "not among the Kinds"},
		{"another event", func(_ *roomtest.Bench, p *roomtest.Player) { roomtest.Events(p, silent) }, "not among the Events"},
		{"who is not there", func(b *roomtest.Bench, p *roomtest.Player) { p.Drop(); p.Input(push{}) }, "is not connected"},
		{"a full room", func(b *roomtest.Bench, _ *roomtest.Player) {
			for range 4 {
				b.Join("more")
			}
		}, "the room is full"},
		{"what never comes", func(b *roomtest.Bench, _ *roomtest.Player) { b.TickUntil(5, func() bool { return false }) }, "still not so after 5 ticks"},
		{"an edit of one game only", func(b *roomtest.Bench, _ *roomtest.Player) { b.Game().(*mistaken).S.Sum = 99; b.Tick(1) }, "State.Sum is 99 in one, 0 in the other"},
	} {
		got := verdict(t, func(t testing.TB) {
			b := roomtest.New(t, definitionOf(mistake{}), roomtest.Options{})
			c.do(b, b.Join("Ada"))
		})
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want it to say %q", c.name, got, c.want)
		}
	}
}

// What comes back is what was put, as far as the wire can carry it.
func TestSight(t *testing.T) {
	b := roomtest.New(t, definitionOf(mistake{}), roomtest.Options{})
	ada, bob := b.Join("Ada"), b.Join("Bob")
	ada.Input(push{N: 100, Aim: -1, Rate: 0.5, U: 200}) // N is clamped to 3, Aim becomes 5.28 rad
	b.Tick(1)
	want := 3 + 527 + 4 + 200
	if got, ok := roomtest.Get(bob, piles, 1); !ok || got.Sum < want || got.Sum > want+2 || got.Kind != "pile" || len(got.Raw) != 1 {
		t.Errorf("bob sees %+v, %v, want a sum of about %d", got, ok, want)
	}
	if got, ok := roomtest.GetPrivate(ada, notes, 7); !ok || got.Sum > -want || got.Kind != "Ada" {
		t.Errorf("ada sees of her own %+v, %v", got, ok)
	}
	if _, ok := roomtest.Get(ada, notes, 7); ok || roomtest.Count(roomtest.AllPrivate(bob, notes)) != 1 {
		t.Error("a private note is public, or bob has not one of his own")
	}
	b.TickUntil(5, func() bool { return len(roomtest.Events(ada, told)) > 0 })
	if e, ok := roomtest.LastEvent(ada, told); !ok || e.Kind != "five" || e.Sum < want {
		t.Errorf("ada was told %+v", e)
	}
	if _, err := b.JoinSeat(roomtest.Seat{Slot: 0, Name: "Cy"}); err == nil || err.Error() != "somebody sits there" {
		t.Errorf("a seat that is taken: %v", err)
	}
}

// manyKeys are so many that two ranges over them never go the same way by chance.
var manyKeys = func() map[int]bool {
	m := make(map[int]bool)
	for k := range 500 {
		m[k] = true
	}
	return m
}()
