package arena

import (
	"encoding/json"
	"testing"

	"github.com/ringside-server/ringside/room/roomtest"
)

// People come into a round that is on, lose their connection, come back or do not, and leave: bots make way and fill in.
func TestPeopleComeAndGo(t *testing.T) {
	b := roomtest.New(t, Definition, roomtest.Options{RoomOptions: `{"round_s":20}`})
	ada := b.Join("Ada")
	b.Tick(b.Ticks(2))
	fleet := roomtest.Count(roomtest.All(ada, ships))
	if fleet != Definition.Bots {
		t.Fatalf("ada sees %d ships, want her own and bots: %d", fleet, Definition.Bots)
	}
	bob := b.Join("Bob") // at the lowest slot: the bots sit in the highest
	last, err := b.JoinSeat(roomtest.Seat{Slot: Definition.MaxPlayers - 1, Name: "Cy"})
	if err != nil {
		t.Fatal(err)
	}
	b.Tick(b.Ticks(1))
	for _, p := range []*roomtest.Player{bob, last} {
		if s, ok := roomtest.Get(p, ships, p.Slot); !ok || s.Owner != p.Slot {
			t.Errorf("%v came into the round and sees ship %+v, %v", p, s, ok)
		}
	}
	if n := roomtest.Count(roomtest.All(ada, ships)); n != fleet {
		t.Errorf("%d ships after two came, want %d: bots make way", n, fleet)
	}
	bob.Input(In{DX: 1})
	b.Tick(1)
	bob.Drop()
	b.Tick(b.Ticks(1))
	if s := b.Game().(*Game).s.Ships.Get(bob.Slot); s == nil || s.Told.DX != 0 {
		t.Errorf("the ship of who lost the connection is %+v, want it to stand by", s)
	}
	bob.Resume()
	if _, ok := roomtest.Get(bob, ships, bob.Slot); !ok {
		t.Error("bob is back and has no ship")
	}
	bob.Drop()
	b.Tick(b.Ticks(Definition.Grace.Seconds() + 1))
	last.Leave()
	b.Tick(b.Ticks(1))
	if n := roomtest.Count(roomtest.All(ada, ships)); n != fleet {
		t.Errorf("%d ships after two left, want %d: bots fill in", n, fleet)
	}
}

// A room ends with what its players and the directory are told.
func TestMatchEnds(t *testing.T) {
	b := roomtest.New(t, Definition, roomtest.Options{RoomOptions: `{"round_s":5,"rounds":1}`})
	b.Join("Ada")
	b.TickUntil(b.Ticks(60), func() bool { return b.Ended() != nil })
	var res result
	if err := json.Unmarshal(b.Ended().Result, &res); err != nil || b.Ended().Code != 4009 || len(res.Players) != Definition.Bots || res.Players[0].Name != "Ada" {
		t.Errorf("ended %+v: %v", b.Ended(), err)
	}
}
