package host

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

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
			h.withdraw(r)
			delete(h.rooms, id)
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
			h.withdraw(r)
			delete(h.rooms, id)
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
	r := &hosted{Assignment: a, game: h.games[a.Game], worker: h.leastLoaded(), ready: make(chan struct{})}
	h.rooms[a.Room] = r
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
	switch r.state {
	case running:
		r.worker.post(errand{room: r, code: wire.CloseLost, text: "the room is gone"})
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

// start makes the room and gives it to its worker. It is a goroutine of its own: the game's New may take its time.
func (h *Host) start(r *hosted) {
	defer h.starters.Done()
	room, err := h.build(r)
	if !h.started(r, room, err) {
		h.parkUnstarted(r, room)
	}
}

// started gives a room that was made to its worker, or says why there is none. False means that there is no worker any more.
func (h *Host) started(r *hosted, room *engine.Room, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer close(r.ready)
	switch {
	case r.state == gone:
		r.worker.rooms.Add(-1)
		r.discard()
	case err == nil && room.Ended() != nil:
		r.worker.rooms.Add(-1)
		h.over(r, room.Ended())
	case err == nil && h.state != open:
		r.worker.rooms.Add(-1)
		return false
	case err == nil:
		r.state = running
		r.worker.post(errand{room: r, adopt: room})
	case r.Restore:
		r.worker.rooms.Add(-1)
		h.over(r, &engine.End{Code: wire.CloseLost, Reason: err.Error()})
	default:
		r.state, r.text = refused, err.Error()
		r.worker.rooms.Add(-1)
		h.clerk.add(notice{kind: noticeRefused, room: r, text: r.text})
	}
	return true
}

// build makes the room: anew, or from what an earlier process kept of it. The error's text says why there is none.
func (h *Host) build(r *hosted) (room *engine.Room, err error) {
	log := h.cfg.Log.With().Str("room", r.Room).Str("game", r.Game).Logger()
	if r.Restore {
		room, r.unknown, err = h.restore(r, log)
	} else {
		room, err = h.create(r, log)
	}
	if err == nil {
		err = h.open(r, room)
	}
	if r.Restore && r.journal == nil && h.cfg.Journal != nil && (err != nil || room.Ended() != nil) {
		// Until the directory has heard what became of the room, a new process must be able to find it out again.
		r.journal = h.cfg.Journal.Begin(r.Room, r.Epoch)
	}
	if err != nil {
		log.Warn().Err(err).AnErr("cause", errors.Unwrap(err)).Bool("restored", r.Restore).Msg("room does not run")
	}
	return room, err
}

// create calls the game's New.
func (h *Host) create(r *hosted, log zerolog.Logger) (*engine.Room, error) {
	if r.game == nil {
		return nil, fmt.Errorf("this node has no game %q", r.Game)
	}
	room, err := engine.New(h.engineConfig(r, log, r.Epoch))
	if failed := (*engine.PanicError)(nil); errors.As(err, &failed) {
		logPanic(log, failed, "game failed to start")
		return nil, errors.New("the game failed to start")
	}
	return room, err
}

func logPanic(log zerolog.Logger, failed *engine.PanicError, what string) {
	log.Error().Str("panic", failed.Value).Bytes("stack", failed.Stack).Msg(what)
}

func (h *Host) engineConfig(r *hosted, log zerolog.Logger, epoch uint32) engine.Config {
	return engine.Config{
		ID: r.Room, Program: r.game, Options: r.Options, Seed: r.Seed, Epoch: epoch, Bots: r.Bots, Places: r.MaxPlayers,
		URLs: h.cfg.URLs, Plant: h.cfg.Plant, Log: log,
	}
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

// keepFault logs a game's panic and writes its fault file.
func (h *Host) keepFault(r *hosted, f *engine.Fault) {
	defer h.starters.Done()
	path, err := h.faults.write(faultOf(r, f))
	event := h.cfg.Log.Error().Str("room", r.Room).Str("game", r.Game).Uint32("tick", f.Tick).Str("panic", f.Panic).
		Str("at", gameAt(f.Stack)).Bytes("stack", f.Stack).Str("file", path)
	if err != nil {
		event = event.AnErr("file_error", err)
	}
	event.Msg("game failed")
}
