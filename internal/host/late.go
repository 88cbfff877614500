package host

import (
	"time"

	"github.com/ringside-server/ringside/internal/engine"
)

// lateFor is how long a room that ended in its start is remembered: players of the process before come back for as long as their
// seats are held, half a minute if the game says nothing else, and clients on bad networks later.
const lateFor = 2 * time.Minute

// overAtStart is over for a room that had no time to tell anybody: its players were in it when the process before ended, and they
// come back when the directory has long withdrawn it. There are no more of them than rooms of that process. The caller holds mu.
func (h *Host) overAtStart(r *hosted, end *engine.End) {
	h.over(r, end)
	r.early, r.endedAt = true, h.now()
}

// bury takes out a room that is no longer assigned; one whose players have yet to hear of its end stays for them. The caller holds
// mu.
func (h *Host) bury(r *hosted) {
	h.withdraw(r)
	delete(h.rooms, r.Room)
	if r.early {
		r.state = ended
		h.late[r.Room] = r
	}
}

// forgetLate forgets rooms whose players have had their time.
func (h *Host) forgetLate() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, r := range h.late {
		if h.now()-r.endedAt > int64(lateFor) {
			delete(h.late, id)
		}
	}
}
