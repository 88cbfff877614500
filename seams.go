package ringside

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/clock"
	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/matchmaker"
	"github.com/ringside-server/ringside/room"
)

// This file is where the host and the matchmaker, who do not know each other, meet.

var (
	_ host.Seats     = seats{}
	_ host.Directory = (*directory)(nil)
)

// seats lets the host ask the matchmaker who may sit where.
type seats struct {
	m     *matchmaker.Matchmaker
	clock *clock.Clock // that the tokens were made by
}

// Verify opens a seat token.
func (s seats) Verify(token, roomID string) (engine.Seat, uint32, error) {
	c, err := s.m.VerifyToken(token, s.clock.Now())
	if err != nil || c.Room != roomID {
		return engine.Seat{}, 0, host.ErrToken
	}
	role := room.RolePlayer
	if c.Role == matchmaker.RoleSpectator {
		role = room.RoleSpectator
	}
	seat := engine.Seat{ID: c.Seat, Slot: c.Slot, PlayerID: c.Player, Name: c.Name, Team: c.Team, Role: role}
	return seat, uint32(c.Epoch), nil
}

// Confirm makes the seat taken.
func (s seats) Confirm(ctx context.Context, roomID string, epoch uint32, seat uint64) error {
	err := s.m.Confirm(ctx, roomID, uint64(epoch), seat)
	switch {
	case errors.Is(err, matchmaker.ErrSeatExpired), errors.Is(err, matchmaker.ErrSeatUnknown):
		return host.ErrToken
	case errors.Is(err, matchmaker.ErrRoomEnded):
		return host.ErrRoomEnded
	case errors.Is(err, matchmaker.ErrRoomUnknown), errors.Is(err, matchmaker.ErrStaleEpoch):
		return host.ErrRoomUnknown
	}
	return err
}

// reportTimeout bounds one report of the host to the directory.
const reportTimeout = time.Second

// directory tells the matchmaker what became of rooms.
type directory struct {
	m   *matchmaker.Matchmaker
	log zerolog.Logger

	mu sync.Mutex
	// Guarded by mu.
	again  []func(context.Context) // reports that nobody else repeats and whose outcome is not known
	missed bool                    // the outcome of some report is not known
}

// retry repeats what could not be said, and returns whether there was anything. Seats are released any number of times; what
// became of a room the host says again when it is asked. The end of ctx ends a report that the log does not answer.
func (d *directory) retry(ctx context.Context) bool {
	d.mu.Lock()
	again, missed := d.again, d.missed
	d.again, d.missed = nil, false
	d.mu.Unlock()
	for _, f := range again {
		f(ctx) // when ctx has ended each keeps itself for later, and does not wait
	}
	return missed
}

func (d *directory) later(f func(context.Context)) {
	d.mu.Lock()
	d.again = append(d.again, f)
	d.mu.Unlock()
}

// report makes one call, and says whether its outcome is known. A refusal means that the directory knows better.
func (d *directory) report(ctx context.Context, what, roomID string, call func(context.Context) error) (known bool) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	err := call(ctx)
	switch {
	case err == nil, errors.Is(err, matchmaker.ErrRoomEnded), errors.Is(err, matchmaker.ErrRoomUnknown),
		errors.Is(err, matchmaker.ErrStaleEpoch), errors.Is(err, matchmaker.ErrSeatUnknown):
	default:
		d.log.Warn().Err(err).Str("report", what).Str("room", roomID).Msg("report to the directory failed")
		d.mu.Lock()
		d.missed = true
		d.mu.Unlock()
		return false
	}
	return true
}

// RoomStarted opens the room for players.
func (d *directory) RoomStarted(roomID string, epoch uint32) {
	d.report(context.Background(), "started", roomID, func(ctx context.Context) error { return d.m.RoomStarted(ctx, roomID, uint64(epoch)) })
}

// RoomRestored opens a room of an earlier process again.
func (d *directory) RoomRestored(roomID string, epoch uint32, gone []uint64) {
	d.report(context.Background(), "restored", roomID, func(ctx context.Context) error {
		return d.m.RoomRestored(ctx, roomID, uint64(epoch), gone)
	})
}

