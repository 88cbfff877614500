package matchmaker

import "slices"

// apply changes what the creator of a room may change, if the room still is as the caller has seen it.
func (m *patchRoom) apply(d *Directory) result {
	r := d.t.rooms[m.Room]
	switch {
	case r == nil:
		return result{err: ErrRoomUnknown}
	case r.State == RoomEnded:
		return result{err: ErrRoomEnded, room: r}
	case !m.Any && !slices.Contains(m.Versions, r.Version):
		return result{err: ErrVersion, room: r}
	case !sortedPairs(m.Set):
		return result{err: invalid("metadata")}
	}
	r = r.change()
	if m.Locked != nil {
		r.Locked = *m.Locked
	}
	if m.Private != nil {
		if err := d.setPrivate(r, *m.Private, m.Code); err != nil {
			return result{err: err}
		}
	}
	if len(m.Set)+len(m.Remove) > 0 {
		merged := pairMap(r.Metadata)
		for _, k := range m.Remove {
			delete(merged, k)
		}
		for _, p := range m.Set {
			merged[p.Key] = p.Value
		}
		if len(merged) > maxMetadata {
			return result{err: invalid("metadata of more than %d keys", maxMetadata)}
		}
		r.Metadata = sortPairs(merged)
	}
	d.put(r)
	return result{room: r}
}

// apply frees a seat that nobody has taken. The answer is the seat as it was: if it is taken, its owner has to close it.
func (m *freeSeat) apply(d *Directory) result {
	r := d.t.rooms[m.Room]
	switch {
	case r == nil:
		return result{err: ErrRoomUnknown}
	case r.State == RoomEnded:
		return result{err: ErrRoomEnded, room: r}
	}
	s := r.seat(m.Seat)
	switch {
	case s == nil:
		return result{err: r.missing(m.Seat)}
	case s.State == SeatTaken:
		return result{room: r, seats: []Seat{*s}}
	}
	was := *s
	r = r.change()
	r.removeSeats(func(s Seat) bool { return s.ID == m.Seat })
	d.put(r)
	return result{room: r, seats: []Seat{was}}
}
