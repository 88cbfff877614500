package matchmaker

import (
	"context"
	"errors"
	"fmt"
)

// CreateTicket puts a party into a queue. by is the proven player who does so
// for themselves, empty for anybody else. A player without an id gets an
// anonymous one. Errors: ErrQueueUnknown, ErrInvalid, ErrTooManyTickets, and
// ErrTicketExists together with the ticket that a player of the party has
// there already.
func (m *Matchmaker) CreateTicket(ctx context.Context, queue, by string, players []TicketPlayer) (*Ticket, error) {
	res, err := m.createTicket(ctx, asked{}, queue, by, players)
	return res.ticket, err
}

func (m *Matchmaker) createTicket(ctx context.Context, as asked, queue, by string, players []TicketPlayer) (result, error) {
	q := m.queue(queue)
	if q == nil {
		return result{}, fmt.Errorf("create ticket in %.80q: %w", queue, ErrQueueUnknown)
	}
	players, err := cleanParty(q, players)
	if err != nil {
		return result{}, fmt.Errorf("create ticket in %q: %w", queue, err)
	}
	res, err := m.propose(ctx, &createTicket{
		origin: as.origin(), once: once{as.hash},
		Queue: q.Name, By: by, Players: players, Expires: m.cfg.Now().Add(q.MaxWait).UnixMilli(),
		MaxLive: m.cfg.MaxTickets, Random: random(ticketRandom),
	})
	if err != nil {
		return res, fmt.Errorf("create ticket in %q: %w", queue, err)
	}
	return res, nil
}

// CancelTicket takes a ticket out of its queue. One that ended otherwise
// stays as it is, without an error. Errors: ErrTicketUnknown, and
// ErrTicketMatched together with the ticket: the match was first. While the
// room of that match is starting it waits for it, and if the room does not
// come about the ticket is cancelled after all.
func (m *Matchmaker) CancelTicket(ctx context.Context, id string) (*Ticket, error) {
	for range maxTries + 1 {
		res, err := m.propose(ctx, &cancelTicket{Ticket: id})
		if err == nil {
			return res.ticket, nil
		}
		if !errors.Is(err, ErrTicketMatched) || res.ticket.State == TicketMatched {
			return res.ticket, fmt.Errorf("cancel ticket: %w", err)
		}
		if err := m.waitMatch(ctx, res.ticket); err != nil {
			return nil, fmt.Errorf("cancel ticket: %w", err)
		}
	}
	return nil, fmt.Errorf("cancel ticket: %w", errStartUnknown)
}

// waitMatch returns when it is known whether the room of a ticket runs.
func (m *Matchmaker) waitMatch(ctx context.Context, t *Ticket) error {
	r := m.dir.Room(t.Room)
	if r == nil {
		return nil
	}
	_, err := m.waitStarted(ctx, r)
	var refused *RefusedError
	if errors.As(err, &refused) || errors.Is(err, ErrRoomEnded) || errors.Is(err, ErrGameFailed) {
		return nil
	}
	return err
}

// queue returns a queue by name, or nil.
func (m *Matchmaker) queue(name string) *Queue {
	for i := range m.cfg.Queues {
		if m.cfg.Queues[i].Name == name {
			return &m.cfg.Queues[i]
		}
	}
	return nil
}

// cleanParty fills in what players left out and checks the rest.
func cleanParty(q *Queue, party []TicketPlayer) ([]TicketPlayer, error) {
	if most := min(q.TeamSize, maxParty); len(party) < 1 || len(party) > most {
		return nil, invalid("%d players, must be 1 to %d: a party plays in one team", len(party), most)
	}
	players := make([]Player, len(party))
	for i, p := range party {
		players[i] = Player{ID: p.ID, Name: p.Name}
	}
	players, err := cleanPlayers(players)
	if err != nil {
		return nil, err
	}
	out := make([]TicketPlayer, len(party))
	for i, p := range players {
		out[i] = TicketPlayer{ID: p.ID, Name: p.Name, Rating: party[i].Rating}
		if r := party[i].Rating; r < -maxRating || r > maxRating {
			return nil, invalid("rating must be %d to %d", -maxRating/ratingPoint, maxRating/ratingPoint)
		}
		for _, earlier := range out[:i] {
			if earlier.ID == p.ID {
				return nil, invalid("player %q twice", p.ID)
			}
		}
	}
	return out, nil
}
