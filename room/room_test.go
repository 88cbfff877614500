package room

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// tick makes ticks up to n and returns the tags that were due in each.
func dueAt(d *Driver, g *script, n uint32, more func(r *Room, tag uint32)) (due map[uint32][]uint32) {
	due = map[uint32][]uint32{}
	g.step = func(r *Room) {
		for tag := range r.Due() {
			due[r.Tick()] = append(due[r.Tick()], tag)
			if more != nil {
				more(r, tag)
			}
		}
	}
	for tick := d.Room.Tick() + 1; tick <= n; tick++ {
		d.SetTick(tick)
		d.Step()
	}
	return due
}

func inside(d *Driver, g *script, f func(r *Room)) {
	g.step = f
	d.Step()
}

func TestTimers(t *testing.T) {
	g := &script{}
	d := startScript(t, g)
	inside(d, g, func(r *Room) {
		for _, c := range []struct {
			ticks int
			tag   uint32
			due   uint32
		}{{5, 50, 6}, {3, 30, 4}, {5, 51, 6}, {0, 10, 2}, {-7, 11, 2}, {4, 99, 5}, {5, 52, 6}, {9, 99, 10}, {2, 40, 3}} {
			if due := r.After(c.ticks, c.tag); due != c.due {
				t.Errorf("After(%d) is due at %d, want %d", c.ticks, due, c.due)
			}
		}
		r.Cancel(99)
		r.Cancel(1234)
		r.Restart(6, 40)
	})
	fresh := startScript(t, &script{S: &noState{}})
	copyInto(t, d, fresh) // timers survive
	for name, d := range map[string]*Driver{"the room": d, "the restored room": fresh} {
		got := dueAt(d, d.Game.(*script), 20, nil)
		want := map[uint32][]uint32{2: {10, 11}, 4: {30}, 6: {50, 51, 52}, 7: {40}}
		if len(got) != len(want) {
			t.Errorf("%s: due %v, want %v", name, got, want)
		}
		for tick, tags := range want {
			if !slices.Equal(got[tick], tags) {
				t.Errorf("%s: tick %d yields %v, want %v", name, tick, got[tick], tags)
			}
		}
	}
}

// A timer set while Due is ranged over is for a later tick, so a game that sets one for each that is due does not hang.
func TestAfterDuringDue(t *testing.T) {
	g := &script{}
	d := startScript(t, g)
	inside(d, g, func(r *Room) { r.After(1, 1); r.After(1, 2); r.After(2, 9) })
	got := dueAt(d, g, 5, func(r *Room, tag uint32) {
		if tag == 1 {
			r.After(0, 1)
			r.Cancel(9)
		}
	})
	for tick, want := range map[uint32][]uint32{2: {1, 2}, 3: {1}, 4: {1}, 5: {1}} {
		if !slices.Equal(got[tick], want) {
			t.Errorf("tick %d yields %v, want %v", tick, got[tick], want)
		}
	}
}

// A game that stops ranging over Due gets the rest in the next tick.
func TestDueCanStop(t *testing.T) {
	g := &script{}
	d := startScript(t, g)
	inside(d, g, func(r *Room) { r.After(1, 1); r.After(1, 2) })
	d.SetTick(2)
	inside(d, g, func(r *Room) {
		for range r.Due() {
			break
		}
	})
	if got := dueAt(d, g, 3, nil)[3]; !slices.Equal(got, []uint32{2}) {
		t.Errorf("the next tick yields %v, want [2]", got)
	}
}

func TestTicks(t *testing.T) {
	d := startScript(t, &script{})
	for in, want := range map[time.Duration]int{0: 0, time.Nanosecond: 1, 50 * time.Millisecond: 1, 51 * time.Millisecond: 2, time.Second: 20, time.Hour: 72000} {
		if got := d.Room.Ticks(in); got != want {
			t.Errorf("%v is %d ticks of 50 ms, want %d", in, got, want)
		}
	}
}

func TestRandomnessSurvives(t *testing.T) {
	d, fresh := startScript(t, &script{}), startScript(t, &script{S: &noState{}})
	for range 7 {
		d.Room.Rand().Uint64()
	}
	copyInto(t, d, fresh)
	for i := range 20 {
		if a, b := d.Room.Rand().IntN(1000), fresh.Room.Rand().IntN(1000); a != b {
			t.Fatalf("draw %d: %d in the room, %d in the restored one", i, a, b)
		}
	}
	var _ *rand.Rand = d.Room.Rand()
}

