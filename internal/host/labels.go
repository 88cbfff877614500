package host

import (
	"context"
	"runtime/pprof"
	"strconv"

	"github.com/ringside-server/ringside/internal/crash"
)

// labelsOf are the labels of whatever runs a room's game: profiles name it by them, and so does the trace of a crash, from which
// the next process learns which room must not run again. Goroutines that the game starts inherit them.
func labelsOf(a *Assignment) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels(
		crash.LabelGame, a.Game, crash.LabelRoom, a.Room, crash.LabelEpoch, strconv.FormatUint(uint64(a.Epoch), 10)))
}

// wear puts the room's labels on the goroutine that is about to call its game, beside those of its pilot, if it is one; takeOff, or
// the pilot's begin, takes them off again. A goroutine that does not get there is the game's for good: no defer. It takes some
// nanoseconds and allocates only when the room has another pilot than before.
func (h *hosted) wear(p *pilot) {
	if p == nil {
		pprof.SetGoroutineLabels(h.labels)
		return
	}
	if h.wornBy != p {
		h.worn, h.wornBy = pprof.WithLabels(h.labels, pprof.Labels(pilotLabel, p.tag)), p
	}
	pprof.SetGoroutineLabels(h.worn)
}

func takeOff() { pprof.SetGoroutineLabels(context.Background()) }
