package host

import (
	"encoding/json"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// An Assignment is a room this node shall run.
type Assignment struct {
	Room       string
	Epoch      uint32
	Game       string
	Options    json.RawMessage // the creator's, nil for none
	Seed       uint64
	Bots       *int     // nil: the game's number
	MaxPlayers int      // how many of the game's slots the room has; 0: all
	Started    bool     // the directory knows that the room runs; if not, it is told again
	Restore    bool     // the room ran before, in a process that is gone
	Taken      []uint64 // of a room to restore: the seats that were taken
}

// Reconcile makes the host run the rooms of a list and no others: rooms that are new, or have a higher epoch, are started;
// those that are missing are closed (4200), and forgotten if they had ended. It returns at once, starting goes on behind it,
// and Directory hears the outcome. The same list again changes nothing, but what the directory ought to know by now (ended,
// refused, started) is said again.
func (h *Host) Reconcile(list []Assignment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != open {
		return
	}
	listed := make(map[string]bool, len(list))
	for _, a := range list {
		listed[a.Room] = true
		h.assign(a)
	}
	for id, r := range h.rooms {
		if !listed[id] {
			h.bury(r)
		}
	}
}

// Assign is Reconcile by what has changed: rooms that are new in the list, and rooms that are not in it any more. It costs
// nothing for the others.
func (h *Host) Assign(list []Assignment, over []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != open {
		return
	}
	for _, a := range list {
		h.assign(a)
	}
	for _, id := range over {
		if r := h.rooms[id]; r != nil {
			h.bury(r)
		}
	}
}

// assign starts a room unless it runs. The caller holds mu.
func (h *Host) assign(a Assignment) {
	a.Epoch = max(a.Epoch, 1)
	old := h.rooms[a.Room]
	switch {
	case old == nil:
		h.begin(a)
	case a.Epoch > old.Epoch:
		h.withdraw(old)
		h.begin(a)
	default:
		h.repeat(old, a.Started)
	}
}

// begin starts a room. The caller holds mu.
func (h *Host) begin(a Assignment) {
	r := &hosted{Assignment: a, game: h.games[a.Game], ready: make(chan struct{}), labels: labelsOf(&a)}
	h.rooms[a.Room] = r
	delete(h.late, a.Room)
	w := leastLoaded(h.workers)
	w.enlist(assumedCost)
	r.worker.Store(w)
	h.starters.Add(1)
	go h.start(r)
}

// withdraw closes a room that is no longer assigned. The caller holds mu.
func (h *Host) withdraw(r *hosted) {
	switch r.state {
	case running:
		r.post(errand{code: wire.CloseLost, text: "the room is gone"})
	case ended: // only now: until the directory has heard of the end, a new process must be able to find it out again
		r.discard()
	}
	r.state = gone
}

// repeat says again what became of a room. The caller holds mu.
func (h *Host) repeat(r *hosted, known bool) {
	switch r.state {
	case running:
		if known {
			return
		}
		h.clerk.add(notice{kind: startedOf(r), room: r})
	case refused:
		h.clerk.add(notice{kind: noticeRefused, room: r, text: r.text})
	case ended:
		h.clerk.add(notice{kind: noticeEnded, room: r, end: r.end})
	}
}

// startedOf is the notice that players may come.
func startedOf(r *hosted) noticeKind {
	if r.Restore {
		return noticeRestored
	}
	return noticeStarted
}

// roomEnded notes that a room is over. Its worker calls it.
func (h *Host) roomEnded(r *hosted, end *engine.End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over(r, end)
}

// over is roomEnded for a caller that holds mu.
func (h *Host) over(r *hosted, end *engine.End) {
	if r.state != gone {
		r.state = ended
	}
	r.end = end
	h.clerk.add(notice{kind: noticeEnded, room: r, end: end})
	if end.Fault != nil {
		h.stats.RoomsFailed.Add(1)
		h.starters.Add(1)
		go h.keepFault(r, end.Fault)
	}
}

// keepFault writes a fault file of how a game failed, and logs it.
func (h *Host) keepFault(r *hosted, f *engine.Fault) {
	defer h.starters.Done()
	path, err := h.faults.write(faultOf(r, f))
	what, event := "game failed", h.cfg.Log.Error()
	if f.Hung > 0 {
		what, event = "game does not come back", event.Dur("for", f.Hung)
	}
	event = event.Str("room", r.Room).Str("game", r.Game).Uint32("tick", f.Tick).Str("panic", f.Panic).
		Str("at", gameAt(f.Stack)).Bytes("stack", f.Stack).Str("file", path)
	if err != nil {
		event = event.AnErr("file_error", err)
	}
	if r.crash != nil {
		event.Str("crash", r.crash.File).Msg("game brought down the process before: its room is over")
		return
	}
	event.Msg(what)
}
