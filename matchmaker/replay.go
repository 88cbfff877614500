package matchmaker

import "bytes"

// Idempotency keys: a call that comes a second time is answered like the first. The directory remembers what each key got, so
// the log orders duplicates that arrive at the same moment, and a restart forgets none.
const (
	// replayKeptMs is how long a key is known: longer than any client goes on trying.
	replayKeptMs = 10 * 60 * 1000

	// replaysKept bounds them, about 550 bytes each. Above it whoever has the most loses their oldest, so that a flood of keys
	// from one caller takes only that caller's.
	replaysKept = 20_000

	replayHashBytes = 16
)

// once is what makes a command one that may come twice. It is at the end of the commands that have it.
type once struct {
	Hash []byte // of the request; empty without a key
}

// replay is what a key got. It is never changed.
type replay struct {
	Principal, Key string
	Hash           []byte
	At             int64 // the directory's clock
	Room           string
	Seats          []uint64
	Created        bool
	Ticket         string // instead of a room
}

type replayKey struct{ principal, key string }

// replays is all of them: in the order in which they came, and those of each principal.
type replays struct {
	all  fifo[replayKey, *replay]
	of   map[string]*fifo[replayKey, *replay]
	size orderedSet // principals, who has the most first
}

func (s *replays) add(e *replay) {
	k := replayKey{e.Principal, e.Key}
	s.remove(k)
	for s.all.len() >= replaysKept {
		most, _ := s.size.min()
		oldest, _ := s.of[most.id].oldest()
		s.remove(replayKey{oldest.Principal, oldest.Key})
	}
	s.all.push(k, e)
	own := s.of[e.Principal]
	if own == nil {
		own = &fifo[replayKey, *replay]{}
		if s.of == nil {
			s.of = map[string]*fifo[replayKey, *replay]{}
		}
		s.of[e.Principal] = own
	}
	was := own.len()
	own.push(k, e)
	s.resize(e.Principal, was, own.len())
}

func (s *replays) remove(k replayKey) {
	if _, ok := s.all.remove(k); !ok {
		return
	}
	own := s.of[k.principal]
	was := own.len()
	own.remove(k)
	if own.len() == 0 {
		delete(s.of, k.principal)
	}
	s.resize(k.principal, was, own.len())
}

func (s *replays) resize(principal string, was, is int) {
	s.size.move(position{orderedKey{^uint64(was), principal}, was > 0}, position{orderedKey{^uint64(is), principal}, is > 0})
}

// forget drops what is too old.
func (s *replays) forget(clock int64) {
	for {
		oldest, ok := s.all.oldest()
		if !ok || oldest.At+replayKeptMs > clock {
			return
		}
		s.remove(replayKey{oldest.Principal, oldest.Key})
	}
}

// once does what a command says unless its key has got an answer: then that is the answer again. A refusal is not remembered,
// it changed nothing.
func (d *Directory) once(o *origin, hash []byte, expires int64, do func() result) result {
	if o.Key == "" {
		return do()
	}
	d.t.replays.forget(d.t.clock)
	if e, ok := d.t.replays.all.get(replayKey{o.Principal, o.Key}); ok {
		if !bytes.Equal(e.Hash, hash) {
			return result{err: ErrKeyReused}
		}
		return d.replay(e, expires)
	}
	res := do()
	if res.err != nil {
		return res
	}
	e := &replay{Principal: o.Principal, Key: o.Key, Hash: hash, At: d.t.clock, Created: res.created}
	if res.ticket != nil {
		e.Ticket = res.ticket.ID
	} else {
		e.Room = res.room.ID
	}
	for _, s := range res.seats {
		e.Seats = append(e.Seats, s.ID)
	}
	d.t.replays.add(e)
	return res
}

// replay answers as e was answered, with the seats' tokens good for as long as those of a new reservation. A seat that is
// taken has a live session: as in seatPlayer, the way back into it is its resume key. A ticket is answered as it has become.
func (d *Directory) replay(e *replay, expires int64) result {
	if e.Ticket != "" {
		if t := d.t.tickets.byID[e.Ticket]; t != nil {
			return result{ticket: t, replayed: true}
		}
		return result{err: ErrTicketUnknown}
	}
	r := d.t.rooms[e.Room]
	switch {
	case r == nil:
		return result{err: ErrRoomEnded}
	case r.State == RoomEnded || len(e.Seats) == 0:
		return result{room: r, created: e.Created, replayed: true}
	case expires <= 0 || expires > maxDue:
		return result{err: invalid("expiry")}
	}
	next := r.change()
	seats := make([]Seat, 0, len(e.Seats))
	for _, id := range e.Seats {
		s := next.seat(id)
		switch {
		case s == nil:
			return result{err: ErrSeatExpired}
		case s.State == SeatTaken:
			return result{err: ErrAlreadySeated}
		}
		s.Expires = max(s.Expires, expires)
		seats = append(seats, *s)
	}
	d.put(next)
	return result{room: next, seats: seats, created: e.Created, replayed: true}
}
