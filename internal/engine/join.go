package engine

import (
	"slices"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A Seat is what the directory sold: a place in the room for somebody.
type Seat struct {
	ID       uint64
	Slot     int
	PlayerID string
	Name     string
	Team     int
	Role     room.Role
}

// A Join asks for a connection to become a session's: a new one with a Seat whose token was verified and confirmed, or an
// old one with the session and secret of a resume key. It takes effect at the next tick; see Outcomes.
type Join struct {
	Conn       uint64 // the host's name of the connection, not 0
	Seat       Seat
	Token      string // the seat token, so that the same one can be recognised until it is spent
	Resuming   bool
	Session    uint32
	Secret     Secret      // of the resume key
	Have       wire.Resume // what the client holds
	NewSecret  Secret      // random: of the key the client will be given
	SchemaHash uint32
	AckEach    bool // the socket's own acknowledgements cannot be seen: ask for one of every frame

	kicked   bool // by an operator, before the room took it
	kickText string
}

// An Outcome answers a Join.
type Outcome struct {
	Conn    uint64
	Session *Session       // nil: refused
	Code    wire.CloseCode // why it was refused
	Text    string
}

// A Closing is a connection the room has no more use for.
type Closing struct {
	Conn uint64
	Code wire.CloseCode
	Text string
	Last *Session // whose events it may still be sent: see FlushEvents; nil if the session goes on elsewhere
}

// welcome is what the WELCOME of a fresh connection must say.
type welcome struct {
	secret     Secret
	resumed    uint32
	schemaHash uint32
	ackEach    bool
	inSeq      uint32
	msgRef     uint32
}

// Join asks for a connection to be let in at the next tick.
func (r *Room) Join(j Join) {
	r.joins = append(r.joins, j)
	r.Wake()
}

func (r *Room) refuseJoins() {
	for _, j := range r.joins {
		r.refuse(j.Conn, wire.CloseEnded, "the room has ended")
	}
	r.joins = r.joins[:0]
}

func (r *Room) refuse(conn uint64, code wire.CloseCode, text string) {
	r.outcomes = append(r.outcomes, Outcome{Conn: conn, Code: code, Text: cut(text, wire.MaxText)})
}

// find returns the session a join is for, nil if it is none that exists.
func (r *Room) find(j *Join) *Session {
	if j.Resuming {
		return r.byID[j.Session]
	}
	for _, s := range r.sessions {
		if s.seat == j.Seat.ID {
			return s
		}
	}
	return nil
}

// gatherJoins decides which joins reach the room, and writes those. A second one for the same seat or session waits for the
// next tick, when the first has had its effect.
func (r *Room) gatherJoins(dst []byte) []byte {
	for i := range r.joins {
		j := &r.joins[i]
		if slices.ContainsFunc(r.joins[:i], j.sameSeat) {
			r.later = append(r.later, *j)
			continue
		}
		s := r.find(j)
		switch {
		case j.kicked:
			r.refuse(j.Conn, wire.CloseKicked, j.kickText)
			r.notices = append(r.notices, Notice{Kind: NoticeSeatFree, Seat: j.Seat.ID})
		case j.Resuming && (s == nil || s.leaving):
			r.refuse(j.Conn, wire.CloseResumeUnknown, "the session is no longer held")
		case j.Resuming && !s.opens(digestOf(j.Secret[:])):
			r.refuse(j.Conn, wire.CloseResumeUnknown, "the key has been used")
		case s != nil && s.leaving: // its leave stands in this record already
			r.refuse(j.Conn, wire.CloseToken, "the seat was given up")
		case !j.Resuming && s != nil && !s.admits(digestOf([]byte(j.Token))):
			r.refuse(j.Conn, wire.CloseToken, "the token has been used")
		case s != nil:
			dst = appendResume(dst, s, j)
		default:
			dst = appendJoin(dst, j)
		}
	}
	return dst
}

func (j *Join) sameSeat(o Join) bool {
	if j.Resuming || o.Resuming {
		return j.Resuming && o.Resuming && j.Session == o.Session
	}
	return j.Seat.ID == o.Seat.ID
}

// opens reports whether a key lets its bearer into the session: the newest one, or the one the present connection came with
// as long as nothing has been heard from it.
func (s *Session) opens(key digest) bool {
	return s.key.matches(key) || !s.arrived && s.used.matches(key)
}

// admits reports the same of a seat token.
func (s *Session) admits(token digest) bool { return !s.arrived && s.joinedBy.matches(token) }

// applyJoin makes a session for a seat.
func (r *Room) applyJoin(conn uint64, seat Seat, token, key digest) *Session {
	p := &room.Player{Slot: seat.Slot, ID: seat.PlayerID, Name: seat.Name, Role: seat.Role}
	p.SetTeam(seat.Team)
	r.clearSlot(seat.Slot)
	if r.driver.Room.Player(seat.Slot) != nil {
		r.refuse(conn, wire.CloseFull, "somebody sits there")
		r.notices = append(r.notices, Notice{Kind: NoticeSeatFree, Seat: seat.ID})
		return nil
	}
	if err := r.driver.Join(p); err != nil {
		r.refuse(conn, wire.CloseKicked, err.Error())
		r.notices = append(r.notices, Notice{Kind: NoticeSeatFree, Seat: seat.ID})
		return nil
	}
	r.nextID++
	s := &Session{id: r.nextID, seat: seat.ID, player: p, joined: r.tick, joinedBy: token, key: key, buckets: r.newBuckets()}
	r.sessions = append(r.sessions, s)
	r.byID[s.id] = s
	r.attach(s, conn)
	r.roster.changed(seat.Slot)
	return s
}

// attach gives a session its connection.
func (r *Room) attach(s *Session, conn uint64) {
	r.close(s, wire.CloseReplaced, "the session is open elsewhere")
	if !s.attached && s.deadline != 0 {
		r.driver.SetAway(s.player, false)
		r.roster.changed(s.player.Slot)
	}
	s.attached, s.deadline = true, 0
	if r.replaying {
		conn = 0
	}
	s.conn, s.heard, s.spoke, s.arrived = conn, r.tick, false, false
	s.frames, s.counted = frameBurst, r.tick
	s.leaving, s.lost, s.greeted = false, false, false
	s.since, s.allowed, s.markedTick = r.tick, 0, 0
	s.pongs = s.pongs[:0]
	s.rosterWhole = true
	s.outbox.rewind()
	if conn != 0 {
		r.outcomes = append(r.outcomes, Outcome{Conn: conn, Session: s})
	}
}

// close takes a session's connection away from it, and leaves it to the host.
func (r *Room) close(s *Session, code wire.CloseCode, text string) {
	if s.conn == 0 {
		return
	}
	if code != 0 { // else the connection was gone, whatever for
		s.closed = code
	}
	c := Closing{Conn: s.conn, Code: code, Text: cut(text, wire.MaxText), Last: s}
	if code == wire.CloseReplaced {
		c.Last = nil
	}
	r.closings = append(r.closings, c)
	s.conn = 0
}

// greetAll prepares what the connections that were let in are sent first.
func (r *Room) greetAll() {
	for _, o := range r.outcomes {
		for i := range r.joins {
			if j := &r.joins[i]; j.Conn == o.Conn && o.Session != nil && o.Session.conn == o.Conn {
				r.greet(o.Session, j)
			}
		}
	}
	r.joins, r.later = r.later, nil // most rooms see no more of them than fit into it
}

// greet prepares the WELCOME of a connection, and the base of its first state frame. It touches nothing the journal sees.
func (r *Room) greet(s *Session, j *Join) {
	w := &welcome{secret: j.NewSecret, schemaHash: j.SchemaHash, ackEach: j.AckEach, inSeq: s.lastSeq, msgRef: s.lastRef}
	s.sentTick, s.baseTick, s.explicit, s.nextHash = 0, 0, false, 0
	if j.Resuming {
		w.resumed = wire.ResumedSnapshot
		// A view in another schema is none of ours; who does not say knows no other schema.
		sameSchema := j.SchemaHash == 0 || j.SchemaHash == r.prog.SchemaHash
		if sameSchema && r.history.Find(j.Have.Epoch, j.Have.Tick) != nil {
			w.resumed = wire.ResumedDelta
			s.sentEpoch, s.sentTick, s.baseTick, s.explicit = j.Have.Epoch, j.Have.Tick, j.Have.Tick, true
		}
		s.outbox.ack(j.Have.EventSeq)
	}
	s.sentSeq = 0
	s.welcome = w
}

// Lost tells the room that a session's connection is gone without LEAVE: the seat is held for the grace.
func (r *Room) Lost(s *Session, conn uint64) {
	if s.conn == conn {
		s.lost = true
		r.Wake()
	}
}

// detach makes a session away.
func (r *Room) detach(s *Session) {
	if !s.attached {
		return
	}
	s.attached, s.conn, s.deadline, s.welcome = false, 0, r.tick+r.grace, nil
	r.driver.SetAway(s.player, true)
	r.roster.changed(s.player.Slot)
}

// leave ends a session.
func (r *Room) leave(s *Session, why room.Reason) {
	r.driver.Leave(s.player, why)
	r.roster.changed(s.player.Slot)
	r.notices = append(r.notices, Notice{Kind: NoticeSeatFree, Seat: s.seat})
	delete(r.byID, s.id)
	for i, o := range r.sessions {
		if o == s {
			r.sessions = append(r.sessions[:i], r.sessions[i+1:]...)
			break
		}
	}
}

// KickSeat removes the player of a seat at the next tick, who reads text: an operator's wish. Somebody who is about to come in
// is refused; a seat nobody has come for is left alone.
func (r *Room) KickSeat(seat uint64, text string) {
	for _, s := range r.sessions {
		if s.seat == seat {
			s.leaveFor(room.ReasonKicked, wire.CloseKicked, text)
			r.Wake()
			return
		}
	}
	for i := range r.joins {
		if j := &r.joins[i]; !j.Resuming && j.Seat.ID == seat {
			j.kicked, j.kickText = true, text
		}
	}
}

// kick removes whoever sits in a slot.
func (r *Room) kick(slot int, text string) {
	for _, s := range r.sessions {
		if s.player.Slot == slot {
			r.close(s, wire.CloseKicked, text)
			r.leave(s, room.ReasonKicked)
			return
		}
	}
	if p := r.driver.Room.Player(slot); p != nil && p.Bot {
		r.removeBot(slot, room.ReasonKicked)
	}
}
