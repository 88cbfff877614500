package matchmaker

import (
	"cmp"
	"errors"
	"slices"
)

// ticketsHeader is what the snapshot's header says of the queues: the ticket
// records are the last ones, in the order in which the tickets were made.
type ticketsHeader struct{ count, order, settling uint64 }

func (h *ticketsHeader) fields(c *codec) {
	c.uint(&h.count)
	c.uint(&h.order)
	c.uint(&h.settling)
}

func (x *tickets) header() ticketsHeader {
	return ticketsHeader{count: uint64(len(x.byID)), order: x.order, settling: x.settling}
}

// list returns all tickets, in no order.
func (x *tickets) list() []*Ticket {
	list := make([]*Ticket, 0, len(x.byID))
	for _, t := range x.byID {
		list = append(list, t)
	}
	return list
}

func (w *recordWriter) tickets(list []*Ticket) {
	slices.SortFunc(list, func(a, b *Ticket) int { return cmp.Compare(a.Order, b.Order) })
	for _, t := range list {
		w.record(t.fields)
	}
}

// tickets reads the ticket records and puts them into t, whose rooms are
// there.
func (rr *recordReader) tickets(t *tables, h ticketsHeader) {
	t.tickets.order, t.tickets.settling = h.order, h.settling
	var last uint64
	for range h.count {
		ticket := &Ticket{}
		rr.record(ticket.fields)
		if rr.err != nil {
			return
		}
		rr.check(ticket.Order > last && ticket.Order <= h.order && ticket.Settling <= h.settling, "tickets out of order")
		rr.err = errors.Join(rr.err, ticket.check(), t.fits(ticket))
		if rr.err != nil {
			return
		}
		last = ticket.Order
		t.tickets.put(ticket.ID, ticket)
	}
}

// fits returns why a ticket cannot be beside what there is.
func (t *tables) fits(ticket *Ticket) error {
	if t.tickets.byID[ticket.ID] != nil {
		return errors.New("ticket twice")
	}
	if r := t.rooms[ticket.Room]; ticket.pending() && (r == nil || r.State == RoomEnded) {
		return errors.New("ticket waits for a room that is not there")
	}
	if !ticket.live() {
		return nil
	}
	for i := range ticket.Players {
		if _, ok := t.tickets.live[queuePlayer{ticket.Queue, ticket.Players[i].ID}]; ok {
			return errors.New("player with two tickets in a queue")
		}
	}
	return nil
}
