package matchmaker

import "errors"

func (m *reserve) apply(d *Directory) result {
	return d.once(&m.origin, m.Hash, m.Expires, func() result { return m.seat(d) })
}

func (m *reserve) seat(d *Directory) result {
	r := d.t.rooms[m.Room]
	switch {
	case r == nil:
		return result{err: ErrRoomUnknown}
	case r.State == RoomEnded:
		return result{err: ErrRoomEnded, room: r}
	case r.Locked:
		return result{err: ErrRoomLocked, room: r}
	case len(m.Players) == 0:
		return result{err: invalid("no players")}
	}
	return d.reserve(r, m.Players, m.Expires)
}

// reserve seats all players or none.
//
// A player who has a reserved seat gets the same seat again, with a fresh
// token and the new name: the client may not have received the first answer.
// One whose seat is taken is refused: that seat has a live session, and the
// way back into it is its resume key. A second token would let anybody who
// knows a player's id replace them.
func (d *Directory) reserve(r *Room, players []Player, expires int64) result {
	if expires <= 0 || expires > maxDue {
		return result{err: invalid("expiry")}
	}
	next := r.change()
	seats := make([]Seat, 0, len(players))
	for i, p := range players {
		for _, earlier := range players[:i] {
			if earlier.ID == p.ID {
				return result{err: invalid("player %q twice", p.ID)}
			}
		}
		seat, err := next.seatPlayer(p, expires)
		if err != nil {
			return result{err: err, room: r}
		}
		seats = append(seats, *seat)
	}
	d.put(next)
	return result{room: next, seats: seats}
}

// seatPlayer gives p a seat in r, which must be a fresh copy.
func (r *Room) seatPlayer(p Player, expires int64) (*Seat, error) {
	if p.ID == "" {
		return nil, invalid("player without an id")
	}
	if s := r.seatOf(p.ID); s != nil {
		if s.State == SeatTaken || s.Role != p.Role {
			return nil, ErrAlreadySeated
		}
		s.Name, s.Team, s.Expires = p.Name, p.Team, max(s.Expires, expires)
		return s, nil
	}
	s := r.addSeat(Seat{Player: p.ID, Name: p.Name, Team: p.Team, Role: p.Role, State: SeatReserved, Expires: expires})
	if s == nil {
		return nil, ErrRoomFull
	}
	return s, nil
}

// apply seats the player in the fullest room that fits, or in a new one. A
// room in which the player sits already is passed over.
func (m *joinOrCreate) apply(d *Directory) result {
	return d.once(&m.origin, m.Hash, m.Expires, func() result { return m.seat(d) })
}

func (m *joinOrCreate) seat(d *Directory) result {
	switch {
	case m.Player.Role != RolePlayer:
		return result{err: invalid("spectators join a room they know")}
	case m.Player.ID == "" || m.Expires <= 0 || m.Expires > maxDue || m.Private:
		return result{err: invalid("player, expiry or a private room")}
	}
	r := d.t.idx.first(d.t.rooms, m.Game, m.Metadata, func(r *Room) bool {
		s := r.seatOf(m.Player.ID)
		return s == nil || s.State == SeatReserved && s.Role == RolePlayer
	})
	created := r == nil
	if created {
		var err error
		if r, err = d.create(&m.creation); err != nil {
			return result{err: err}
		}
	}
	res := d.reserve(r, []Player{m.Player}, m.Expires)
	if res.created = created && res.err == nil; res.created {
		d.t.assigned = r.Assigned
	}
	return res
}

// apply makes a reserved seat taken. It looks at no clock: until an Expire
// that is ahead of it in the log has freed the seat, the player may sit down.
func (m *confirm) apply(d *Directory) result {
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	s := r.seat(m.Seat)
	switch {
	case s == nil:
		return result{err: r.missing(m.Seat)}
	case s.State == SeatTaken:
		return result{room: r, seats: []Seat{*s}}
	}
	r = r.change()
	s = r.seat(m.Seat)
	s.State, s.Expires = SeatTaken, 0
	d.put(r)
	return result{room: r, seats: []Seat{*s}}
}

// missing says why a seat is not there: ids are given out in order and never
// twice.
func (r *Room) missing(seat uint64) error {
	if seat == 0 || seat >= r.NextSeat {
		return ErrSeatUnknown
	}
	return ErrSeatExpired
}

// apply frees a seat, reserved or taken. Freeing a seat that is free already
// is no error.
func (m *release) apply(d *Directory) result {
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	if r.seat(m.Seat) == nil {
		if errors.Is(r.missing(m.Seat), ErrSeatUnknown) {
			return result{err: ErrSeatUnknown}
		}
		return result{room: r}
	}
	r = r.change()
	r.removeSeats(func(s Seat) bool { return s.ID == m.Seat })
	d.put(r)
	return result{room: r}
}

// apply frees the reserved seats whose token expired at least expiryGraceMs
// before the command's time. Taken seats have no expiry.
func (m *expire) apply(d *Directory) result {
	for range expireBatch {
		first, ok := d.t.idx.due.min()
		if !ok || int64(first.rank)+expiryGraceMs > m.Time {
			break
		}
		r := d.t.rooms[first.id].change()
		r.removeSeats(func(s Seat) bool {
			return s.State == SeatReserved && s.Expires+expiryGraceMs <= m.Time
		})
		d.put(r)
	}
	d.expireTickets(m.Time)
	return result{}
}
