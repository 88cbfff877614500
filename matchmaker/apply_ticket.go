package matchmaker

import "slices"

// Kinds 40 to 59 are the queues'.
const (
	kindCreateTicket byte = iota + 40
	kindCancelTicket
	kindMatchTickets
	kindFailTickets
)

// Bounds that are part of the log's format.
const (
	maxQueueName = 64
	maxParty     = 16  // players on one ticket
	maxMatch     = 128 // players in one match
	maxTries     = 3   // matches that may fall through before a ticket has failed
	maxRating    = 1_000_000 * ratingPoint

	// Settled tickets say what became of them for a while: five minutes, and
	// not more of them than fit into about 10 MB.
	settledKept   = 20_000
	settledKeptMs = 5 * 60 * 1000
)

type (
	createTicket struct {
		origin
		Queue   string
		By      string
		Players []TicketPlayer
		Expires int64
		MaxLive int    // refused when as many tickets are live
		Random  []byte // 16 bytes: the id
		once
	}

	cancelTicket struct {
		origin
		Ticket string
	}

	// matchTickets makes a room and seats the players of all of its tickets,
	// or does nothing: some ticket does not wait any more in the version in
	// which it was looked at.
	matchTickets struct {
		origin
		creation
		Queue   string
		Parties []matchParty
		Expires int64 // of the seats
	}

	matchParty struct {
		Ticket  string
		Version uint64
		Team    int // from 1
	}

	// failTickets ends the wait of tickets that can never be matched.
	failTickets struct {
		origin
		Tickets []matchParty // without teams
		Text    string
	}
)

func (*createTicket) kind() byte { return kindCreateTicket }
func (*cancelTicket) kind() byte { return kindCancelTicket }
func (*matchTickets) kind() byte { return kindMatchTickets }
func (*failTickets) kind() byte  { return kindFailTickets }

// newTicketCommand returns an empty command of a kind, nil for an unknown one.
func newTicketCommand(kind byte) command {
	switch kind {
	case kindCreateTicket:
		return &createTicket{}
	case kindCancelTicket:
		return &cancelTicket{}
	case kindMatchTickets:
		return &matchTickets{}
	case kindFailTickets:
		return &failTickets{}
	}
	return nil
}

func (m *createTicket) fields(c *codec) {
	m.origin.fields(c)
	c.str(&m.Queue, maxQueueName)
	c.str(&m.By, maxIDBytes)
	list(c, &m.Players, maxParty, func(c *codec, p *TicketPlayer) { p.fields(c) })
	c.int(&m.Expires)
	c.num(&m.MaxLive, 0, 1<<30)
	c.bytes(&m.Random, ticketRandom)
	m.once.fields(c)
}

func (m *cancelTicket) fields(c *codec) {
	m.origin.fields(c)
	c.str(&m.Ticket, maxIDBytes)
}

func (m *matchTickets) fields(c *codec) {
	m.origin.fields(c)
	m.creation.fields(c)
	c.str(&m.Queue, maxQueueName)
	list(c, &m.Parties, maxMatch, func(c *codec, p *matchParty) { p.fields(c) })
	c.int(&m.Expires)
}

func (p *matchParty) fields(c *codec) {
	c.str(&p.Ticket, maxIDBytes)
	c.uint(&p.Version)
	c.num(&p.Team, 0, maxTeam)
}

func (m *failTickets) fields(c *codec) {
	m.origin.fields(c)
	list(c, &m.Tickets, expireBatch, func(c *codec, p *matchParty) { p.fields(c) })
	c.str(&m.Text, maxTextBytes)
}

func (m *createTicket) apply(d *Directory) result {
	return d.once(&m.origin, m.Hash, 0, func() result { return m.enqueue(d) })
}

