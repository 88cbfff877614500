package engine

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A Fault is what a game that failed left, by a panic or by not coming back: enough to bring it about again.
type Fault struct {
	Tick       uint32 // that was being made
	Panic      string
	Hung       time.Duration // how long its tick had taken when it was given up; 0: it panicked
	Stack      []byte
	Checkpoint []byte // the newest before; empty: the room as New made it
	Records    []byte // since, the last of them of Tick
}

func (f *Fault) asError() error { return &PanicError{Value: f.Panic, Stack: f.Stack} }

// catch ends the room if the game panicked, or ended its goroutine. It must be deferred.
func (r *Room) catch() {
	v := recover()
	switch {
	case r.cfg.Gate.IsShut():
		return // the goroutine was given up, and the room is somebody else's
	case v == nil && !r.midway:
		return
	case v == nil:
		v = "the game ended the goroutine it was called in (runtime.Goexit)"
	}
	r.midway = false
	r.fail("the game failed", Fault{Panic: fmt.Sprint(v), Stack: stackOf(v)})
}

// fail ends the room and completes the fault.
func (r *Room) fail(reason string, f Fault) {
	f.Tick = r.tick
	f.Checkpoint, f.Records = bytes.Clone(r.journal.checkpoint), bytes.Clone(r.journal.records)
	r.ended = &End{Code: wire.CloseFault, Reason: reason, Fault: &f}
}

// Abandon ends a room whose Tick or TakeCheckpoint has been running in another goroutine for a time that is too long, as a game's
// panic would. stack is that goroutine's. It fails, and has done nothing, while the goroutine is not inside of the game: it is
// about to come back, or about to go in. After it has succeeded the other goroutine never touches the room again, the caller owns
// it, and Flush hands out what is whole: the end, and what happened before.
func (r *Room) Abandon(took time.Duration, stack []byte) bool {
	where, ok := r.cfg.Gate.Shut()
	if !ok {
		return false
	}
	r.fail("the game stopped answering", Fault{
		Panic: where + hungText + took.Round(10*time.Millisecond).String(), Hung: took, Stack: stack,
	})
	return true
}

const hungText = " has not come back: the tick has taken "

// HungIn is the callback that has not come back, of the text of a fault that says so.
func HungIn(text string) (callback string, ok bool) {
	callback, _, ok = strings.Cut(text, hungText)
	return callback, ok
}

// Abandoned reports whether Abandon has succeeded. Any goroutine may ask.
func (r *Room) Abandoned() bool { return r.cfg.Gate.IsShut() }

// stackOf is where it came to what was recovered. A misuse was noticed elsewhere, and before.
func stackOf(v any) []byte {
	if m, ok := v.(*room.Misuse); ok {
		return m.Stack
	}
	return debug.Stack()
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
			err = &PanicError{Value: fmt.Sprint(v), Stack: stackOf(v)}
		}
	}()
	return f()
}
