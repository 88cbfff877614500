package room

import (
	"context"
	"errors"
	"time"
)

// What a call can come back with besides an error of its own.
var (
	// ErrCallLost is a call that was under way when the process ended: the room goes on elsewhere and does not know what
	// became of it. It may have had its effect or not.
	ErrCallLost = errors.New("the room was restored before the call came back")
	// ErrTooManyCalls is a call that was never made: MaxCalls of the room were under way, or the node's queue was full.
	ErrTooManyCalls = errors.New("too many calls at the same time")
	// ErrCallTimeout is a call that did not come back within CallTimeout.
	ErrCallTimeout = errors.New("the call took too long")
)

// Bounds of calls.
const (
	MaxCalls      = 64               // of one room, under way
	MaxCallResult = 64 << 10         // bytes; a larger result is an error
	MaxCallError  = 1 << 10          // bytes of an error's text; it is cut beyond
	CallTimeout   = 30 * time.Second // after which ctx ends and Done hears ErrCallTimeout
)

// Caller is implemented by games that use Room.Call.
type Caller interface {
	// Done gets what a call came back with, before messages and inputs of a later tick: f's result, which is the game's to
	// keep, or an error with the text of f's (the error itself does not survive; only ErrCallLost, ErrTooManyCalls and
	// ErrCallTimeout are recognised by errors.Is).
	Done(r *Room, tag uint32, result []byte, err error)
}

// Call is a game's way to the world outside: a database, an HTTP service. f runs beside the room, in a goroutine, while ticks go
// on; what it returns reaches Done in a later tick, once. f must not use the room nor anything of the game's that changes: give
// it copies. It should return when ctx ends: after CallTimeout, or when the room is over; Done is not called for a room that
// is over, so a game that saves something ends when it is saved.
//
// The result is part of the room's journal: on a replay f does not run again. What was under way when the process ended comes
// back as ErrCallLost after the restart. A panic in f is an error for Done. A game without Done must not use Call: that panics.
func (r *Room) Call(tag uint32, f func(ctx context.Context) ([]byte, error)) {
	if !r.allows("Call") {
		return
	}
	if !r.caller {
		panic("room: Call by a game without a method Done to answer to: implement room.Caller")
	}
	if f == nil {
		panic("room: Call without a function")
	}
	r.effects = append(r.effects, Effect{Kind: EffectCall, Tag: tag, Call: f})
}

// Done hands the game what a call came back with.
func (d *Driver) Done(tag uint32, result []byte, err error) {
	c, ok := d.Game.(Caller)
	if !ok {
		return // a new version of the game that makes no calls any more
	}
	d.enter(inDone)
	defer d.exit(inDone)
	c.Done(d.Room, tag, result, err)
}
