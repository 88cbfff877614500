package cards

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

// Cards by name: club(8) is the eight of clubs.
func club(n int) Card  { return Card(n - 1) }
func heart(n int) Card { return Card(2*ranks + n - 1) }
func spade(n int) Card { return Card(3*ranks + n - 1) }

func TestOptions(t *testing.T) {
	for _, c := range []struct{ opts, want string }{
		{"", ""},
		{`{"rounds":3,"turn_s":10}`, ""},
		{`{"turn_s":1}`, "turn_s is 1, want 5 to 600"},
		{`{"turns":1}`, `there is no "turns"`},
		{`{} 1`, "something follows"},
	} {
		_, err := start(t, 1, c.opts)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("options %s: got error %v, want %q", c.opts, err, c.want)
		}
	}
}

func TestCards(t *testing.T) {
	for _, c := range []struct {
		card   Card
		name   string
		points int
		fits   bool // on 5♥ with hearts asked for
	}{
		{club(1), "A♣", 1, false},
		{club(5), "5♣", 5, true},
		{club(8), "8♣", 50, true},
		{heart(10), "10♥", 10, true},
		{spade(13), "K♠", 10, false},
	} {
		if c.card.String() != c.name || c.card.Points() != c.points || c.card.Fits(heart(5), 2) != c.fits {
			t.Errorf("%v: %d points, fits %v; want %+v", c.card, c.card.Points(), c.card.Fits(heart(5), 2), c)
		}
	}
}

func TestRules(t *testing.T) {
	r := newRig(t, 1, "").table(4)
	r.give(0, heart(5),
		[]Card{club(2), club(8), heart(9)},
		[]Card{heart(2), heart(3)}, []Card{spade(2), spade(9)}, []Card{club(4), club(6)})
	for i, m := range []struct {
		slot, id   int
		card, suit byte
		want       string
	}{
		{1, playID, byte(heart(2)), 0, "not your turn"},
		{0, playID, byte(club(3)), 0, "you do not hold 3♣"},
		{0, playID, byte(club(2)), 0, "2♣ does not fit 5♥"},
		{0, passID, 0, 0, "draw before you pass"},
		{0, drawID, 0, 0, ""},
		{0, drawID, 0, 0, "you have drawn: play or pass"},
		{0, playID, byte(heart(9)), 0, ""},
		{1, drawID, 0, 0, ""},
		{1, passID, 0, 0, ""},
		{2, playID, byte(spade(9)), 0, ""}, // the rank of 9♥
		{3, drawID, 0, 0, ""},
		{3, passID, 0, 0, ""},
		{0, playID, byte(club(8)), 2, ""}, // an eight, hearts wanted
		{1, playID, byte(heart(2)), 0, ""},
	} {
		fields := []byte{m.card, m.suit}
		if m.id != playID {
			fields = nil
		}
		if got := r.ask(m.slot, m.id, fields...); got != m.want {
			t.Fatalf("message %d, %+v: got %q", i, m, got)
		}
	}
	if s := &r.g.s; s.Turn != 2 || s.top() != heart(2) || s.Suit != 2 {
		t.Errorf("turn %d, top %v, suit %d", s.Turn, s.top(), s.Suit)
	}
}

func TestRoundEnds(t *testing.T) {
	r := newRig(t, 1, "").table(4)
	r.give(2, heart(5), []Card{club(8)}, []Card{club(13), club(4)}, []Card{heart(6)}, []Card{heart(1)})
	if got := r.ask(2, playID, byte(heart(6)), 0); got != "" {
		t.Fatal(got)
	}
	if s := &r.g.s; s.Phase != Between || s.Seats[2].Score != 50+10+4+1 {
		t.Fatalf("phase %d, score %d", s.Phase, s.Seats[2].Score)
	}
	if got := r.ask(0, playID, byte(club(8)), 0); got != errNoRound.Error() {
		t.Errorf("play between rounds: %q", got)
	}
	r.steps(r.d.Room.Ticks(pauseTime) + 1)
	if s := &r.g.s; s.Phase != Playing || s.Round != 2 || s.Turn != 1 || len(s.Seats[2].Hand) != handSize {
		t.Errorf("after the pause: %+v", *s)
	}
}

func TestBlockedRound(t *testing.T) {
	r := newRig(t, 1, "").table(4)
	r.give(0, heart(5), []Card{club(1)}, []Card{club(9)}, []Card{spade(2)}, []Card{club(2)})
	r.g.s.Stock = nil
	if got := r.ask(0, drawID); got != errNoStock.Error() {
		t.Errorf("draw from nothing: %q", got)
	}
	for slot := range seats {
		if got := r.ask(slot, passID); got != "" {
			t.Fatalf("pass of %d: %q", slot, got)
		}
	}
	if s := &r.g.s; s.Phase != Between || s.Seats[0].Score != 13 {
		t.Errorf("phase %d, score %d; want the ace to win 13", s.Phase, s.Seats[0].Score)
	}
}

