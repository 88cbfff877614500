package host

import (
	"context"
	"errors"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// What Seats may answer. Any other error means that nobody could decide: the client is told to come again.
var (
	// ErrToken is a token that is forged, expired, for another room, or of a seat that was given up: 4001.
	ErrToken = errors.New("token refused")
	// ErrFull is a room without a place: 4008.
	ErrFull = errors.New("room is full")
	// ErrRoomEnded is a room that has ended: 4009.
	ErrRoomEnded = errors.New("room has ended")
	// ErrRoomUnknown is a room that the directory does not hold, or not for this node any more: 4200.
	ErrRoomUnknown = errors.New("room is unknown")
)

// Seats says who may sit where. Its methods are called by the goroutines of handshakes, many at a time (Config.MaxConfirms).
type Seats interface {
	// Verify opens a seat token of a room: who it seats, and the epoch the room had when it was made, a hint. It must not
	// block on the network. ErrToken.
	Verify(token, room string) (engine.Seat, uint32, error)
	// Confirm makes the reserved seat taken. epoch is the room's on this node. It may block until ctx ends, and may be
	// called again for the same seat. ErrToken, ErrFull, ErrRoomEnded, ErrRoomUnknown.
	Confirm(ctx context.Context, room string, epoch uint32, seat uint64) error
}

// Gate says whether this node may run a room now. It is asked by the workers before each tick: it must not block, nor
// allocate, and takes any number of callers.
type Gate interface {
	MayRun(room string, epoch uint32) bool
}

// Directory hears what became of the rooms. One goroutine of the host calls it, in the order in which things happened in a
// room; the workers only queue (see clerk). A call may take its time, a second at most: everything else waits for it, and so
// does Close. A room that has ended or been refused is reported again by each Reconcile that still lists it, one
// that has started by each that lists it as not Started: those calls must bear repetition.
type Directory interface {
	// RoomStarted says that players may come.
	RoomStarted(room string, epoch uint32)
	// RoomRestored says that players may come again to a room that ran before. gone are the seats that were taken and that
	// the restored room does not know: their players came in too late to be in what was kept.
	RoomRestored(room string, epoch uint32, gone []uint64)
	// RoomRefused says that the game would not start the room; text is for its creator.
	RoomRefused(room string, epoch uint32, text string)
	// RoomEnded says that the room is over: by its game (wire.CloseEnded, result is its JSON), by a fault
	// (CloseFault), or because it could not be restored (CloseLost).
	RoomEnded(room string, epoch uint32, code wire.CloseCode, reason string, result []byte)
	// SeatFreed says that the player of a seat is gone for good.
	SeatFreed(room string, epoch uint32, seat uint64)
	// SetLocked and SetMetadata are the game's wishes; an empty value removes the key.
	SetLocked(room string, epoch uint32, locked bool)
	SetMetadata(room string, epoch uint32, key, value string)
	// EndIfIdle says that nobody has been in the room for Config.IdleTimeout: if no seat is sold either, it can end.
	EndIfIdle(room string, epoch uint32)
}

// refusal is what a client is told about an error of Seats.
func refusal(err error) (code wire.CloseCode, text string, retryMS uint32) {
	switch {
	case errors.Is(err, ErrToken):
		return wire.CloseToken, "the token is not valid (any more)", 0
	case errors.Is(err, ErrFull):
		return wire.CloseFull, "there is no place in the room", 0
	case errors.Is(err, ErrRoomEnded):
		return wire.CloseEnded, "the room has ended", 0
	case errors.Is(err, ErrRoomUnknown):
		return wire.CloseLost, "the room is gone", 0
	}
	return wire.CloseDraining, "the seat could not be confirmed: come again", 1000
}