// RoomRefused answers the creator.
func (d *directory) RoomRefused(roomID string, epoch uint32, text string) {
	d.report(context.Background(), "refused", roomID, func(ctx context.Context) error { return d.m.RoomRefused(ctx, roomID, uint64(epoch), text) })
}

// RoomEnded keeps how the room ended.
func (d *directory) RoomEnded(roomID string, epoch uint32, code wire.CloseCode, reason string, result []byte) {
	end := matchmaker.Ending{Reason: "finished", Text: reason, Code: int(code), Result: result}
	switch code {
	case wire.CloseFault:
		end.Reason = "fault"
	case wire.CloseLost:
		end.Reason = "lost"
	}
	d.report(context.Background(), "ended", roomID, func(ctx context.Context) error { return d.m.RoomEnded(ctx, roomID, uint64(epoch), end) })
}

// SeatFreed lets the seat be sold again. A seat that stayed taken by mistake would never be: it is said until it is heard.
func (d *directory) SeatFreed(roomID string, epoch uint32, seat uint64) {
	d.seatFreed(context.Background(), roomID, epoch, seat)
}

func (d *directory) seatFreed(ctx context.Context, roomID string, epoch uint32, seat uint64) {
	release := func(ctx context.Context) error { return d.m.Release(ctx, roomID, uint64(epoch), seat) }
	if !d.report(ctx, "seat freed", roomID, release) {
		d.later(func(ctx context.Context) { d.seatFreed(ctx, roomID, epoch, seat) })
	}
}

// SetLocked and SetMetadata are the game's wishes.
func (d *directory) SetLocked(roomID string, epoch uint32, locked bool) {
	d.report(context.Background(), "lock", roomID, func(ctx context.Context) error {
		return d.m.UpdateRoom(ctx, roomID, uint64(epoch), matchmaker.RoomUpdate{Locked: &locked})
	})
}

func (d *directory) SetMetadata(roomID string, epoch uint32, key, value string) {
	d.report(context.Background(), "metadata", roomID, func(ctx context.Context) error {
		return d.m.UpdateRoom(ctx, roomID, uint64(epoch), matchmaker.RoomUpdate{Metadata: map[string]string{key: value}})
	})
}

// EndIfIdle ends a room nobody has a seat in.
func (d *directory) EndIfIdle(roomID string, epoch uint32) {
	d.report(context.Background(), "idle", roomID, func(ctx context.Context) error {
		_, err := d.m.EndIfIdle(ctx, roomID, uint64(epoch))
		return err
	})
}

// assignments says to the host what the directory says.
func assignments(list []matchmaker.Assignment) []host.Assignment {
	out := make([]host.Assignment, len(list))
	for i, a := range list {
		out[i] = host.Assignment{
			Room: a.Room, Epoch: uint32(a.Epoch), Game: a.Game, Options: a.Options, Seed: a.Seed, Bots: a.Bots,
			MaxPlayers: a.MaxPlayers, Started: a.Started, Restore: a.Restore, Taken: a.Taken,
		}
	}
	return out
}

// kick removes whoever has a seat from a room that runs here.
func (n *Node) kick(ctx context.Context, roomID string, _, seat uint64, text string) error {
	return ownerError(n.host.KickSeat(ctx, roomID, seat, text))
}

// endRoom ends a room that runs here.
func (n *Node) endRoom(ctx context.Context, roomID string, _ uint64, text string) error {
	return ownerError(n.host.CloseRoom(ctx, roomID, text))
}

// ownerError says to the matchmaker what a host that was asked answered.
func ownerError(err error) error {
	switch {
	case errors.Is(err, host.ErrNoRoom), errors.Is(err, host.ErrNotRunning):
		return fmt.Errorf("%w: %w", matchmaker.ErrRoomUnknown, err)
	case errors.Is(err, host.ErrNoSeat):
		return fmt.Errorf("%w: %w", matchmaker.ErrSeatUnknown, err)
	}
	return err
}
