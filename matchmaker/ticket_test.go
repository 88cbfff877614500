package matchmaker

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// ticket makes a ticket that waits in a queue, with its id as its player.
func (m *machine) ticket(t testing.TB, queue string, ids ...string) *Ticket {
	t.Helper()
	res := m.do(m.ticketCommand(queue, ids...))
	if res.err != nil {
		t.Fatalf("create ticket of %v: %v", ids, res.err)
	}
	return res.ticket
}

func (m *machine) ticketCommand(queue string, ids ...string) *createTicket {
	cmd := &createTicket{Queue: queue, Expires: m.now + 120_000, MaxLive: 1 << 20, Random: random(ticketRandom)}
	for i, id := range ids {
		cmd.Players = append(cmd.Players, TicketPlayer{ID: id, Name: id, Rating: Rating(1000+i) * ratingPoint})
	}
	return cmd
}

// match seats tickets, the first half in team 1 and the others in team 2.
func (m *machine) match(tickets ...*Ticket) result {
	cmd := &matchTickets{
		Queue: tickets[0].Queue, Expires: m.now + 30_000,
		creation: creation{Game: "arena", Private: true, MaxPlayers: 4, MaxLive: 1 << 20, Random: random(randomBytes)},
	}
	for i, t := range tickets {
		cmd.Parties = append(cmd.Parties, matchParty{Ticket: t.ID, Version: t.Version, Team: 1 + 2*i/len(tickets)})
	}
	return m.do(cmd)
}

// mustMatch matches tickets and starts their room.
func (m *machine) mustMatch(t testing.TB, tickets ...*Ticket) *Room {
	t.Helper()
	res := m.match(tickets...)
	if res.err == nil {
		res = m.do(&roomStarted{fenced: fenced{res.room.ID, 1}})
	}
	if res.err != nil {
		t.Fatalf("match: %v", res.err)
	}
	return res.room
}

func TestMatchSeatsTheTickets(t *testing.T) {
	m := newMachine()
	pair, single := m.ticket(t, "q", "ann", "bob"), m.ticket(t, "q", "cid")
	m.now += 5000
	res := m.match(pair, single)
	if res.err != nil || !res.room.Private || len(res.room.Seats) != 3 {
		t.Fatalf("match: %+v", res)
	}
	if got := m.dir.Ticket(pair.ID); got.State != TicketStarting || got.shown() != pair.Version || got.Found != m.now {
		t.Errorf("ticket whose room starts: %+v", got)
	}
	m.do(&roomStarted{fenced: fenced{res.room.ID, 1}})
	got := m.dir.Ticket(pair.ID)
	if got.State != TicketMatched || got.Room != res.room.ID || got.Team != 1 || len(got.Seats) != 2 || got.shown() == pair.Version {
		t.Fatalf("matched ticket: %+v", got)
	}
	for i, s := range got.Seats {
		seat := m.dir.Room(got.Room).seat(s.ID)
		if seat.Player != pair.Players[i].ID || seat.Name != pair.Players[i].Name || seat.Team != 1 || seat.Slot != s.Slot || seat.State != SeatReserved {
			t.Errorf("seat %d is %+v", i, seat)
		}
	}
	if other := m.dir.Ticket(single.ID); other.Team != 2 {
		t.Errorf("the other ticket: %+v, want team 2", other)
	}
	if len(m.dir.Waiting("q")) != 0 {
		t.Error("a matched ticket waits")
	}
	// A live match keeps its players from another ticket in the queue.
	if res := m.do(m.ticketCommand("q", "new", "bob")); !errors.Is(res.err, ErrTicketExists) || res.ticket.ID != pair.ID {
		t.Errorf("second ticket of bob: %+v, want ErrTicketExists with the first", res)
	}
	m.ticket(t, "other", "bob")
	// It settles when all have come.
	for i, s := range got.Seats {
		if now := m.dir.Ticket(pair.ID); now.Settled != 0 {
			t.Errorf("settled after %d of 2 have come", i)
		}
		m.do(&confirm{fenced: fenced{got.Room, 1}, Seat: s.ID})
	}
	if got := m.dir.Ticket(pair.ID); got.Settled == 0 || got.State != TicketMatched {
		t.Errorf("after all have come: %+v", got)
	}
	m.ticket(t, "q", "bob")
	checkDirectory(t, m.dir)
}

