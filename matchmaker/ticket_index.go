package matchmaker

// tickets is the part of the replicated state that the queues are, with its
// indexes.
type tickets struct {
	// Replicated.
	byID     map[string]*Ticket
	order    uint64 // tickets that were made, to order them
	settling uint64 // tickets that settled, to order them

	// Derived from byID; put keeps them in step.
	waiting map[string]*orderedSet // by queue, in the order of the queue
	pending map[string]*orderedSet // by room: those whose match may still fall through
	due     orderedSet             // waiting ones by their expiry
	settled orderedSet             // in the order in which they settled
	live    map[queuePlayer]string // the one live ticket of a player in a queue
	states  [TicketFailed + 1]int
	alive   int
}

type queuePlayer struct{ queue, player string }

func newTickets() tickets {
	return tickets{
		byID: map[string]*Ticket{}, waiting: map[string]*orderedSet{}, pending: map[string]*orderedSet{},
		live: map[queuePlayer]string{},
	}
}

// put makes next the entry of a ticket; nil takes it out.
func (x *tickets) put(id string, next *Ticket) {
	old := x.byID[id]
	if next == nil {
		delete(x.byID, id)
	} else {
		x.byID[id] = next
	}
	x.count(old, -1)
	x.count(next, 1)
	if was, is := old.waitingAt(), next.waitingAt(); was != is {
		if was.in {
			moveIn(x.waiting, old.Queue, was, position{})
		}
		if is.in {
			moveIn(x.waiting, next.Queue, position{}, is)
		}
	}
	if was, is := old.pendingAt(), next.pendingAt(); was != is {
		if was.in {
			moveIn(x.pending, old.Room, was, position{})
		}
		if is.in {
			moveIn(x.pending, next.Room, position{}, is)
		}
	}
	x.due.move(old.dueAt(), next.dueAt())
	x.settled.move(old.settledAt(), next.settledAt())
	x.moveLive(old, next)
}

func (x *tickets) count(t *Ticket, sign int) {
	if t == nil {
		return
	}
	x.states[t.State] += sign
	if t.live() {
		x.alive += sign
	}
}

func (x *tickets) moveLive(old, next *Ticket) {
	was, is := old != nil && old.live(), next != nil && next.live()
	if was == is {
		return // the players and the queue of a ticket never change
	}
	if was {
		for i := range old.Players {
			delete(x.live, queuePlayer{old.Queue, old.Players[i].ID})
		}
		return
	}
	for i := range next.Players {
		x.live[queuePlayer{next.Queue, next.Players[i].ID}] = next.ID
	}
}

func (t *Ticket) waitingAt() position {
	if t == nil || t.State != TicketWaiting {
		return position{}
	}
	return position{orderedKey{t.Order, t.ID}, true}
}

func (t *Ticket) dueAt() position {
	if t == nil || t.State != TicketWaiting {
		return position{}
	}
	return position{orderedKey{uint64(t.Expires), t.ID}, true}
}

func (t *Ticket) pendingAt() position {
	if t == nil || !t.pending() {
		return position{}
	}
	return position{orderedKey{t.Order, t.ID}, true}
}

func (t *Ticket) settledAt() position {
	if t == nil || t.live() {
		return position{}
	}
	return position{orderedKey{t.Settling, t.ID}, true}
}

// Ticket returns a ticket as this replica knows it, nil if it does not. The
// caller must not change it.
func (d *Directory) Ticket(id string) *Ticket {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.tickets.byID[id]
}

// ticketMatch returns a ticket and the room of its match.
func (d *Directory) ticketMatch(id string) (*Ticket, *Room) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	t := d.t.tickets.byID[id]
	if t == nil || t.Room == "" {
		return t, nil
	}
	return t, d.t.rooms[t.Room]
}

// Waiting returns the tickets that wait in a queue, the first in line first.
func (d *Directory) Waiting(queue string) []*Ticket {
	d.mu.RLock()
	defer d.mu.RUnlock()
	set := d.t.tickets.waiting[queue]
	if set == nil {
		return nil
	}
	list := make([]*Ticket, 0, set.len)
	set.ascend(orderedKey{}, func(k orderedKey) bool {
		list = append(list, d.t.tickets.byID[k.id])
		return true
	})
	return list
}

// waitingCount returns how many tickets wait in a queue.
func (d *Directory) waitingCount(queue string) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if set := d.t.tickets.waiting[queue]; set != nil {
		return set.len
	}
	return 0
}

// anyWaiting says whether a ticket waits.
func (d *Directory) anyWaiting() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.tickets.due.len > 0
}

// ticketsDue says whether an Expire at now would change any ticket.
func (d *Directory) ticketsDue(now int64) bool {
	x := &d.t.tickets
	if first, ok := x.due.min(); ok && int64(first.rank) <= now {
		return true
	}
	first, ok := x.settled.min()
	return ok && x.byID[first.id].Settled+settledKeptMs <= now
}
