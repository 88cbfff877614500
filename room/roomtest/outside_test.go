package roomtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

// A Board keeps the highest scores, of which a service outside knows the names.
type Board struct {
	S      BoardState
	lookUp func(ctx context.Context, slot int) ([]byte, error)
}

type BoardState struct {
	Names room.Table[string] // by slot
	Asked int
	Lost  int
	Rung  int
}

type (
	Ask   struct{ Again bool }
	Named struct {
		Name string `ring:"text(20)"`
	}
)

var named = room.Kind[Named]("named")

func boardDefinition(lookUp func(ctx context.Context, slot int) ([]byte, error)) room.Definition {
	return room.Definition{
		Name: "board", MaxPlayers: 6, Kinds: []room.AnyKind{named}, Quiet: true, Sleeps: true, StateVersion: 2, Version: 2,
		Messages: []room.AnyMessage{room.Message("ask", 10, (*Board).ask)},
		New:      func(*room.Room, json.RawMessage) (room.Game, error) { return &Board{lookUp: lookUp}, nil },
	}
}

func (g *Board) Join(r *room.Room, p *room.Player) error {
	r.After(r.Ticks(1e9), 1)
	return g.ask(r, p, Ask{})
}
func (g *Board) Leave(_ *room.Room, p *room.Player, _ room.Reason) { g.S.Names.Delete(p.Slot) }
func (g *Board) State() any                                        { return &g.S }

func (g *Board) ask(r *room.Room, p *room.Player, _ Ask) error {
	g.S.Asked++
	slot, lookUp := p.Slot, g.lookUp
	r.Call(uint32(slot), func(ctx context.Context) ([]byte, error) { return lookUp(ctx, slot) })
	return nil
}

// Done implements room.Caller.
func (g *Board) Done(r *room.Room, tag uint32, result []byte, err error) {
	switch p := r.Player(int(tag)); {
	case errors.Is(err, room.ErrCallLost):
		g.S.Lost++
	case p == nil:
	case err != nil:
		g.S.Names.Put(p.Slot, err.Error())
	default:
		g.S.Names.Put(p.Slot, string(result))
	}
}

func (g *Board) Step(r *room.Room) {
	for range r.Due() {
		g.S.Rung++
	}
}

func (g *Board) View(_ *room.Room, v *room.View) {
	for slot, name := range g.S.Names.All() {
		named.Put(v, slot, Named{*name})
	}
}

var _ room.Caller = (*Board)(nil)

// A call is run once, though three rooms live through the same, and all of them hear what it came back with.
func TestCalls(t *testing.T) {
	runs := 0
	def := boardDefinition(func(_ context.Context, slot int) ([]byte, error) {
		if runs++; runs%3 == 0 {
			return nil, fmt.Errorf("out of order, run %d", runs)
		}
		return fmt.Appendf(nil, "P%d, run %d", slot, runs), nil
	})
	roomtest.Run(t, def, roomtest.Options{Ticks: 1500})
	runs = 0
	b := roomtest.New(t, def, roomtest.Options{})
	ada := b.Join("Ada")
	b.Tick(1)
	if got, ok := roomtest.Get(ada, named, 0); !ok || got.Name != "P0, run 1" || runs != 1 {
		t.Errorf("after %d runs ada sees %+v, %v", runs, got, ok)
	}
	if err := ada.Ask(Ask{}); err != nil {
		t.Fatal(err)
	}
	b.Restart() // before the tick that would have taken the answer
	b.Tick(2)
	if s := b.Game().(*Board).S; s.Lost != 1 || s.Asked != 2 || runs != 2 {
		t.Errorf("after a restart: %+v, %d runs", s, runs)
	}
}

func TestCallFunctionPanics(t *testing.T) {
	got := verdict(t, func(t testing.TB) {
		b := roomtest.New(t, boardDefinition(func(context.Context, int) ([]byte, error) { panic("no service") }), roomtest.Options{})
		b.Join("Ada")
	})
	if !strings.Contains(got, "call 0 panicked: no service") || !strings.Contains(got, "outside_test.go") {
		t.Errorf("the verdict is %q", got)
	}
}

// What is wrong with a game that sleeps is found in the tick in which it matters.
func TestMistakesOfSleepersAreCaught(t *testing.T) {
	for _, c := range []struct {
		name string
		step func(g *mistaken, r *room.Room)
		want string
	}{
		{"counts its Steps", func(g *mistaken, r *room.Room) { g.S.Sum++ }, "State.Sum is"},
		{"rolls dice in every Step", func(g *mistaken, r *room.Room) { g.S.Sum = r.Rand().IntN(1000) }, "State.Sum is"},
		{"acts by the clock", func(g *mistaken, r *room.Room) {
			if r.Tick()%7 == 0 {
				g.S.Sum++
			}
		}, "State.Sum is"},
	} {
		def := definitionOf(mistake{step: c.step})
		def.Sleeps, def.Quiet, def.Input = true, true, nil
		got := verdict(t, func(t testing.TB) { roomtest.Run(t, def, roomtest.Options{Ticks: 400}) })
		if !strings.Contains(got, "a room that sleeps and one that is awake are not the same") || !strings.Contains(got, c.want) {
			t.Errorf("a game that %s: %q", c.name, got)
		}
	}
	def := definitionOf(mistake{})
	def.Sleeps, def.Quiet, def.SendHz, def.Bots, def.Input = true, true, 4, 2, nil
	got := verdict(t, func(t testing.TB) { roomtest.Run(t, def, roomtest.Options{Ticks: 600}) })
	if !strings.Contains(got, "event") { // it tells everybody something every five ticks, by the clock
		t.Errorf("a game whose Step sends events by Room.Tick: %q", got)
	}
}
