package engine

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// What an operator sees of a room. All of it is for the room's owner to call, between two ticks; none of it changes anything.

// Everyone ranges over players, bots and spectators by slot.
func (r *Room) Everyone() iter.Seq[*room.Player] { return r.driver.Room.Everyone() }

// Player is who holds the session; it is the room's.
func (s *Session) Player() *room.Player { return s.player }

// States is how many state frames the session was sent by this process.
func (s *Session) States() uint32 { return s.states }

// Unacked is how many bytes of events and replies the client has not acknowledged.
func (s *Session) Unacked() int { return len(s.outbox.buf) }

// ViewHash is the hash of what everybody sees, as HASH frames have it for a player without a private part, and the tick of that
// view. ok is false as long as there is no view.
func (r *Room) ViewHash() (tick, hash uint32, ok bool) {
	cur := r.history.Newest()
	if cur == nil {
		return 0, 0, false
	}
	var h wire.WordHash
	cur.HashInto(&h, 0)
	return cur.Tick, h.Sum(), true
}

// StateJSON is the game's state for people: the fields of what State returns by name. A game that panics meanwhile is a
// *PanicError.
func (r *Room) StateJSON() (text []byte, err error) {
	err = guard(func() error {
		text, err = json.MarshalIndent(r.driver.Game.State(), "", "  ")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("state of room %q at tick %d: %w", r.cfg.ID, r.tick, err)
	}
	return text, nil
}

// Narrate says in words what a record of the journal does, one line an operation, and which tick it makes. It is asked before the
// record is replayed: who sits where is read from the room.
func (r *Room) Narrate(record []byte) (tick uint32, lines []string, err error) {
	in := wire.NewReader(record)
	tick = in.Uint32()
	for in.Len() > 0 && in.Err() == nil {
		if line := r.narrateOp(&in); line != "" {
			lines = append(lines, line)
		}
	}
	if in.Err() != nil {
		return tick, lines, fmt.Errorf("record of tick %d: %w", tick, in.Err())
	}
	return tick, lines, nil
}

// narrateOp reads one operation; those that only say how a tick is divided have no words.
func (r *Room) narrateOp(in *wire.Reader) string {
	switch op := in.Int(); op {
	case opStep, opEnd:
		return ""
	case opJoin:
		_, _ = in.Uint64(), in.Uint64() // connection, seat
		slot, id, name := in.Int32(), in.String(maxName), in.String(maxName)
		team, role := in.Int32(), room.Role(in.Uint32())
		in.Bytes(len(digest{}))
		in.Bytes(len(digest{}))
		return fmt.Sprintf("slot %d: join: player %q, name %q, team %d, role %d", slot, id, name, team, role)
	case opResume:
		in.Uint64()
		who := r.who(in)
		in.Bytes(len(digest{}))
		in.Bytes(len(digest{}))
		return who + ": resume"
	case opLost:
		return fmt.Sprintf("%s: connection lost, code %d", r.who(in), in.Uint32())
	case opLeave:
		who, why, code := r.who(in), room.Reason(in.Uint32()), in.Uint32()
		return fmt.Sprintf("%s: leave: %v, code %d, %q", who, why, code, in.String(wire.MaxText))
	case opInput:
		return r.narrateInput(in)
	case opMessage:
		who, ref, id, code := r.who(in), in.Uint32(), in.Uint32(), in.Uint32()
		return fmt.Sprintf("%s: message %s (ref %d, code %d): % x", who, r.messageName(id), ref, code, in.Bytes(wire.MaxClientMessage))
	case opSpent:
		return r.who(in) + ": credential spent"
	case opEpoch:
		return fmt.Sprintf("epoch %d begins", in.Uint32())
	case opClose:
		return fmt.Sprintf("closed from outside: code %d, %q", in.Uint32(), in.String(wire.MaxText))
	default:
		in.Fail()
		return ""
	}
}

func (r *Room) narrateInput(in *wire.Reader) string {
	who, seq, n := r.who(in), in.Uint32(), in.Uint32()
	if int(n) > in.Len() {
		in.Fail()
		return ""
	}
	vals := make([]int32, n)
	for i := range vals {
		vals[i] = in.Int32()
	}
	return fmt.Sprintf("%s: input up to seq %d: %v", who, seq, vals)
}

func (r *Room) messageName(id uint32) string {
	if list := r.prog.Schema.Messages; int(id) < len(list) {
		return list[id].Name
	}
	return fmt.Sprintf("%d", id)
}

// who reads a session's number and says where it sits.
func (r *Room) who(in *wire.Reader) string {
	id := in.Uint32()
	if s := r.byID[id]; s != nil {
		return fmt.Sprintf("slot %d", s.player.Slot)
	}
	return fmt.Sprintf("session %d", id)
}