// A match is all or nothing, and only of tickets as they were looked at.
func TestMatchIsRefused(t *testing.T) {
	m := newMachine()
	a, b, elsewhere := m.ticket(t, "q", "ann"), m.ticket(t, "q", "bob"), m.ticket(t, "other", "cid")
	five := m.ticket(t, "q", "1", "2", "3", "4", "5")
	same := m.ticket(t, "other", "ann")
	cancelled := m.ticket(t, "q", "dan")
	m.do(&cancelTicket{Ticket: cancelled.ID})
	stale := a.change()
	for _, tc := range []struct {
		name    string
		tickets []*Ticket
		want    error
	}{
		{"cancelled", []*Ticket{a, cancelled}, ErrTicketChanged},
		{"other version", []*Ticket{b, stale}, ErrTicketChanged},
		{"other queue", []*Ticket{a, elsewhere}, ErrTicketChanged},
		{"unknown", []*Ticket{a, {ID: "none"}}, ErrTicketChanged},
		{"ticket twice", []*Ticket{a, a}, ErrInvalid},
		{"more than the room has", []*Ticket{a, five}, ErrRoomFull},
	} {
		before := m.dir.Stats()
		assigned := m.dir.t.assigned
		if res := m.match(tc.tickets...); !errors.Is(res.err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, res.err, tc.want)
		}
		after := m.dir.Stats()
		before.Applied, before.Hash = after.Applied, after.Hash
		if before != after || m.dir.t.assigned != assigned || m.dir.Ticket(a.ID) != a {
			t.Errorf("%s: the refused match changed something: %+v", tc.name, after)
		}
	}
	if res := m.match(a, b); res.err != nil {
		t.Errorf("match of what is left: %v", res.err)
	}
	if got := m.dir.Ticket(same.ID); got.State != TicketWaiting {
		t.Errorf("ann's ticket in another queue: %+v", got)
	}
}

// The log decides between a cancellation, a match and an expiry.
func TestCancelAgainstMatchAndExpiry(t *testing.T) {
	m := newMachine()
	a, b, c := m.ticket(t, "q", "ann"), m.ticket(t, "q", "bob"), m.ticket(t, "q", "cid")
	for range 2 { // twice is no error
		if res := m.do(&cancelTicket{Ticket: a.ID}); res.err != nil || res.ticket.State != TicketCancelled {
			t.Fatalf("cancel: %+v", res)
		}
	}
	if res := m.match(a, b); !errors.Is(res.err, ErrTicketChanged) {
		t.Errorf("match behind the cancellation: %v", res.err)
	}
	m.mustMatch(t, b, c)
	if res := m.do(&cancelTicket{Ticket: b.ID}); !errors.Is(res.err, ErrTicketMatched) || res.ticket.Room == "" {
		t.Errorf("cancellation behind the match: %+v", res)
	}
	d := m.ticket(t, "q", "dan")
	m.now += 120_000
	if !m.dir.due(m.now) || m.dir.due(m.now-120_000) {
		t.Error("the expiry is due at the wrong time")
	}
	m.do(&expire{})
	if got := m.dir.Ticket(d.ID); got.State != TicketExpired {
		t.Errorf("ticket that waited for two minutes: %+v", got)
	}
	if res := m.match(d); !errors.Is(res.err, ErrTicketChanged) {
		t.Errorf("match behind the expiry: %v", res.err)
	}
	if res := m.do(&cancelTicket{Ticket: d.ID}); res.err != nil || res.ticket.State != TicketExpired {
		t.Errorf("cancellation behind the expiry: %+v", res)
	}
	if res := m.do(&cancelTicket{Ticket: "none"}); !errors.Is(res.err, ErrTicketUnknown) {
		t.Errorf("cancel nothing: %v", res.err)
	}
}