// enqueue puts a ticket at the end of its queue. A player who has a live
// ticket there gets no second one; the first is in the result.
func (m *createTicket) enqueue(d *Directory) result {
	x := &d.t.tickets
	if len(m.Random) != ticketRandom {
		return result{err: invalid("random bytes")}
	}
	t := &Ticket{
		ID: ticketID(m.Random), Queue: m.Queue, By: m.By, Players: m.Players, Created: d.t.clock, Expires: m.Expires,
		Order: x.order + 1, Version: 1,
	}
	if err := t.check(); err != nil {
		return result{err: invalid("%w", err)}
	}
	if old := x.byID[t.ID]; old != nil {
		return result{ticket: old} // the same bytes again
	}
	for i := range t.Players {
		if id, ok := x.live[queuePlayer{t.Queue, t.Players[i].ID}]; ok {
			return result{err: ErrTicketExists, ticket: x.byID[id]}
		}
	}
	if x.alive >= m.MaxLive {
		return result{err: ErrTooManyTickets}
	}
	x.order++
	d.putTicket(t)
	return result{ticket: t}
}

// apply takes a ticket out of its queue. One that does not wait for other
// reasons is not refused: nobody waits for it.
func (m *cancelTicket) apply(d *Directory) result {
	t := d.t.tickets.byID[m.Ticket]
	switch {
	case t == nil:
		return result{err: ErrTicketUnknown}
	case t.State == TicketStarting || t.State == TicketMatched:
		return result{err: ErrTicketMatched, ticket: t}
	case t.State != TicketWaiting:
		return result{ticket: t}
	}
	t = t.change()
	t.State = TicketCancelled
	d.settle(t)
	return result{ticket: t}
}

// apply makes a match. It only checks what was proposed: who plays with whom
// was decided beside the log.
func (m *matchTickets) apply(d *Directory) result {
	found, players, err := m.parties(d)
	if err != nil {
		return result{err: err}
	}
	if m.Expires <= 0 || m.Expires > maxDue {
		return result{err: invalid("expiry")}
	}
	assigned := d.t.assigned
	room, err := d.create(&m.creation)
	if err != nil {
		return result{err: err}
	}
	for i := range players {
		if _, err := room.seatPlayer(players[i], m.Expires); err != nil {
			d.t.assigned = assigned // nothing came of it
			return result{err: err}
		}
	}
	d.t.assigned = room.Assigned
	d.put(room)
	for i, t := range found {
		t = t.change()
		t.State, t.Room, t.Team, t.Found = TicketStarting, room.ID, m.Parties[i].Team, d.t.clock
		t.Tries++
		t.Seats = make([]TicketSeat, len(t.Players))
		for j := range t.Players {
			s := room.seatOf(t.Players[j].ID)
			t.Seats[j] = TicketSeat{ID: s.ID, Slot: s.Slot}
		}
		d.putTicket(t)
	}
	return result{room: room, created: true}
}

// parties returns the tickets of a match and its players, team by team as the
// parties are listed, or why the match cannot be made.
func (m *matchTickets) parties(d *Directory) ([]*Ticket, []Player, error) {
	var players []Player
	found := make([]*Ticket, len(m.Parties))
	seated := map[string]bool{}
	for i, p := range m.Parties {
		t := d.t.tickets.byID[p.Ticket]
		if t == nil || t.State != TicketWaiting || t.Version != p.Version || t.Queue != m.Queue {
			return nil, nil, ErrTicketChanged
		}
		if p.Team < 1 {
			return nil, nil, invalid("ticket without a team")
		}
		found[i] = t
		for j := range t.Players {
			id := t.Players[j].ID
			if seated[id] {
				return nil, nil, invalid("player %q twice", id)
			}
			seated[id] = true
			players = append(players, Player{ID: id, Name: t.Players[j].Name, Team: p.Team})
		}
	}
	if len(players) == 0 || len(players) > maxMatch {
		return nil, nil, invalid("%d players in a match, must be 1 to %d", len(players), maxMatch)
	}
	return found, players, nil
}

