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
