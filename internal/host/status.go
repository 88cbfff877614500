package host

import (
	"slices"
	"strings"
	"time"
)

// Rooms is a snapshot of the assigned rooms by id, for status pages. The numbers are those of each room's last tick.
func (h *Host) Rooms() []RoomStatus {
	now := h.now()
	h.mu.RLock()
	list := make([]RoomStatus, 0, len(h.rooms))
	for _, r := range h.rooms {
		list = append(list, r.status(now))
	}
	h.mu.RUnlock()
	slices.SortFunc(list, func(a, b RoomStatus) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// A WorkerStatus is one worker's heartbeat.
type WorkerStatus struct {
	Rooms int           `json:"rooms"`
	Load  time.Duration `json:"load_ns_per_second"` // what its rooms cost; of a room that is new, what is assumed
	Busy  time.Duration `json:"busy_ns"`            // in all, outside of sleep
	Awake time.Duration `json:"awake_ns"`           // since its last wake began; a worker with nothing to do sleeps as long as it likes
	Step  time.Duration `json:"step_ns"`            // how long the longest Tick under way has taken, 0: there is none
	Room  string        `json:"room"`               // of that, or of the last Tick
}

// Workers is a snapshot of the workers.
func (h *Host) Workers() []WorkerStatus {
	list := make([]WorkerStatus, len(h.workers))
	for i, w := range h.workers {
		began, now := w.stepping.Load(), h.now()
		s := WorkerStatus{Rooms: int(w.rooms.Load()), Load: time.Duration(w.load.Load()), Busy: time.Duration(w.busy.Load()), Awake: time.Duration(now - w.beat.Load())}
		if began != 0 {
			s.Step = time.Duration(now - began)
		}
		if r := w.subject.Load(); r != nil {
			s.Room = r.Room
		}
		list[i] = s
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.rooms {
		began, s := r.aloft.Load(), &list[r.worker.Load().index]
		if step := time.Duration(h.now() - began); began != 0 && step > s.Step {
			s.Step, s.Room = step, r.Room
		}
	}
	return list
}
