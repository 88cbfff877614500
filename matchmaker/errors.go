package matchmaker

import (
	"errors"
	"fmt"
)

// Why a command was refused. A refusal is final: nothing was changed, and the
// same call gets the same answer until somebody changes the room. Any other
// error of a Matchmaker method comes from the Log or the context and leaves
// open whether the command was applied; every command may be repeated.
var (
	ErrRoomUnknown      = errors.New("no such room")
	ErrRoomEnded        = errors.New("room has ended")
	ErrGameFailed       = errors.New("the game failed to start") // a mistake in it: the node's log and a fault file say which
	ErrRoomFull         = errors.New("room is full")
	ErrRoomLocked       = errors.New("room is locked")
	ErrRoomExists       = errors.New("room id is taken")
	ErrTooManyRooms     = errors.New("too many rooms")
	ErrGameUnknown      = errors.New("no node offers this game")
	ErrAlreadySeated    = errors.New("player already has a seat in this room")
	ErrSeatUnknown      = errors.New("no such seat")
	ErrSeatExpired      = errors.New("seat was given up")            // reserved once, then expired or released
	ErrStaleEpoch       = errors.New("not the epoch of this room")   // the caller does not own the room any more
	ErrStaleIncarnation = errors.New("a later incarnation is known") // another process runs under this node's name
	ErrVersion          = errors.New("the room has changed")         // since the caller read it
	ErrKeyReused        = errors.New("this idempotency key was used for another request")
	ErrQueueUnknown     = errors.New("no such queue")
	ErrTicketUnknown    = errors.New("no such ticket") // or it is long over
	ErrTicketExists     = errors.New("player already has a ticket in this queue")
	ErrTicketMatched    = errors.New("ticket is matched already")
	ErrTicketChanged    = errors.New("ticket has changed") // since the match was proposed; the next pass proposes another
	ErrTooManyTickets   = errors.New("too many tickets")
	ErrInvalid          = errors.New("invalid")
	ErrCommandCorrupt   = errors.New("command corrupt") // it can be applied by no node
	ErrToken            = errors.New("token not valid")
	ErrTokenExpired     = fmt.Errorf("%w: expired", ErrToken)
)

// RefusedError says that the game refused to start the room; Text comes from
// its author and is meant for whoever created the room.
type RefusedError struct{ Text string }

// Error implements error.
func (e *RefusedError) Error() string { return "game refused the room: " + e.Text }

// errStartUnknown means that the owner did not report in time whether it has
// the room.
var errStartUnknown = errors.New("room start not confirmed in time")

// errEndUnknown means that the owner was asked to end the room and did not report in time.
var errEndUnknown = errors.New("room end not confirmed in time")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
