package roomtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

// Race is a whole game: who first goes ten steps has won. Everything it knows is in S.
type Race struct{ S RaceState }

type RaceState struct {
	Runners room.Table[Runner] // by slot
	Name    string
}

type Runner struct{ At int }

type (
	Key    struct{ Run bool }
	Naming struct {
		Name string `ring:"text(20)"`
	}
	Seen    struct{ X, Owner int }
	Started struct{ Slot int }
)

var (
	keys    = room.Input[Key](room.OnePerTick)
	runners = room.Kind[Seen]("runner")
	started = room.Event[Started]("started")
	naming  = room.Message("name", 2, (*Race).setName)
)

var RaceDefinition = room.Definition{
	Name: "race", MaxPlayers: 8, Input: keys,
	Kinds: []room.AnyKind{runners}, Events: []room.AnyEvent{started}, Messages: []room.AnyMessage{naming},
	New: func(*room.Room, json.RawMessage) (room.Game, error) { return &Race{}, nil },
}

func (g *Race) Join(r *room.Room, p *room.Player) error {
	g.S.Runners.Put(p.Slot, Runner{})
	started.Broadcast(r, Started{p.Slot})
	return nil
}

func (g *Race) Leave(_ *room.Room, p *room.Player, _ room.Reason) { g.S.Runners.Delete(p.Slot) }
func (g *Race) State() any                                        { return &g.S }

func (g *Race) setName(_ *room.Room, _ *room.Player, n Naming) error {
	if n.Name == "" {
		return errors.New("a race needs a name")
	}
	g.S.Name = n.Name
	return nil
}

func (g *Race) Step(r *room.Room) {
	for p := range r.Players() {
		runner := g.S.Runners.Get(p.Slot)
		if in, ok := keys.Next(p); ok && in.Run {
			runner.At++
		}
		if runner.At == 10 {
			r.End(map[string]int{"winner": p.Slot})
			return
		}
	}
}

func (g *Race) View(_ *room.Room, v *room.View) {
	for slot, runner := range g.S.Runners.All() {
		runners.Put(v, slot, Seen{X: runner.At, Owner: slot})
	}
}

// A game's test is one line that plays it at random, and a few that play it on purpose.
func Example() {
	TestRace := func(t *testing.T) {
		roomtest.Run(t, RaceDefinition, roomtest.Options{Ticks: 2000})

		b := roomtest.New(t, RaceDefinition, roomtest.Options{})
		ada, bob := b.Join("Ada"), b.Join("Bob")
		if err := bob.Ask(Naming{""}); err == nil {
			t.Error("a race without a name")
		}
		for range 9 {
			ada.Input(Key{Run: true})
			b.Tick(1)
		}
		if s, ok := roomtest.Get(bob, runners, ada.Slot); !ok || s.X != 9 {
			t.Errorf("bob sees ada at %d, want 9", s.X)
		}
		b.Restart() // the race survives the loss of its machine
		ada.Input(Key{Run: true})
		b.Tick(1)
		if end := b.Ended(); end == nil || string(end.Result) != `{"winner":0}` {
			t.Errorf("ended %+v, want ada to have won", end)
		}
	}
	_ = TestRace // go test runs it
}

// OldRaceState is RaceState as it was in StateVersion 0, when there were no names.
type OldRaceState struct{ Runners room.Table[Runner] }

// A game whose State has changed makes today's of what checkpoints hold, and its rooms go on over the update.
func ExampleBench_Update() {
	t := &testing.T{} // that of the test
	v0 := RaceDefinition
	v0.New = func(*room.Room, json.RawMessage) (room.Game, error) { return &OldRace{}, nil }
	v0.Messages = nil

	v1 := RaceDefinition
	v1.StateVersion, v1.Version = 1, 1
	v1.Convert = func(g room.Game, from uint32, decode func(into any) error) error {
		if from != 0 {
			return fmt.Errorf("StateVersion %d is not known", from)
		}
		var old OldRaceState
		if err := decode(&old); err != nil {
			return err
		}
		g.(*Race).S = RaceState{Runners: old.Runners, Name: "unnamed"}
		return nil
	}

	b := roomtest.New(t, v0, roomtest.Options{})
	ada := b.Join("Ada")
	ada.Input(Key{Run: true})
	b.Tick(1)
	b.Update(v1)
	seen, _ := roomtest.Get(ada, runners, ada.Slot)
	fmt.Println(seen.X, b.Game().(*Race).S.Name)
	// Output: 1 unnamed
}

// OldRace is the game before there were names.
type OldRace struct{ S OldRaceState }

func (g *OldRace) Join(_ *room.Room, p *room.Player) error {
	g.S.Runners.Put(p.Slot, Runner{})
	return nil
}
func (g *OldRace) Leave(*room.Room, *room.Player, room.Reason) {}
func (g *OldRace) State() any                                  { return &g.S }
func (g *OldRace) Step(r *room.Room) {
	for p := range r.Players() {
		if in, ok := keys.Next(p); ok && in.Run {
			g.S.Runners.Get(p.Slot).At++
		}
	}
}
func (g *OldRace) View(_ *room.Room, v *room.View) {
	for slot, n := range g.S.Runners.All() {
		runners.Put(v, slot, Seen{X: n.At, Owner: slot})
	}
}