// A match that comes to nothing sends its tickets back to their places.
func TestMatchFallsThrough(t *testing.T) {
	refuse := func(m *machine, r *Room) { m.do(&roomRefused{fenced: fenced{r.ID, 1}, Text: "no"}) }
	for _, tc := range []struct {
		name string
		fall func(m *machine, r *Room)
		want TicketState
	}{
		{"refused", refuse, TicketWaiting},
		{"lost before it ran", func(m *machine, r *Room) {
			m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Reason: reasonLost}})
		}, TicketWaiting},
		{"lost after it ran", func(m *machine, r *Room) {
			m.do(&roomStarted{fenced: fenced{r.ID, 1}})
			m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Reason: reasonLost}})
		}, TicketWaiting},
		{"never started", func(m *machine, _ *Room) {
			m.now += 30_000 + expiryGraceMs
			m.do(&expire{})
		}, TicketWaiting},
		{"node without the game", func(m *machine, _ *Room) {
			m.do(&nodeUp{Node: Node{Name: "a", Incarnation: 2, Games: testGames[1:]}})
		}, TicketWaiting},
		{"over before they came", func(m *machine, r *Room) {
			m.do(&roomStarted{fenced: fenced{r.ID, 1}})
			m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Reason: "finished"}})
		}, TicketMatched},
		{"nobody came", func(m *machine, r *Room) {
			m.do(&roomStarted{fenced: fenced{r.ID, 1}})
			m.now += 30_000 + expiryGraceMs
			m.do(&expire{})
		}, TicketMatched},
		{"lost when one had come and left", func(m *machine, r *Room) {
			m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: 1})
			m.do(&release{fenced: fenced{r.ID, 1}, Seat: 1})
			m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Reason: reasonLost}})
		}, TicketMatched},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine()
			a := m.ticket(t, "q", "ann", "bob")
			m.now += 1000
			younger := m.ticket(t, "q", "cid")
			res := m.match(a)
			before := m.now
			tc.fall(m, res.room)
			got := m.dir.Ticket(a.ID)
			if got.State != tc.want || (got.Settled == 0) != (tc.want == TicketWaiting) {
				t.Fatalf("ticket %+v, want %v", got, tc.want)
			}
			if tc.want == TicketWaiting {
				line := m.dir.Waiting("q")
				if len(line) != 2 || line[0] != got || line[1].ID != younger.ID || got.Created != a.Created {
					t.Errorf("line %v, want the ticket in front of the younger one", line)
				}
				if got.Expires != a.Expires+m.now-before || got.Room != "" || got.Seats != nil || got.Version <= a.Version {
					t.Errorf("ticket %+v: not as one that waits, or the time of its match counts", got)
				}
			}
			checkDirectory(t, m.dir)
		})
	}
	t.Run("too often", func(t *testing.T) {
		m := newMachine()
		id := m.ticket(t, "q", "ann").ID
		for try := range maxTries {
			if got := m.dir.Ticket(id); got.State != TicketWaiting || got.Tries != try {
				t.Fatalf("before try %d: %+v", try, got)
			}
			refuse(m, m.match(m.dir.Ticket(id)).room)
		}
		if got := m.dir.Ticket(id); got.State != TicketFailed || got.Text == "" || got.Settled == 0 {
			t.Errorf("after %d tries: %+v", maxTries, got)
		}
	})
}

func TestTicketBounds(t *testing.T) {
	m := newMachine()
	for name, change := range map[string]func(*createTicket){
		"no players":   func(c *createTicket) { c.Players = nil },
		"no id":        func(c *createTicket) { c.Players[0].ID = "" },
		"player twice": func(c *createTicket) { c.Players[1].ID = c.Players[0].ID },
		"no queue":     func(c *createTicket) { c.Queue = "" },
		"no end":       func(c *createTicket) { c.Expires = 0 },
		"far end":      func(c *createTicket) { c.Expires = maxDue + 1 },
		"random":       func(c *createTicket) { c.Random = nil },
	} {
		cmd := m.ticketCommand("q", "ann", "bob")
		change(cmd)
		if res := m.do(cmd); !errors.Is(res.err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, res.err)
		}
	}
	cmd := m.ticketCommand("q", "ann")
	first := m.do(cmd)
	if again := m.do(cmd); again.err != nil || again.ticket != first.ticket {
		t.Errorf("the same bytes again: %+v, want %+v", again, first)
	}
	cmd = m.ticketCommand("q", "bob")
	cmd.MaxLive = 1
	if res := m.do(cmd); !errors.Is(res.err, ErrTooManyTickets) {
		t.Errorf("one more than there may be: %v", res.err)
	}
	if id := first.ticket.ID; len(id) != ticketIDLen || ticketID(make([]byte, ticketRandom)) != "00000000000000000000000000" {
		t.Errorf("id %q", id)
	}
}

func TestSettledTicketsAreForgotten(t *testing.T) {
	m := newMachine()
	old := m.ticket(t, "q", "ann")
	m.do(&cancelTicket{Ticket: old.ID})
	m.now += settledKeptMs - 1
	m.do(&expire{})
	if m.dir.Ticket(old.ID) == nil || m.dir.due(m.now) {
		t.Error("forgotten or due before its time")
	}
	m.now++
	if !m.dir.due(m.now) {
		t.Error("not due at its time")
	}
	m.do(&expire{})
	if m.dir.Ticket(old.ID) != nil {
		t.Error("not forgotten")
	}
	for range settledKept + 5 {
		m.do(&cancelTicket{Ticket: m.ticket(t, "q", "ann").ID})
	}
	if n := len(m.dir.t.tickets.byID); n != settledKept {
		t.Errorf("%d settled tickets are kept, want %d", n, settledKept)
	}
}

