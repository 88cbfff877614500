package matchmaker

import (
	"errors"
	"net/http"
	"sync"
)

// Callers without an account and key may have so much of Config.MaxTickets: servers and players with accounts find a place
// however many strangers come.
const (
	strangersShare = 7
	ticketShares   = 8
)

// ticketHolders counts the live tickets of callers without an account and key, in sum and by address: such a caller is somebody
// new with each ticket, so that the one ticket per player and queue does not bind them. It stands beside the log: tickets of a
// process before are not counted, and expire.
type ticketHolders struct {
	ofAddress, inSum int // immutable

	mu   sync.Mutex
	held int
	of   map[string]int    // by address; no entry is 0
	by   map[string]string // the address of each live ticket that is counted
}

func (h *ticketHolders) init(cfg *Config) {
	h.ofAddress, h.inSum = cfg.LimitTickets, max(cfg.MaxTickets/ticketShares*strangersShare, 1)
	h.of, h.by = make(map[string]int), make(map[string]string)
}

// take takes a place for a ticket of address ("" is bounded by the sum alone), or returns the limit it is beyond.
func (h *ticketHolders) take(address string) (limit string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case address != "" && h.of[address] >= h.ofAddress:
		return "limit-tickets"
	case h.held >= h.inSum:
		return "max-tickets"
	}
	h.held++
	h.of[address]++
	return ""
}

// give gives a place back. mu is held.
func (h *ticketHolders) give(address string) {
	h.held--
	if h.of[address]--; h.of[address] == 0 {
		delete(h.of, address)
	}
}

// bind ties the place that was taken to the ticket that came of it, "" if none did or one that was there before.
func (h *ticketHolders) bind(address, ticket string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ticket == "" {
		h.give(address)
		return
	}
	h.by[ticket] = address
}

// over gives the place of a ticket back that does not wait any more, if it has one. It may be said again.
func (h *ticketHolders) over(ticket string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if address, ok := h.by[ticket]; ok {
		delete(h.by, ticket)
		h.give(address)
	}
}

// holdTicket takes a place for a caller's ticket; done must be called with what came of it.
func (m *Matchmaker) holdTicket(c *Caller) (done func(res result, err error), problem error) {
	if c.Server || c.Player != "" {
		return func(result, error) {}, nil
	}
	address := c.Address
	switch limit := m.holders.take(address); limit {
	case "":
	case "limit-tickets":
		m.cfg.Limited(limit)
		p := newProblem(http.StatusTooManyRequests, "too_many_tickets", "your address has too many tickets waiting; cancel one, or wait for a match")
		p.header.Set("Retry-After", "5")
		return nil, p
	default:
		return nil, m.problem(ErrTooManyTickets)
	}
	return func(res result, err error) {
		if err != nil || res.replayed || res.ticket == nil {
			m.holders.bind(address, "")
			return
		}
		id := res.ticket.ID
		m.holders.bind(address, id)
		if t := m.dir.Ticket(id); t == nil || !t.live() { // it was over before it was bound
			m.holders.over(id)
		}
	}, nil
}

// countLimit counts an error that is a limit of the node.
func (m *Matchmaker) countLimit(err error) {
	switch {
	case errors.Is(err, ErrTooManyRooms):
		m.cfg.Limited("max-rooms")
	case errors.Is(err, ErrTooManyTickets):
		m.cfg.Limited("max-tickets")
	}
}