// apply fails those of the tickets that still wait.
func (m *failTickets) apply(d *Directory) result {
	for _, p := range m.Tickets {
		t := d.t.tickets.byID[p.Ticket]
		if t == nil || t.State != TicketWaiting || t.Version != p.Version {
			continue
		}
		t = t.change()
		t.State, t.Text = TicketFailed, m.Text
		d.settle(t)
	}
	return result{}
}

// expireTickets ends the wait of tickets that waited as long as they may.
func (d *Directory) expireTickets(now int64) {
	for range expireBatch {
		first, ok := d.t.tickets.due.min()
		if !ok || int64(first.rank) > now {
			return
		}
		t := d.t.tickets.byID[first.id].change()
		t.State = TicketExpired
		d.settle(t)
	}
}

// forgetTickets drops the oldest settled tickets beyond what is kept. What
// one command settles is dropped by one command, too.
func (d *Directory) forgetTickets() {
	x := &d.t.tickets
	for range expireBatch {
		first, ok := x.settled.min()
		if !ok || x.settled.len <= settledKept && x.byID[first.id].Settled+settledKeptMs > d.t.clock {
			return
		}
		d.steps = append(d.steps, ticketChange{old: x.byID[first.id]})
		x.put(first.id, nil)
	}
}

// putTicket makes t the entry of its ticket.
func (d *Directory) putTicket(t *Ticket) {
	d.steps = append(d.steps, ticketChange{old: d.t.tickets.byID[t.ID], next: t})
	d.t.tickets.put(t.ID, t)
}

// settle puts in a ticket that will not change any more. It must be a fresh
// copy.
func (d *Directory) settle(t *Ticket) {
	d.t.tickets.settling++
	// A settled ticket is told apart by its time.
	t.Settled, t.Settling = max(d.t.clock, 1), d.t.tickets.settling
	d.putTicket(t)
}

// follow makes the tickets whose match is in r know of its change.
func (d *Directory) follow(r *Room) {
	set := d.t.tickets.pending[r.ID]
	if set == nil {
		return
	}
	var ids []string
	set.ascend(orderedKey{}, func(k orderedKey) bool {
		ids = append(ids, k.id)
		return true
	})
	for _, id := range ids {
		d.followOne(d.t.tickets.byID[id], r)
	}
}

func (d *Directory) followOne(old *Ticket, r *Room) {
	t := old.change()
	for i := range t.Seats {
		if t.Seats[i].State != TicketSeatReserved {
			continue
		}
		switch s := r.seat(t.Seats[i].ID); {
		case s == nil:
			t.Seats[i].State = TicketSeatGone
		case s.State == SeatTaken:
			t.Seats[i].State = TicketSeatTaken
		}
	}
	if t.State == TicketStarting && r.Ran {
		t.State = TicketMatched
	}
	switch {
	case fellThrough(t, r) && !t.seated(TicketSeatTaken):
		d.requeue(t)
	case !t.seated(TicketSeatReserved):
		t.State = TicketMatched
		d.settle(t)
	case t.State != old.State || !slices.Equal(t.Seats, old.Seats):
		d.putTicket(t)
	}
}

// fellThrough says whether a match came to nothing, for no fault of its
// players: the room never ran, or is lost, before the seats were used.
func fellThrough(t *Ticket, r *Room) bool {
	if !r.Ran {
		return r.State == RoomEnded || !t.seated(TicketSeatReserved)
	}
	return r.State == RoomEnded && r.End.Reason == reasonLost
}

// requeue lets a ticket wait again, in its old place and for as long as it
// had left, or fails it. It must be a fresh copy.
func (d *Directory) requeue(t *Ticket) {
	t.State, t.Room, t.Team, t.Seats = TicketWaiting, "", 0, nil
	t.Expires += min(max(0, d.t.clock-t.Found), maxDue-t.Expires)
	t.Found = 0
	if t.Tries < maxTries {
		d.putTicket(t)
		return
	}
	t.State, t.Text = TicketFailed, "the rooms of its matches could not be started"
	d.settle(t)
}
