package matchmaker

// ticketNews is how a directory says which tickets changed. It is not
// replicated.
type ticketNews struct {
	steps []ticketChange // by the command being applied; owned by the goroutine that applies

	// Guarded by Directory.mu.
	onTickets func([]ticketChange) // called without the lock, in the order of the log
}

// ticketChange is one step of a ticket: old is nil for a new one, next for
// one that is forgotten.
type ticketChange struct{ old, next *Ticket }

// listenTickets names who hears of changes: f must not wait for the log, whose
// goroutine calls it. It replaces who did before.
func (d *Directory) listenTickets(f func([]ticketChange)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onTickets = f
}

// tellTickets says what the command has changed.
func (d *Directory) tellTickets() {
	if len(d.steps) == 0 {
		return
	}
	d.mu.RLock()
	tell := d.onTickets
	d.mu.RUnlock()
	if tell != nil {
		tell(d.steps)
	}
	clear(d.steps)
	d.steps = d.steps[:0]
}

// restoredTickets notes every ticket of the old and the new state as changed.
func (d *Directory) restoredTickets(next *tables) {
	for id, t := range d.t.tickets.byID {
		d.steps = append(d.steps, ticketChange{old: t, next: next.tickets.byID[id]})
	}
	for id, t := range next.tickets.byID {
		if d.t.tickets.byID[id] == nil {
			d.steps = append(d.steps, ticketChange{next: t})
		}
	}
}
