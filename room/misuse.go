package room

import (
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// A phase is what the game is doing, as far as the engine knows. Goroutines that a game should not have let near its Room read it,
// too: it is why it is atomic.
type phase = uint32

const (
	resting phase = iota // no callback runs
	calling              // one does
	making               // New runs
)

// A Misuse is a use of a Room at a time at which it must not be used. The engine makes it the fault the room ends with.
type Misuse struct {
	Text  string // what was called, why that is wrong, and the game's line
	Stack []byte // of the goroutine that did it
}

func (m *Misuse) Error() string { return m.Text }

// allows reports whether an effect may happen now. It may in a callback; in New it would belong to no tick.
func (r *Room) allows(what string) bool {
	switch r.phase.Load() {
	case calling:
		return true
	case making:
		r.misused(what, "in New", "; a room has no effects before its first tick")
	default:
		r.misused(what, "outside of a callback", "")
	}
	return false
}

// allowsTimer is allows for what may also happen in New.
func (r *Room) allowsTimer(what string) bool {
	if r.phase.Load() == resting {
		r.misused(what, "outside of a callback", "")
		return false
	}
	return true
}

// misused remembers the first misuse, and logs it: a room in which nobody is makes no tick in which it could end. It does not
// panic. The caller may be a goroutine of the game's own, whose panic nobody can catch: it would be the end of all rooms.
func (r *Room) misused(what, where, why string) {
	if r.misuse.Load() != nil {
		return
	}
	at := callerOutside()
	m := &Misuse{Text: fmt.Sprintf("room: %s called %s at %s%s", what, where, at, why), Stack: debug.Stack()}
	if r.misuse.CompareAndSwap(nil, m) {
		r.log.Error().Str("call", what).Str("at", at).Msg("room used " + where)
	}
}

// maxCallers bounds how far callerOutside looks: a method of Room is a few calls away from the game.
const maxCallers = 16

// callerOutside is the line of the game that called into this package.
func callerOutside() string {
	var pcs [maxCallers]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if f.File != "" && (!strings.HasPrefix(f.Function, thisPackage) || strings.HasSuffix(f.File, "_test.go")) {
			return path.Base(f.File) + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "an unknown line"
		}
	}
}

const thisPackage = "github.com/ringside-server/ringside/room."

// Misused is the first misuse of the room, nil if there was none. It may be called by any goroutine.
func (d *Driver) Misused() *Misuse { return d.Room.misuse.Load() }