func TestHandsAreSecret(t *testing.T) {
	r := newRig(t, 1, "").table(2)
	spectator := &room.Player{Slot: 7, Role: room.RoleSpectator}
	if err := r.d.Join(spectator); err != nil {
		t.Fatal(err)
	}
	r.d.SetAway(spectator, true)
	r.d.SetAway(spectator, false)
	r.step()
	const hand = 2
	if n := r.frame.Len(hand); n != 0 {
		t.Errorf("%d cards in everybody's view", n)
	}
	for slot := range 8 {
		got, want := 0, 0
		if slot < 2 {
			want = handSize
		}
		if f := r.d.Private(slot); f != nil {
			got = f.Len(hand)
		}
		if got != want {
			t.Errorf("slot %d sees %d cards, want %d", slot, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	r := newRig(t, 1, `{"turn_s":20}`).table(4)
	s := &r.g.s
	r.steps(200)
	if s.Turn != 0 || s.Drawn {
		t.Fatalf("tick %d: turn %d, drawn %v before the clock ran out", r.tick, s.Turn, s.Drawn)
	}
	r.steps(40)
	if s.Turn != 1 || !s.Seats[0].Slow {
		t.Fatalf("tick %d: turn %d, slow %v after the clock ran out", r.tick, s.Turn, s.Seats[0].Slow)
	}
	p := r.d.Room.Player(1)
	r.d.SetAway(p, true)
	if left := s.Deadline - r.tick; left != 20 {
		t.Errorf("%d ticks left for an absent player, want 20", left)
	}
	r.d.SetAway(p, false)
	if left := s.Deadline - r.tick; left < 150 {
		t.Errorf("%d ticks left for a player who is back", left)
	}
	r.d.Leave(p, room.ReasonLeft)
	if left := s.Deadline - r.tick; left != 20 {
		t.Errorf("%d ticks left for an empty seat, want 20", left)
	}
}

func TestNobodyIsThere(t *testing.T) {
	r := newRig(t, 1, "")
	r.steps(5)
	if r.g.s.Phase != Waiting {
		t.Fatal("dealt to an empty room")
	}
	r.table(1)
	r.d.Leave(r.d.Room.Player(0), room.ReasonTimeout)
	r.steps(200)
	if s := &r.g.s; s.Deadline != 0 || s.Turn != 0 {
		t.Errorf("bots alone: turn %d, deadline %d; want a table that stands still", s.Turn, s.Deadline)
	}
	r.join(0, false)
	r.steps(400)
	if s := &r.g.s; s.Turn == 0 && s.Round == 1 && len(s.Pile) == 1 {
		t.Error("nothing moved after somebody came back")
	}
}

func TestRoomEnds(t *testing.T) {
	r := newRig(t, 4, `{"rounds":2}`).table(1)
	for r.end == nil {
		if r.step(); r.tick > 100000 {
			t.Fatal("the room did not end")
		}
	}
	var res result
	if err := json.Unmarshal(r.end, &res); err != nil || len(res.Seats) != seats || res.Rounds != 2 {
		t.Errorf("result %s: %v", r.end, err)
	}
}

// TestAnyGame plays at random and compares every tick with a second table of the same requests and with a restored one.
func TestAnyGame(t *testing.T) {
	roomtest.Run(t, Definition, roomtest.Options{Ticks: 5000, RoomOptions: `{"rounds":20,"turn_s":5}`})
}

// TestManyRounds plays for hours: every card is always in one place.
func TestManyRounds(t *testing.T) {
	r := newRig(t, 2, "").table(1)
	for range 40000 {
		r.step()
		s := &r.g.s
		all := slices.Concat(s.Stock, s.Pile, s.Seats[0].Hand, s.Seats[1].Hand, s.Seats[2].Hand, s.Seats[3].Hand)
		slices.Sort(all)
		if n := len(all); n != deckSize || len(slices.Compact(all)) != n {
			t.Fatalf("tick %d: %d cards, %v", r.tick, n, all)
		}
	}
	t.Logf("%d rounds in %d ticks", r.g.s.Round, r.tick)
	if r.g.s.Round < 10 {
		t.Errorf("%d rounds", r.g.s.Round)
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRig(t, 2, "").table(1)
	r.steps(20000)
	if n := testing.AllocsPerRun(5000, r.step); n != 0 {
		t.Errorf("%v allocations per tick, want 0", n)
	}
}

func BenchmarkTick(b *testing.B) {
	r := newRig(b, 2, "").table(2)
	r.steps(1000)
	b.ReportAllocs()
	for b.Loop() {
		r.step()
	}
}

// The wire cuts a text that does not fit its field, so every card's name must.
func TestNamesFitTheirFields(t *testing.T) {
	prog, err := room.Compile(Definition)
	if err != nil {
		t.Fatal(err)
	}
	limit := 0
	for _, k := range prog.Schema.Kinds {
		for _, f := range k.Fields {
			if k.Name == "hand" && f.Name == "name" {
				limit = int(*f.Max)
			}
		}
	}
	for c, name := range names {
		if len(name) > limit {
			t.Errorf("card %d is called %q, %d bytes; the field holds %d", c, name, len(name), limit)
		}
	}
}
