package host

// A cause is why a tick began when it did and not at its time. Every tick has one, decided by what went on at its time:
//
//   - its own room was still making the tick before, in the worker's loop or beside it: causeGame;
//   - else the worker was in a wake, with other rooms, mail or its books: causeWorker;
//   - else the worker was asleep and was woken late, by the machine, the scheduler or the collector: causeWake.
//
// So each tick is counted once, and what a slow room does to itself is told from what rooms do to each other. A worker whose
// processor is taken away in a wake counts as one that is busy.
type cause uint8

const (
	causeWake cause = iota
	causeWorker
	causeGame
	causes
)

var causeNames = [causes]string{causeWake: "wake", causeWorker: "worker", causeGame: "game"}

// causeAt is why what was due at a time begins only now, as far as the worker knows: it slept from the end of its last wake to the
// beginning of the present one.
func (w *worker) causeAt(due int64) cause {
	if due < w.restedAt || due > w.beat.Load() {
		return causeWorker
	}
	return causeWake
}

// causeOf is the cause of a room in a wake of its slot.
func (h *hosted) causeOf(due int64, ofSlot cause) cause {
	if h.until > due {
		return causeGame
	}
	return ofSlot
}
