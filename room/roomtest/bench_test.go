package roomtest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

func TestRace(t *testing.T) {
	roomtest.Run(t, RaceDefinition, roomtest.Options{Ticks: 2000})
	b := roomtest.New(t, RaceDefinition, roomtest.Options{})
	ada, bob := b.Join("Ada"), b.Join("Bob")
	if err := bob.Ask(Naming{""}); err == nil || err.Error() != "a race needs a name" {
		t.Errorf("a race without a name: %v", err)
	}
	for range 9 {
		ada.Input(Key{Run: true})
		b.Tick(1)
	}
	if s, ok := roomtest.Get(bob, runners, ada.Slot); !ok || s != (Seen{X: 9, Owner: 0}) {
		t.Errorf("bob sees ada as %+v, %v", s, ok)
	}
	if n := roomtest.Count(roomtest.All(bob, runners)); n != 2 {
		t.Errorf("bob sees %d runners, want 2", n)
	}
	if got := roomtest.Events(ada, started); len(got) != 2 || got[1].Slot != 1 {
		t.Errorf("ada was told %v", got)
	}
	if last, ok := roomtest.LastEvent(bob, started); !ok || last.Slot != 1 {
		t.Errorf("bob was told last of %v", last)
	}
	b.Restart()
	ada.Input(Key{Run: true})
	b.Tick(5)
	if end := b.Ended(); end == nil || end.Code != 4009 || string(end.Result) != `{"winner":0}` {
		t.Errorf("ended %+v, want ada to have won", end)
	}
}

func TestMessagesAreAnswered(t *testing.T) {
	b := roomtest.New(t, RaceDefinition, roomtest.Options{})
	ada := b.Join("Ada")
	r := ada.Send(Naming{"Derby"})
	if err := r.Err(); !errors.Is(err, roomtest.ErrUnanswered) {
		t.Errorf("before the tick: %v", err)
	}
	second, third := ada.SendAs("name", Naming{"Ascot"}), ada.Send(Naming{"Third"})
	long := ada.Send(Naming{strings.Repeat("x", 30)})
	b.Tick(1)
	if r.Err() != nil || second.Err() != nil || !errors.Is(third.Err(), roomtest.ErrTooMany) || !errors.Is(long.Err(), roomtest.ErrTooMany) {
		t.Errorf("answers %v, %v, %v, %v", r.Err(), second.Err(), third.Err(), long.Err())
	}
	b.Tick(b.Ticks(1))
	if err := ada.Ask(Naming{strings.Repeat("x", 30)}); !errors.Is(err, roomtest.ErrMalformed) {
		t.Errorf("a name of 30 bytes: %v", err)
	}
	if got := b.Game().(*Race).S.Name; got != "Ascot" {
		t.Errorf("the race is called %q", got)
	}
}

func TestPeopleComeAndGo(t *testing.T) {
	def := RaceDefinition
	def.Grace = 2 * time.Second
	def.MaxPlayers = 2
	b := roomtest.New(t, def, roomtest.Options{})
	ada, bob, eve := b.Join("Ada"), b.Join("Bob"), b.Watch("Eve")
	if eve.Slot != 2 || roomtest.Count(roomtest.All(eve, runners)) != 2 {
		t.Errorf("the spectator sits in slot %d and sees %d runners", eve.Slot, roomtest.Count(roomtest.All(eve, runners)))
	}
	ada.Drop()
	b.Tick(10)
	if ada.Connected() {
		t.Error("ada dropped and is connected")
	}
	ada.Resume()
	ada.Input(Key{Run: true})
	b.Tick(1)
	if s, _ := roomtest.Get(eve, runners, ada.Slot); s.X != 1 {
		t.Errorf("ada, who came back, is at %d", s.X)
	}
	bob.Leave()
	if n := roomtest.Count(roomtest.All(ada, runners)); n != 1 {
		t.Errorf("%d runners after bob left", n)
	}
	ada.Drop()
	b.TickUntil(50, func() bool { return roomtest.Count(roomtest.All(eve, runners)) == 0 })
	b.Join("Cy")
	b.Edit(func(g room.Game) { g.(*Race).S.Runners.Get(0).At = 5 })
	b.Tick(30)
	if s, _ := roomtest.Get(eve, runners, 0); s.X != 5 {
		t.Errorf("the runner who was set to 5 is at %d", s.X)
	}
}

// A day of silence is no silence: a bench's players keep their connections.
func TestQuietPlayersStay(t *testing.T) {
	b := roomtest.New(t, RaceDefinition, roomtest.Options{})
	ada := b.Join("Ada")
	b.Tick(b.Ticks(60))
	if code, text := ada.Closed(); code != 0 || !ada.Connected() {
		t.Errorf("closed with %d %q", code, text)
	}
}