func TestEffects(t *testing.T) {
	g := &script{}
	said := Event[wish]("said")
	def := definition(g)
	g.S = &noState{}
	def.Events = []AnyEvent{said}
	d, _ := start(t, def)
	p := &Player{Slot: 2}
	for what, f := range map[string]func(r *Room){
		"Send":        func(r *Room) { said.Send(r, p, wish{"hi"}) },
		"Kick":        func(r *Room) { r.Kick(p, "out") },
		"AddBot":      func(r *Room) { r.AddBot("Bo") },
		"Lock":        func(r *Room) { r.Lock(true) },
		"SetMetadata": func(r *Room) { r.SetMetadata("map", "sea") },
		"End":         func(r *Room) { r.End(map[string]int{"winner": 2}) },
	} {
		wantMisuse(t, def, what+" called outside of a callback at room_test.go:", f)
		wantPanic(t, what+" called in New at room_test.go:", func() {
			def := def
			def.New = func(r *Room, _ json.RawMessage) (Game, error) { f(r); return g, nil }
			start(t, def)
		})
	}
	wantMisuse(t, def, "After called outside", func(r *Room) { r.After(1, 1) })
	wantMisuse(t, def, "Cancel called outside", func(r *Room) { r.Cancel(1) })

	inside(d, g, func(r *Room) {
		said.Send(r, p, wish{"hi"})
		said.Send(r, nil, wish{"nobody"})
		said.Broadcast(r, wish{"all"})
		r.Kick(p, "out")
		r.Lock(true)
		r.Lock(false)
		r.SetMetadata("map", "")
		r.End([]int{1})
	})
	want := []Effect{
		{Kind: EffectEvent, Slot: 2, Payload: []byte{0x91, 0xa2, 'h', 'i'}},
		{Kind: EffectEvent, Slot: EverySlot, Payload: []byte{0x91, 0xa3, 'a', 'l', 'l'}},
		{Kind: EffectKick, Slot: 2, Text: "out"},
		{Kind: EffectLock, ID: 1}, {Kind: EffectLock},
		{Kind: EffectMetadata, Key: "map"},
		{Kind: EffectEnd, Payload: []byte("[1]")},
	}
	got := d.Effects()
	if len(got) != len(want) {
		t.Fatalf("effects %+v, want %+v", got, want)
	}
	for i, w := range want {
		g := got[i]
		if g.Kind != w.Kind || g.Slot != w.Slot || g.ID != w.ID || g.Key != w.Key || g.Text != w.Text || string(g.Payload) != string(w.Payload) {
			t.Errorf("effect %d is %+v, want %+v", i, g, w)
		}
	}
	if d.SetTick(2); len(d.Effects()) != 0 {
		t.Error("effects of a tick are still there in the next")
	}
	wantPanic(t, "result of", func() { inside(d, g, func(r *Room) { r.End(strings.Repeat("x", MaxResult)) }) })
	wantPanic(t, "result of 0 bytes", func() { inside(d, g, func(r *Room) { r.End(func() {}) }) })
}

