package host

import (
	"bytes"

	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// errBlamed is why a room does not run whose game panicked in New or did not come back from it, or has brought a process down.
type errBlamed struct{ fault engine.Fault }

func (e *errBlamed) Error() string { return "the game failed" }

// end is how such a room ended: as one whose game panicked in a tick.
func (e *errBlamed) end() *engine.End {
	return &engine.End{Code: wire.CloseFault, Reason: e.Error(), Fault: &e.fault}
}

// culprit is the crash that a room has to answer for, nil if there is none. What was kept is of the epoch in which the room ran
// last; a crash in an earlier one was answered for then. One in a later one was in New, or while the room was restored.
func (h *Host) culprit(r *hosted) *crash.Crash {
	since := uint32(1)
	if saved, ok := h.saved(r); ok {
		since = saved.Epoch
	}
	for i := range h.cfg.Crashes {
		if c := &h.cfg.Crashes[i]; c.Room == r.Room && c.Epoch >= since && c.Epoch < r.Epoch {
			return c
		}
	}
	return nil
}

func (h *Host) saved(r *hosted) (Saved, bool) {
	if h.cfg.Journal == nil {
		return Saved{}, false
	}
	return h.cfg.Journal.Saved(r.Room)
}

// blame is the fault of a room that has brought a process down: what the runtime said, and what was kept of the room. The tick in
// which it happened was not written down any more.
func (h *Host) blame(r *hosted, c *crash.Crash) error {
	r.crash = c
	failed := &errBlamed{engine.Fault{Panic: c.Text, Stack: c.Stack}}
	if saved, ok := h.saved(r); ok { // its bytes are good until Begin
		failed.fault.Tick = saved.Tick + 1
		failed.fault.Checkpoint, failed.fault.Records = bytes.Clone(saved.Checkpoint), bytes.Clone(saved.Records)
	}
	return failed
}
