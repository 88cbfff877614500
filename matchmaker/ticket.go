package matchmaker

import (
	"fmt"
	"slices"
)

// TicketState is where a ticket is in its life.
//
//	Waiting ──► Starting ──► Matched
//	  │  ▲         │            │
//	  │  └─────────┴────────────┘ the room was refused or lost before anybody came: again, at most maxTries times
//	  └──► Cancelled, Expired, Failed
type TicketState int

const (
	TicketWaiting   TicketState = iota
	TicketStarting              // it has seats in a room whose owner has not reported yet; for its players it still waits
	TicketMatched               // its seats are in a room that runs or ran
	TicketCancelled             // by whoever holds it
	TicketExpired               // it waited as long as it may
	TicketFailed                // Text says why
)

// String returns the name used in HTTP.
func (s TicketState) String() string {
	return [...]string{"waiting", "waiting", "matched", "cancelled", "expired", "failed"}[s]
}

// Rating is how good a player is, in thousandths of a point: the directory
// has no floating point.
type Rating int64

const ratingPoint = 1000

// Points returns the rating as clients see it.
func (r Rating) Points() float64 { return float64(r) / ratingPoint }

// TicketPlayer is one player of a party.
type TicketPlayer struct {
	ID, Name string
	Rating   Rating
}

// TicketSeatState says whether a ticket's seat is still to be had.
type TicketSeatState int

const (
	TicketSeatReserved TicketSeatState = iota
	TicketSeatTaken                    // its player came, and may have left since
	TicketSeatGone                     // it was given up, or the room has ended
)

// String returns the name used in HTTP.
func (s TicketSeatState) String() string { return [...]string{"reserved", "taken", "gone"}[s] }

// TicketSeat is the seat of one of a ticket's players.
type TicketSeat struct {
	ID    uint64
	Slot  int
	State TicketSeatState
}

// Ticket is a party that waits in a queue. Like a Room it is never changed
// once it is in the directory.
type Ticket struct {
	ID      string // unguessable: who knows it may read and cancel the ticket
	Queue   string
	By      string // the proven player who made it for themselves, else empty
	Players []TicketPlayer
	Created int64  // Unix ms
	Expires int64  // Unix ms at which it has waited long enough
	Order   uint64 // place in the queue

	State   TicketState
	Version uint64 // rises with every change
	Text    string // why it failed

	// Of the last match. A ticket that waits again has none.
	Room  string
	Team  int          // from 1
	Seats []TicketSeat // as Players
	Found int64        // Unix ms at which it was made
	Tries int          // how many there were

	Settled  int64  // Unix ms from which on nothing will change; 0 before
	Settling uint64 // orders the settled tickets
}

// change returns a copy of t to be changed and put into the directory. Its
// seats are copied too.
func (t *Ticket) change() *Ticket {
	next := *t
	next.Version++
	next.Seats = slices.Clone(t.Seats)
	return &next
}

// live says whether the ticket takes part: it waits, or its match may still
// fall through.
func (t *Ticket) live() bool { return t.Settled == 0 }

// pending says whether the ticket has a match that may still fall through.
func (t *Ticket) pending() bool {
	return t.live() && (t.State == TicketStarting || t.State == TicketMatched)
}

// seated says whether a seat of the ticket is in a state.
func (t *Ticket) seated(state TicketSeatState) bool {
	return slices.ContainsFunc(t.Seats, func(s TicketSeat) bool { return s.State == state })
}

// shown is the version of what clients see: to them a ticket whose room is
// starting waits as before.
func (t *Ticket) shown() uint64 {
	if t.State == TicketStarting {
		return t.Version - 1
	}
	return t.Version
}

// rating is the mean of its players' ratings.
func (t *Ticket) rating() Rating {
	var sum Rating
	for i := range t.Players {
		sum += t.Players[i].Rating
	}
	return sum / Rating(len(t.Players))
}

// ticketIDLen characters of 5 bits: nobody guesses 128 of them.
const ticketIDLen = 26

// ticketRandom bytes become an id.
const ticketRandom = 16

func ticketID(random []byte) string {
	id := make([]byte, 0, ticketIDLen)
	var bits uint16
	have := 0
	for _, b := range random {
		bits, have = bits<<8|uint16(b), have+8
		for ; have >= 5; have -= 5 {
			id = append(id, crockford[bits>>(have-5)&31])
		}
	}
	return string(append(id, crockford[bits<<(5-have)&31]))
}

func (t *Ticket) fields(c *codec) {
	c.str(&t.ID, maxIDBytes)
	c.str(&t.Queue, maxQueueName)
	c.str(&t.By, maxIDBytes)
	list(c, &t.Players, maxParty, func(c *codec, p *TicketPlayer) { p.fields(c) })
	c.int(&t.Created)
	c.int(&t.Expires)
	c.uint(&t.Order)
	small(c, &t.State, TicketFailed)
	c.uint(&t.Version)
	c.str(&t.Text, maxTextBytes)
	c.str(&t.Room, maxIDBytes)
	c.num(&t.Team, 0, maxTeam)
	list(c, &t.Seats, maxParty, func(c *codec, s *TicketSeat) { s.fields(c) })
	c.int(&t.Found)
	c.num(&t.Tries, 0, maxTries)
	c.int(&t.Settled)
	c.uint(&t.Settling)
}

func (p *TicketPlayer) fields(c *codec) {
	c.str(&p.ID, maxIDBytes)
	c.str(&p.Name, maxNameBytes)
	rating := int(p.Rating)
	c.num(&rating, -int(maxRating), int(maxRating))
	p.Rating = Rating(rating)
}

func (s *TicketSeat) fields(c *codec) {
	c.uint(&s.ID)
	c.num(&s.Slot, 0, maxPlayersPerRoom)
	small(c, &s.State, TicketSeatGone)
}

// check returns what is wrong with a ticket, if anything is: these hold for
// every ticket at any time.
func (t *Ticket) check() error {
	switch {
	case t.ID == "" || t.Queue == "" || len(t.Players) == 0 || t.Version == 0 || t.Created < 0:
		return fmt.Errorf("ticket %q: incomplete", t.ID)
	case t.Expires <= 0 || t.Expires > maxDue:
		return fmt.Errorf("ticket %q: never expires", t.ID)
	}
	for i := range t.Players {
		if t.Players[i].ID == "" || slices.ContainsFunc(t.Players[:i], func(p TicketPlayer) bool { return p.ID == t.Players[i].ID }) {
			return fmt.Errorf("ticket %q: player %q", t.ID, t.Players[i].ID)
		}
	}
	return t.checkState()
}

func (t *Ticket) checkState() error {
	matched := t.State == TicketStarting || t.State == TicketMatched
	switch {
	case matched && (t.Room == "" || t.Team == 0 || len(t.Seats) != len(t.Players)), !matched && (t.Room != "" || len(t.Seats) > 0):
		return fmt.Errorf("ticket %q: half matched", t.ID)
	case t.live() != (t.Settling == 0), t.live() && t.State > TicketMatched, !t.live() && t.State < TicketMatched:
		return fmt.Errorf("ticket %q: half settled", t.ID)
	case t.pending() && !t.seated(TicketSeatReserved):
		return fmt.Errorf("ticket %q: nothing to wait for", t.ID)
	case t.State == TicketStarting && t.Version < 2:
		return fmt.Errorf("ticket %q: never waited", t.ID)
	}
	return nil
}