func TestPlayers(t *testing.T) {
	g := &script{join: func(_ *Room, p *Player) error {
		if p.Name == "Banned" {
			return errors.New("you are banned")
		}
		return nil
	}}
	d := startScript(t, g)
	for _, p := range []*Player{{Slot: 3, Bot: true}, {Slot: 0}, {Slot: 5, Role: RoleSpectator}, {Slot: 1}} {
		if err := d.Join(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Join(&Player{Slot: 2, Name: "Banned"}); err == nil || d.Room.Player(2) != nil {
		t.Errorf("a refused player: %v, sits there: %v", err, d.Room.Player(2) != nil)
	}
	slots := func(seq func(func(*Player) bool)) (s []int) {
		for p := range seq {
			s = append(s, p.Slot)
		}
		return s
	}
	if got := slots(d.Room.Players()); !slices.Equal(got, []int{0, 1, 3}) {
		t.Errorf("Players %v, want [0 1 3]", got)
	}
	if got := slots(d.Room.Everyone()); !slices.Equal(got, []int{0, 1, 3, 5}) {
		t.Errorf("Everyone %v, want [0 1 3 5]", got)
	}
	if people, bots := d.Room.Count(); people != 2 || bots != 1 {
		t.Errorf("%d people, %d bots, want 2 and 1", people, bots)
	}
	for range d.Room.Players() {
		break
	}
	if d.Room.Player(-1) != nil || d.Room.Player(99) != nil {
		t.Error("a slot that does not exist has a player")
	}
	p := d.Room.Player(0)
	data := []byte(strings.Repeat("d", MaxPublicData+5))
	p.SetTeam(2)
	p.SetData(data)
	data[0] = 'x'
	if p.Team() != 2 || len(p.Data()) != MaxPublicData || p.Data()[0] != 'd' || !p.TakeDirty() || p.TakeDirty() {
		t.Errorf("team %d, %d bytes of data", p.Team(), len(p.Data()))
	}
	if p.SetTeam(2); p.TakeDirty() {
		t.Error("the same team again must not be told")
	}
	left := false
	g.leave = func(r *Room, p *Player, why Reason) { left = why == ReasonKicked && r.Player(p.Slot) == nil }
	if d.Leave(p, ReasonKicked); !left {
		t.Error("Leave: the game was not told, or the slot was not free yet")
	}
}

func TestInputsAreTakenInOrder(t *testing.T) {
	type in struct {
		DX   int8 `ring:"-1..1"`
		Fire bool
	}
	keys := Input[in](Each(3))
	p := &Player{}
	d := startScript(t, &script{})
	d.Give(p, []int32{1, 0, -100, 1, 0})
	for i, want := range []in{{1, false}, {-1, true}} {
		if got, ok := keys.Next(p); !ok || got != want {
			t.Errorf("input %d is %+v, %v, want %+v", i, got, ok, want)
		}
	}
	if got, ok := keys.Next(p); ok {
		t.Errorf("half an input was taken as %+v", got)
	}
}

type note struct{ N int }

// What only a slot's last player could see is gone before its next player can look.
func TestPrivateViewDoesNotLeak(t *testing.T) {
	notes := Kind[note]("note")
	g := &script{S: &noState{}, view: func(r *Room, v *View) {
		for p := range r.Players() {
			if p.Name == "Ada" {
				notes.Put(v.Only(p), 1, note{42})
			}
		}
	}}
	def := definition(g)
	def.Kinds = []AnyKind{notes}
	d, f := start(t, def)
	ada := &Player{Slot: 0, Name: "Ada"}
	if err := d.Join(ada); err != nil {
		t.Fatal(err)
	}
	if err := d.Record(f); err != nil {
		t.Fatal(err)
	}
	if got := d.Private(0); got == nil || got.Len(0) != 1 || d.Private(1) != nil || f.Len(0) != 0 {
		t.Fatalf("private parts %v, %v; %d shared", got, d.Private(1), f.Len(0))
	}
	d.Leave(ada, ReasonLeft)
	if err := d.Join(&Player{Slot: 0, Name: "Eve"}); err != nil {
		t.Fatal(err)
	}
	if got := d.Private(0); got != nil && got.Len(0) != 0 {
		t.Errorf("before the next View, Eve sees %d of Ada's entities", got.Len(0))
	}
	f.Reset()
	if err := d.Record(f); err != nil {
		t.Fatal(err)
	}
	if got := d.Private(0); got != nil && got.Len(0) != 0 {
		t.Errorf("Eve sees %d of Ada's entities", got.Len(0))
	}
	wantPanic(t, "Only of a private view", func() {
		g.view = func(_ *Room, v *View) { v.Only(ada).Only(ada) }
		_ = d.Record(f)
	})
}

func TestViewRefusesMistakes(t *testing.T) {
	things := Kind[thing]("thing")
	g := &script{S: &noState{}}
	def := definition(g)
	def.Kinds = []AnyKind{things}
	d, f := start(t, def)
	put := func(ids ...int) error {
		g.view = func(_ *Room, v *View) {
			for _, id := range ids {
				things.Put(v, id, thing{})
			}
		}
		f.Reset()
		return d.Record(f)
	}
	if err := put(5, 0, MaxID, 3); err != nil || f.Len(0) != 4 {
		t.Errorf("four entities: %v", err)
	}
	if err := put(5, 1, 5); !errors.Is(err, view.ErrDuplicate) {
		t.Errorf("an id twice: %v, want ErrDuplicate", err)
	}
	wantPanic(t, "id -1 is not in", func() { _ = put(-1) })
	wantPanic(t, "is not in 0 to", func() { _ = put(MaxID + 1) })
	private := func(_ *Room, v *View) {
		things.Put(v.Only(&Player{Slot: 1}), 1, thing{})
		things.Put(v.Only(&Player{Slot: 1}), 1, thing{})
	}
	g.view = private
	f.Reset()
	if err := d.Record(f); !errors.Is(err, view.ErrDuplicate) {
		t.Errorf("an id twice in a private part: %v, want ErrDuplicate", err)
	}
}

func TestRestoreFromRefuses(t *testing.T) {
	d := startScript(t, &script{S: &noState{}})
	good, err := d.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range good {
		in := wire.NewReader(good[:cut])
		if err := startScript(t, &script{S: &noState{}}).RestoreFrom(&in, d.prog.Def.StateVersion); err == nil {
			t.Errorf("the first %d of %d bytes were restored", cut, len(good))
		}
	}
}