// randomTicketCommand makes a command about tickets that often fits.
func randomTicketCommand(rng *rand.Rand, m *machine) command {
	queue := fmt.Sprint("q", rng.IntN(2))
	line := m.dir.Waiting(queue)
	known := m.dir.t.tickets.list()
	slices.SortFunc(known, func(a, b *Ticket) int { return int(a.Order) - int(b.Order) })
	bytes16 := make([]byte, ticketRandom)
	for i := range bytes16 {
		bytes16[i] = byte(rng.Uint32())
	}
	switch n := rng.IntN(10); {
	case n < 4:
		cmd := &createTicket{Queue: queue, Expires: m.now + 1 + int64(rng.IntN(60_000)), MaxLive: 30, Random: bytes16}
		if rng.IntN(2) == 0 {
			cmd.origin, cmd.once = keyed("", fmt.Sprint(rng.IntN(12)), byte(rng.IntN(2)))
		}
		for range 1 + rng.IntN(3) {
			cmd.Players = append(cmd.Players, TicketPlayer{ID: fmt.Sprint("p", rng.IntN(40)), Rating: Rating(rng.IntN(9))})
		}
		return cmd
	case n < 8 && len(line) > 0:
		cmd := &matchTickets{Queue: queue, Expires: m.now + 1 + int64(rng.IntN(10_000)),
			creation: creation{Game: testGames[rng.IntN(2)].Name, MaxLive: 40, Random: bytes16, Private: rng.IntN(2) == 0}}
		for _, t := range line[:1+rng.IntN(min(3, len(line)))] {
			cmd.Parties = append(cmd.Parties, matchParty{t.ID, t.Version + uint64(rng.IntN(12)/11), 1 + rng.IntN(2)})
		}
		return cmd
	case n < 9 && len(known) > 0:
		t := known[rng.IntN(len(known))]
		if rng.IntN(3) == 0 {
			return &failTickets{Tickets: []matchParty{{t.ID, t.Version, 0}}, Text: "no"}
		}
		return &cancelTicket{Ticket: t.ID}
	}
	return &expire{}
}

// checkTickets checks every ticket, its room, and that the indexes agree.
func checkTickets(t *testing.T, d *Directory) {
	t.Helper()
	fresh := newTickets()
	for _, ticket := range d.t.tickets.byID {
		if err := ticket.check(); err != nil {
			t.Fatal(err)
		}
		fresh.put(ticket.ID, ticket)
		if !ticket.pending() {
			continue
		}
		r := d.t.rooms[ticket.Room]
		if r == nil || r.State == RoomEnded {
			t.Fatalf("ticket %+v waits for room %+v", ticket, r)
		}
	}
	if got, want := describeTickets(&d.t.tickets), describeTickets(&fresh); got != want {
		t.Fatalf("ticket indexes %s, want %s", got, want)
	}
}

// checkSeats checks that the seats of a ticket are as in its room.
func checkSeats(t *testing.T, d *Directory) {
	t.Helper()
	for _, ticket := range d.t.tickets.byID {
		if !ticket.pending() {
			continue
		}
		for i, s := range ticket.Seats {
			seat := d.t.rooms[ticket.Room].seat(s.ID)
			switch {
			case s.State == TicketSeatReserved && (seat == nil || seat.State != SeatReserved || seat.Player != ticket.Players[i].ID):
				t.Fatalf("ticket %+v has a seat that is %+v", ticket, seat)
			case s.State == TicketSeatGone && seat != nil:
				t.Fatalf("ticket %+v has lost a seat that is %+v", ticket, seat)
			}
		}
	}
}

func describeTickets(x *tickets) string {
	keys := func(s *orderedSet) (out []orderedKey) {
		s.ascend(orderedKey{}, func(k orderedKey) bool { out = append(out, k); return true })
		return out
	}
	waiting, pending := map[string][]orderedKey{}, map[string][]orderedKey{}
	for k, s := range x.waiting {
		waiting[k] = keys(s)
	}
	for k, s := range x.pending {
		pending[k] = keys(s)
	}
	return fmt.Sprint(waiting, pending, keys(&x.due), keys(&x.settled), x.live, x.states, x.alive)
}

