package room

import (
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// A Misuse is a use of a Room at a time at which it must not be used. The engine makes it the fault the room ends with.
type Misuse struct {
	Text  string // what was called, why that is wrong, and the game's line
	Stack []byte // of the goroutine that did it
}

func (m *Misuse) Error() string { return m.Text }

const (
	outsideText = "outside of a callback"
	outsideLine = "room used outside of a callback"
)

// allows reports whether an effect may happen now. It may in a callback; in New it would belong to no tick, and while the state is
// written down or read it would be in no record. What the game is doing the turnstile says, to any goroutine.
func (r *Room) allows(what string) bool {
	switch callback(r.gate.inside.Load()) {
	case inJoin, inLeave, inAway, inBack, inMessage, inStep, inView, inDone:
		return true
	case shut: // the goroutine was given up, with the room
		return false
	case inNew:
		r.misused(what, "in New", "room used in New", "; a room has no effects before its first tick")
	default:
		r.misused(what, outsideText, outsideLine, "")
	}
	return false
}

// allowsTimer is allows for what may also happen in New.
func (r *Room) allowsTimer(what string) bool {
	return callback(r.gate.inside.Load()) == inNew || r.allows(what)
}

// misused remembers the first misuse, and logs it: a room in which nobody is makes no tick in which it could end. It does not
// panic. The caller may be a goroutine of the game's own, whose panic nobody can catch: it would be the end of all rooms.
func (r *Room) misused(what, where, line, why string) {
	if r.misuse.Load() != nil {
		return
	}
	stack := debug.Stack()
	at := callerOutside()
	if at == "" {
		at = startedAt(stack)
	}
	m := &Misuse{Text: fmt.Sprintf("room: %s called %s at %s%s", what, where, at, why), Stack: stack}
	if r.misuse.CompareAndSwap(nil, m) {
		r.log.Error().Str("call", what).Str("at", at).Msg(line)
	}
}

// maxCallers bounds how far callerOutside looks: a method of Room is a few calls away from the game.
const maxCallers = 16

// callerOutside is the line of the game that called into this package, "" if it was none: go r.End(nil).
func callerOutside() string {
	var pcs [maxCallers]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		switch {
		case !more, strings.HasPrefix(f.Function, "runtime."):
			return ""
		case f.File == "", strings.HasPrefix(f.Function, thisPackage) && !strings.HasSuffix(f.File, "_test.go"):
		default:
			return path.Base(f.File) + ":" + strconv.Itoa(f.Line)
		}
	}
}

// startedAt is the line that started a goroutine, which stands last in its stack:
//
//	created by main.(*Game).Step in goroutine 7
//		/game.go:98 +0x1
func startedAt(stack []byte) string {
	_, by, _ := strings.Cut(string(stack), "\ncreated by ")
	_, at, _ := strings.Cut(by, "\n\t")
	at, _, _ = strings.Cut(at, " ")
	if at == "" {
		return "an unknown line"
	}
	return path.Base(at)
}

const thisPackage = "github.com/ringside-server/ringside/room."

// Misused is the first misuse of the room, nil if there was none. It may be called by any goroutine.
func (d *Driver) Misused() *Misuse { return d.Room.misuse.Load() }
