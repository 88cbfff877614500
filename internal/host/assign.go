package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

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
	listed := make(map[string]uint32, len(list))
	for _, a := range list {
		a.Epoch = max(a.Epoch, 1)
		listed[a.Room] = a.Epoch
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
	for id, r := range h.rooms {
		if _, ok := listed[id]; !ok {
			h.withdraw(r)
			delete(h.rooms, id)
		}
	}
}

// begin starts a room. The caller holds mu.
func (h *Host) begin(a Assignment) {
	r := &hosted{Assignment: a, game: h.games[a.Game], worker: h.leastLoaded()}
	h.rooms[a.Room] = r
	if a.Restore {
		r.state, r.end = ended, &engine.End{Code: wire.CloseLost, Reason: "nothing of the room is left to restore it from"}
		h.clerk.add(notice{kind: noticeEnded, room: r, end: r.end})
		return
	}
	r.worker.rooms.Add(1)
	h.starters.Add(1)
	go h.start(r)
}

func (h *Host) leastLoaded() *worker {
	best := h.workers[0]
	for _, w := range h.workers[1:] {
		if w.rooms.Load() < best.rooms.Load() {
			best = w
		}
	}
	return best
}

// withdraw closes a room that is no longer assigned. The caller holds mu.
func (h *Host) withdraw(r *hosted) {
	if r.state == running {
		r.worker.post(errand{room: r, code: wire.CloseLost, text: "the room is gone"})
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
		h.clerk.add(notice{kind: noticeStarted, room: r})
	case refused:
		h.clerk.add(notice{kind: noticeRefused, room: r, text: r.text})
	case ended:
		h.clerk.add(notice{kind: noticeEnded, room: r, end: r.end})
	}
}

// start makes the room and gives it to its worker. It is a goroutine of its own: the game's New may take its time.
func (h *Host) start(r *hosted) {
	defer h.starters.Done()
	room, text := h.build(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case r.state == gone:
		r.worker.rooms.Add(-1)
	case room == nil:
		r.state, r.text = refused, text
		r.worker.rooms.Add(-1)
		h.clerk.add(notice{kind: noticeRefused, room: r, text: text})
	default:
		r.state = running
		r.worker.post(errand{room: r, adopt: room})
	}
}

// build calls the game's New; text says why there is no room.
func (h *Host) build(r *hosted) (room *engine.Room, text string) {
	log := h.cfg.Log.With().Str("room", r.Room).Str("game", r.Game).Logger()
	defer func() {
		if v := recover(); v != nil {
			log.Error().Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("game failed to start")
			room, text = nil, "the game failed to start"
		}
	}()
	if r.game == nil {
		return nil, fmt.Sprintf("this node has no game %q", r.Game)
	}
	room, err := engine.New(engine.Config{
		ID: r.Room, Program: r.game, Options: r.Options, Seed: r.Seed, Epoch: r.Epoch, Bots: r.Bots, Places: r.MaxPlayers, URLs: h.cfg.URLs,
		Plant: h.cfg.Plant, Log: log,
	})
	if failed := (*engine.PanicError)(nil); errors.As(err, &failed) {
		log.Error().Str("panic", failed.Value).Bytes("stack", failed.Stack).Msg("game failed to start")
		return nil, "the game failed to start"
	}
	if err != nil {
		return nil, err.Error()
	}
	return room, ""
}

// roomEnded notes that a room is over. Its worker calls it.
func (h *Host) roomEnded(r *hosted, end *engine.End) {
	h.mu.Lock()
	if r.state != gone {
		r.state = ended
	}
	r.end = end
	h.mu.Unlock()
	h.clerk.add(notice{kind: noticeEnded, room: r, end: end})
	if end.Fault != nil {
		h.stats.RoomsFailed.Add(1)
		h.starters.Add(1)
		go h.keepFault(r, end.Fault)
	}
}

// keepFault logs a game's panic and writes its fault file.
func (h *Host) keepFault(r *hosted, f *engine.Fault) {
	defer h.starters.Done()
	path, err := h.faults.write(faultOf(r, f))
	event := h.cfg.Log.Error().Str("room", r.Room).Str("game", r.Game).Uint32("tick", f.Tick).Str("panic", f.Panic).
		Bytes("stack", f.Stack).Str("file", path)
	if err != nil {
		event = event.AnErr("file_error", err)
	}
	event.Msg("game failed")
}
