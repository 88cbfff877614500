package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// RoomPatch says what to change of a room; what is nil stays. Metadata is merged key by key, a nil value removes its key.
type RoomPatch struct {
	Locked   *bool
	Private  *bool
	Metadata map[string]*string
}

// PatchRoom changes a room if its Version is one of versions, or whatever it is if there are none. The room is returned beside
// ErrVersion too. Errors: ErrRoomUnknown, ErrRoomEnded, ErrVersion, ErrInvalid.
func (m *Matchmaker) PatchRoom(ctx context.Context, room string, p RoomPatch, versions ...uint64) (*Room, error) {
	cmd := &patchRoom{Room: room, Any: len(versions) == 0, Versions: versions, Locked: p.Locked, Private: p.Private}
	set := map[string]string{}
	for k, v := range p.Metadata {
		if v == nil {
			cmd.Remove = append(cmd.Remove, k)
		} else {
			set[k] = *v
		}
	}
	if err := checkMetadata(set); err != nil {
		return nil, fmt.Errorf("patch room %q: %w", room, err)
	}
	if len(cmd.Remove) > maxMetadata {
		return nil, fmt.Errorf("patch room %q: %w", room, invalid("metadata removes %d keys, a room has at most %d", len(cmd.Remove), maxMetadata))
	}
	cmd.Set = sortPairs(set)
	if p.Private != nil && *p.Private {
		cmd.Code = random(codeBytes)
	}
	res, err := m.propose(ctx, cmd)
	if err != nil {
		return res.room, fmt.Errorf("patch room %q: %w", room, err)
	}
	return res.room, nil
}

// errNotHere means that the process joined no host to the matchmaker that could do it.
var errNotHere = errors.New("this node cannot do that")

// Kick frees a seat: a reserved one at once, of a taken one its owner closes the session (Config.Kick), which frees it soon. A
// seat that was freed before is no error. Errors: ErrRoomUnknown, ErrRoomEnded, ErrSeatUnknown, and those of Config.Kick.
func (m *Matchmaker) Kick(ctx context.Context, room string, seat uint64, text string) error {
	res, err := m.propose(ctx, &freeSeat{Room: room, Seat: seat})
	if errors.Is(err, ErrSeatExpired) {
		return nil
	}
	if err == nil && res.seats[0].State == SeatTaken {
		if err = errNotHere; m.cfg.Kick != nil {
			err = m.cfg.Kick(ctx, room, res.room.Epoch, seat, cleanText(text, maxReasonBytes))
		}
	}
	if err != nil {
		return fmt.Errorf("kick seat %d of room %q: %w", seat, room, err)
	}
	return nil
}

// maxReasonBytes is what fits into a WebSocket's close frame.
const maxReasonBytes = 123

// EndRoom has the owner end a room (Config.End) and waits until the directory has heard of it. A room that runs nowhere, or
// whose owner cannot be asked, ends at once. Errors: ErrRoomUnknown, ErrRoomEnded, and those of Config.End.
func (m *Matchmaker) EndRoom(ctx context.Context, room, text string) error {
	if err := m.endRoom(ctx, room, cleanText(text, maxReasonBytes)); err != nil {
		return fmt.Errorf("end room %q: %w", room, err)
	}
	return nil
}

func (m *Matchmaker) endRoom(ctx context.Context, room, text string) error {
	if err := m.log.Read(ctx); err != nil {
		return &logError{err}
	}
	r := m.dir.Room(room)
	switch {
	case r == nil:
		return ErrRoomUnknown
	case r.State == RoomEnded:
		return ErrRoomEnded
	}
	if r.State == RoomRunning && m.cfg.End != nil {
		err := m.cfg.End(ctx, room, r.Epoch, text)
		if err == nil {
			return m.waitEnded(ctx, room)
		}
		if !errors.Is(err, ErrRoomUnknown) {
			return err
		}
	}
	_, err := m.propose(ctx, &endRoom{fenced: fenced{room, r.Epoch}, Ending: Ending{Reason: "closed", Text: text, Code: codeEnded}})
	return err
}

// waitEnded returns when the room has ended.
func (m *Matchmaker) waitEnded(ctx context.Context, room string) error {
	timeout := time.NewTimer(m.cfg.StartTimeout)
	defer timeout.Stop()
	for {
		r, changed, done := m.dir.watch(room)
		if r == nil || r.State == RoomEnded {
			done()
			return nil
		}
		select {
		case <-changed:
			done()
		case <-ctx.Done():
			done()
			return ctx.Err()
		case <-timeout.C:
			done()
			return errEndUnknown
		}
	}
}
