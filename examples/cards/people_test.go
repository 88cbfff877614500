package cards

import (
	"testing"

	"github.com/ringside-server/ringside/room/roomtest"
)

// hand is how many cards a player sees of its own.
func hand(p *roomtest.Player) int { return roomtest.Count(roomtest.AllPrivate(p, hands)) }

// People sit down at a table at which bots play, lose their connection and come back, and leave: the hand stays with the seat.
func TestPeopleComeAndGo(t *testing.T) {
	b := roomtest.New(t, Definition, roomtest.Options{RoomOptions: `{"turn_s":600}`})
	ada := b.Join("Ada")
	b.Tick(b.Ticks(2))
	state := func() *State { return &b.Game().(*Game).s }
	if hand(ada) != len(state().Seats[0].Hand) || hand(ada) == 0 {
		t.Fatalf("ada sees %d cards", hand(ada))
	}
	cards := len(state().Seats[2].Hand)
	bob, err := b.JoinSeat(roomtest.Seat{Slot: 2, Name: "Bob"}) // where a bot sits
	if err != nil {
		t.Fatal(err)
	}
	if hand(bob) != cards || hand(bob) == 0 {
		t.Errorf("bob sees %d cards, the bot had %d", hand(bob), cards)
	}
	bob.Drop()
	b.Tick(b.Ticks(1))
	bob.Resume()
	if hand(bob) != len(state().Seats[2].Hand) {
		t.Errorf("bob is back and sees %d cards", hand(bob))
	}
	b.Restart()
	if hand(bob) != len(state().Seats[2].Hand) || hand(ada) != len(state().Seats[0].Hand) {
		t.Error("a restart lost a hand")
	}
	bob.Leave()
	b.Tick(b.Ticks(1))
	if got, ok := roomtest.Get(ada, seatKinds, 2); !ok || got.Cards != len(state().Seats[2].Hand) {
		t.Errorf("ada sees bob's seat as %+v, %v", got, ok)
	}
}

// The host of a table can remove somebody; the others cannot.
func TestHostRemovesPlayer(t *testing.T) {
	b := roomtest.New(t, Definition, roomtest.Options{})
	ada, bob := b.Join("Ada"), b.Join("Bob")
	kick := func(p *roomtest.Player, slot int) error {
		r := p.SendAs("host_kick", struct{ Slot int }{slot})
		b.Tick(1)
		return r.Err()
	}
	if err := kick(bob, ada.Slot); err == nil || err.Error() != "only the host may do that" {
		t.Errorf("bob removes ada: %v", err)
	}
	if err := kick(ada, bob.Slot); err != nil {
		t.Fatal(err)
	}
	if code, text := bob.Closed(); code != 4007 || text != "removed by the host" {
		t.Errorf("bob was closed with %d %q", code, text)
	}
}

// A table at which everybody thinks costs next to nothing: the ticks between are slept through.
func TestTableSleeps(t *testing.T) {
	b := roomtest.New(t, Definition, roomtest.Options{RoomOptions: `{"turn_s":600}`})
	ada := b.Join("Ada")
	b.Tick(b.Ticks(2)) // bots come
	b.TickUntil(b.Ticks(120), func() bool { return b.Game().(*Game).s.Turn == ada.Slot })
	before := b.Slept()
	b.Tick(b.Ticks(10))
	if slept := b.Slept() - before; slept < b.Ticks(10)-11 {
		t.Errorf("%d of %d ticks were slept through while ada thinks", slept, b.Ticks(10))
	}
}
