package engine

import (
	"fmt"
	"runtime/debug"

	"github.com/ringside-server/ringside/internal/wire"
)

// A Fault is what a game's panic left: enough to bring it about again.
type Fault struct {
	Tick       uint32 // that was being made
	Panic      string
	Stack      []byte
	Checkpoint []byte // the newest before; empty: the room as New made it
	Records    []byte // since, the last of them of Tick
}

func (f *Fault) asError() error { return &PanicError{Value: f.Panic, Stack: f.Stack} }

// catch ends the room if the game panicked. It must be deferred.
func (r *Room) catch() {
	v := recover()
	if v == nil {
		return
	}
	r.ended = &End{
		Code:   wire.CloseFault,
		Reason: "the game failed",
		Fault: &Fault{
			Tick: r.tick, Panic: fmt.Sprint(v), Stack: debug.Stack(),
			Checkpoint: append([]byte(nil), r.journal.checkpoint...),
			Records:    append([]byte(nil), r.journal.records...),
		},
	}
}

// A PanicError is a game's panic outside of a tick: while the room was made, restored or replayed.
type PanicError struct {
	Value string // what it panicked with
	Stack []byte
}

func (e *PanicError) Error() string { return "the game panicked: " + e.Value }

// guard calls into the game and turns its panic into a *PanicError.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: fmt.Sprint(v), Stack: debug.Stack()}
		}
	}()
	return f()
}
