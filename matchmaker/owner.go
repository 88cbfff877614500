package matchmaker

import (
	"context"
	"fmt"
)

// What a node reports about itself and its rooms. Each method proposes one
// command and may be repeated: the second call changes nothing. Errors are
// the sentinels it names, or come from the Log.

// RegisterNode says that this run of a node is ready for rooms. A higher
// incarnation is assigned the rooms of the lower ones, in a new epoch each,
// to restore them; see Assignment. An incarnation that is not higher than the
// one before, because the clock was set back, is raised; so each call counts as a
// start. Errors: ErrStaleIncarnation, ErrInvalid.
func (m *Matchmaker) RegisterNode(ctx context.Context, n Node) error {
	n.Incarnation = max(n.Incarnation, m.dir.Incarnation(n.Name)+1)
	m.announceWebhook(ctx) // rooms may end with this
	if _, err := m.propose(ctx, &nodeUp{Node: n}); err != nil {
		return fmt.Errorf("register node %q: %w", n.Name, err)
	}
	return nil
}

// RoomStarted says that the owner runs the room. Errors: ErrRoomUnknown,
// ErrRoomEnded, ErrStaleEpoch; after each of them it must stop the room.
func (m *Matchmaker) RoomStarted(ctx context.Context, room string, epoch uint64) error {
	_, err := m.report(ctx, "start", room, &roomStarted{fenced: fenced{room, epoch}})
	return err
}

// RoomRestored says that the owner runs the room again, after the process
// before it. gone are those of Assignment.Taken that have no session in it:
// they are free again. Errors as RoomStarted.
func (m *Matchmaker) RoomRestored(ctx context.Context, room string, epoch uint64, gone []uint64) error {
	_, err := m.report(ctx, "restore", room, &roomRestored{fenced: fenced{room, epoch}, Gone: gone})
	return err
}

// RoomRefused says that the game would not start the room; text goes to its
// creator, at most 512 bytes of it. Errors as RoomStarted, and ErrInvalid if
// the room is running.
func (m *Matchmaker) RoomRefused(ctx context.Context, room string, epoch uint64, text string) error {
	_, err := m.report(ctx, "refuse", room, &roomRefused{fenced: fenced{room, epoch}, Text: cleanText(text, maxTextBytes)})
	return err
}

// RoomEnded says that the room is over. e.At is set by the directory; a
// Result over 16 KiB is ErrInvalid. Errors: ErrRoomUnknown, ErrStaleEpoch.
func (m *Matchmaker) RoomEnded(ctx context.Context, room string, epoch uint64, e Ending) error {
	e.Reason, e.Text, e.At = cleanText(e.Reason, maxTextBytes), cleanText(e.Text, maxTextBytes), 0
	_, err := m.report(ctx, "end", room, &endRoom{fenced: fenced{room, epoch}, Ending: e})
	return err
}

// EndIfIdle ends the room if no seat is reserved or taken, and says whether
// it has ended. Errors: ErrRoomUnknown, ErrStaleEpoch.
func (m *Matchmaker) EndIfIdle(ctx context.Context, room string, epoch uint64) (ended bool, err error) {
	res, err := m.report(ctx, "end idle", room, &endIfIdle{fenced: fenced{room, epoch}})
	return res.ended, err
}

// UpdateRoom changes what the owner may change while the room runs. Errors:
// ErrRoomUnknown, ErrRoomEnded, ErrStaleEpoch, ErrInvalid.
func (m *Matchmaker) UpdateRoom(ctx context.Context, room string, epoch uint64, u RoomUpdate) error {
	if err := checkMetadata(u.Metadata); err != nil {
		return fmt.Errorf("update room %q: %w", room, err)
	}
	cmd := &updateRoom{fenced: fenced{room, epoch}, RoomUpdate: u}
	if u.Private != nil && *u.Private {
		cmd.Code = random(codeBytes)
	}
	_, err := m.report(ctx, "update", room, cmd)
	return err
}

// Confirm makes a reserved seat taken; the owner calls it before it welcomes
// the player. Errors: ErrSeatExpired (reserved once, given up since),
// ErrSeatUnknown, ErrRoomEnded, ErrRoomUnknown, ErrStaleEpoch.
func (m *Matchmaker) Confirm(ctx context.Context, room string, epoch, seat uint64) error {
	_, err := m.report(ctx, "confirm seat in", room, &confirm{fenced: fenced{room, epoch}, Seat: seat})
	return err
}

// Release frees a seat. Errors: ErrSeatUnknown if it never was one,
// ErrRoomEnded, ErrRoomUnknown, ErrStaleEpoch.
func (m *Matchmaker) Release(ctx context.Context, room string, epoch, seat uint64) error {
	_, err := m.report(ctx, "release seat in", room, &release{fenced: fenced{room, epoch}, Seat: seat})
	return err
}

func (m *Matchmaker) report(ctx context.Context, what, room string, cmd command) (result, error) {
	res, err := m.propose(ctx, cmd)
	if err != nil {
		return res, fmt.Errorf("%s room %q: %w", what, room, err)
	}
	return res, nil
}
