package engine

import (
	"slices"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A rosterLog is what changed in the list of players in this tick, encoded once for all sessions.
type rosterLog struct {
	touched []int  // slots
	frame   []byte // the change of tick
	tick    uint32 // of the newest change
	before  uint32 // of the one before
	list    wire.Roster
}

func (l *rosterLog) changed(slot int) {
	if !slices.Contains(l.touched, slot) {
		l.touched = append(l.touched, slot)
	}
}

// logRoster encodes this tick's change, if there is one.
func (r *Room) logRoster() {
	l := &r.roster
	for p := range r.driver.Room.Everyone() {
		if p.TakeDirty() {
			l.changed(p.Slot)
		}
	}
	if len(l.touched) == 0 {
		return
	}
	l.list.Full, l.list.Entries = false, l.list.Entries[:0]
	for _, slot := range l.touched {
		l.list.Entries = append(l.list.Entries, rosterEntry(slot, r.driver.Room.Player(slot)))
	}
	l.frame = wire.AppendRoster(l.frame[:0], &l.list)
	l.before, l.tick = l.tick, r.tick
	l.touched = l.touched[:0]
}

func rosterEntry(slot int, p *room.Player) wire.RosterEntry {
	e := wire.RosterEntry{Slot: uint32(slot), Gone: p == nil}
	if p == nil {
		return e
	}
	e.Name, e.Team, e.Role, e.Data = p.Name, uint32(p.Team()), uint32(p.Role), p.Data()
	if p.Host() {
		e.Flags |= wire.RosterHost
	}
	if p.Away() {
		e.Flags |= wire.RosterAway
	}
	if p.Bot {
		e.Flags |= wire.RosterBot
	}
	return e
}

// flushRoster sends a session what it does not know of the list: the change, or all of it.
func (r *Room) flushRoster(s *Session, sink Sink) {
	l := &r.roster
	switch {
	case s.rosterWhole || s.rosterTick < l.before:
		l.list.Full, l.list.Entries = true, l.list.Entries[:0]
		for p := range r.driver.Room.Everyone() {
			l.list.Entries = append(l.list.Entries, rosterEntry(p.Slot, p))
		}
		r.scratch = wire.AppendRoster(r.scratch[:0], &l.list)
		sink.Message(r.scratch, nil, nil)
	case s.rosterTick < l.tick:
		sink.Message(l.frame, nil, nil)
	}
	s.rosterWhole, s.rosterTick = false, max(l.tick, s.rosterTick)
}