// Random commands about rooms and tickets never break an invariant; a
// snapshot at any point behaves like the directory it was taken from.
func TestRandomTicketCommands(t *testing.T) {
	var matched, again int
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := newMachine()
		var twin *machine
		for step := range 1000 {
			if step%400 == 200 {
				twin = &machine{dir: restored(t, m.dir), index: m.index}
			}
			m.now += int64(rng.IntN(2000))
			cmd := randomTicketCommand(rng, m)
			if rng.IntN(2) == 0 {
				cmd = randomCommand(rng, m)
			}
			res := m.do(cmd)
			if _, ok := cmd.(*matchTickets); ok && res.err == nil {
				matched++
			}
			checkSeats(t, m.dir)
			checkDirectory(t, m.dir)
			if twin == nil {
				continue
			}
			twin.now = m.now
			if got, want := describeTicketResult(twin.do(cmd)), describeTicketResult(res); got != want {
				t.Fatalf("seed %d step %d %T: restored directory answered %s, want %s", seed, step, cmd, got, want)
			}
		}
		if !bytes.Equal(snapshotBytes(t, m.dir), snapshotBytes(t, twin.dir)) {
			t.Fatalf("seed %d: snapshots differ", seed)
		}
		for _, ticket := range m.dir.t.tickets.byID {
			again += ticket.Tries
		}
	}
	if matched < 100 || again < 10 {
		t.Errorf("%d matches, %d tries: the commands do not fit", matched, again)
	}
}

func describeTicketResult(res result) string {
	s := describeResult(res)
	if res.ticket != nil {
		s += fmt.Sprintf(" %x", encodeFields(nil, res.ticket.fields))
	}
	return s
}

func TestRestoreRefusesTickets(t *testing.T) {
	for name, change := range map[string]func(*tables){
		"player twice":  func(t *tables) { t.tickets.byID["b"] = twinOf(t, func(n *Ticket) { n.ID = "b"; n.Order++ }) },
		"order":         func(t *tables) { t.tickets.order = 0 },
		"room is gone":  func(t *tables) { t.tickets.byID[onlyTicket(t).ID] = twinOf(t, func(n *Ticket) { n.Room = "none" }) },
		"half matched":  func(t *tables) { t.tickets.byID[onlyTicket(t).ID] = twinOf(t, func(n *Ticket) { n.Seats = nil }) },
		"half settled":  func(t *tables) { t.tickets.byID[onlyTicket(t).ID] = twinOf(t, func(n *Ticket) { n.Settled = 1 }) },
		"never expires": func(t *tables) { t.tickets.byID[onlyTicket(t).ID] = twinOf(t, func(n *Ticket) { n.Expires = 0 }) },
	} {
		m := newMachine()
		m.mustMatch(t, m.ticket(t, "q", "ann"))
		restored(t, m.dir)
		m.dir.t.tickets.order++
		change(m.dir.t)
		if err := NewDirectory().Restore(bytes.NewReader(snapshotBytes(t, m.dir))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func onlyTicket(t *tables) *Ticket { return t.tickets.list()[0] }

func twinOf(t *tables, change func(*Ticket)) *Ticket {
	twin := *onlyTicket(t)
	change(&twin)
	return &twin
}

// What changed is told after the command, without the lock, in the order of
// the log.
func TestTicketNews(t *testing.T) {
	m := newMachine()
	var heard []string
	m.dir.listenTickets(func(steps []ticketChange) {
		for _, s := range steps {
			if s.next == nil {
				heard = append(heard, "gone")
			} else {
				heard = append(heard, m.dir.Ticket(s.next.ID).State.String()+fmt.Sprint(s.next.Version))
			}
		}
	})
	a := m.ticket(t, "q", "ann")
	room := m.mustMatch(t, a)
	m.do(&confirm{fenced: fenced{room.ID, 1}, Seat: 1})
	m.do(&release{fenced: fenced{room.ID, 1}, Seat: 1})
	m.now += settledKeptMs
	m.do(&expire{})
	if want := []string{"waiting1", "waiting2", "matched3", "matched4", "gone"}; !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	heard = nil
	b := m.ticket(t, "q", "bob")
	other := newMachine()
	c := other.ticket(t, "q", "cid")
	if err := m.dir.Restore(bytes.NewReader(snapshotBytes(t, other.dir))); err != nil {
		t.Fatal(err)
	}
	if want := []string{"waiting1", "gone", "waiting1"}; !slices.Equal(heard, want) || m.dir.Ticket(b.ID) != nil || m.dir.Ticket(c.ID) == nil {
		t.Errorf("heard %v, want %v", heard, want)
	}
}
