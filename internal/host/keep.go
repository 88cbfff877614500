package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// Journal keeps what rooms are made of, so that they can go on when this process is gone.
type Journal interface {
	// Saved is what an earlier process kept of a room. Its bytes are valid until Begin of that room.
	Saved(room string) (Saved, bool)
	// Begin is called before the first tick of a room here, in an epoch of its own. Both may block on a disk.
	Begin(room string, epoch uint32) RoomJournal
}

// RoomJournal is the journal of one room. Its methods are called by the room's worker, one after another; they must not
// block, nor allocate.
type RoomJournal interface {
	// Ticked hears what the room is made of after a tick: the newest checkpoint, the tick base in which it was taken, and all
	// records since. The bytes are valid during the call only.
	Ticked(tick, base uint32, checkpoint, records []byte)
	// End says that the room is over and everybody knows: nothing of it needs to be kept. It comes last, from any goroutine.
	End()
}

// Saved is what is known of a room whose process is gone.
type Saved struct {
	Epoch, Base, Tick uint32
	Checkpoint        []byte
	Records           []byte // since the checkpoint
}

// errLost is why a room cannot go on; its text is for the room's page.
type errLost struct {
	text  string
	cause error
}

func (e *errLost) Error() string { return e.text }
func (e *errLost) Unwrap() error { return e.cause }

// restore makes the room that an earlier process was running, as it was at the last tick that process kept, and takes it over.
// gone are the seats that the directory thinks taken and that have no session in what was kept.
func (h *Host) restore(r *hosted, log zerolog.Logger) (room *engine.Room, gone []uint64, err error) {
	if r.game == nil {
		return nil, nil, &errLost{text: fmt.Sprintf("this node has no game %q any more", r.Game)}
	}
	if h.cfg.Journal == nil {
		return nil, nil, &errLost{text: "this node keeps no rooms"}
	}
	saved, ok := h.cfg.Journal.Saved(r.Room)
	if !ok {
		return nil, nil, &errLost{text: "nothing was kept of the room"}
	}
	var failed *engine.PanicError
	room, err = engine.Restore(h.engineConfig(r, log, saved.Epoch), saved.Checkpoint)
	switch {
	case errors.Is(err, engine.ErrStateVersion):
		return nil, nil, &errLost{text: "the game was changed and cannot read the room's state", cause: err}
	case errors.As(err, &failed):
		logPanic(log, failed, "game failed to restore a room")
		return nil, nil, &errLost{text: "the game failed to restore the room"}
	case err != nil:
		return nil, nil, &errLost{text: "what was kept of the room cannot be read", cause: err}
	}
	if err = room.Replay(saved.Records); err != nil && !errors.As(err, &failed) {
		// The checkpoint alone is a second older, and whole.
		log.Warn().Err(err).Uint32("tick", saved.Base).Msg("journal not replayed: room goes on from its checkpoint")
		if room, err = engine.Restore(h.engineConfig(r, log, saved.Epoch), saved.Checkpoint); err != nil {
			return nil, nil, &errLost{text: "what was kept of the room cannot be read", cause: err}
		}
	}
	if room.Ended() != nil {
		return room, nil, nil // the directory had not heard of it
	}
	held := make(map[uint64]bool, len(room.Sessions()))
	for _, s := range room.Sessions() {
		held[s.Seat()] = true
	}
	for _, seat := range r.Taken {
		if !held[seat] {
			gone = append(gone, seat)
		}
	}
	room.TakeOver(r.Epoch, func(seat uint64) bool { return slices.Contains(r.Taken, seat) })
	log.Debug().Uint32("tick", room.TickNow()).Int("sessions", len(room.Sessions())).Msg("room restored")
	return room, gone, nil
}

// open begins a room's journal, and writes down what the room is made of: a room that ends up on a disk without ever having
// ticked can be restored like every other.
func (h *Host) open(r *hosted, room *engine.Room) {
	switch {
	case h.cfg.Journal == nil || room.Ended() != nil:
	case h.keeps(r):
		r.journal = h.cfg.Journal.Begin(r.Room, r.Epoch)
		r.keep(room)
	default:
		h.cfg.Journal.Begin(r.Room, r.Epoch).End() // what was kept of it for a restart must not come back after a crash
	}
}

// keep hands the journal what the room is made of.
func (h *hosted) keep(room *engine.Room) {
	base, checkpoint, records := room.Journal()
	h.journal.Ticked(room.TickNow(), base, checkpoint, records)
}

// discard forgets what was kept of a room that is over.
func (h *hosted) discard() {
	if h.journal != nil {
		h.journal.End()
	}
}

// park writes down a room as it is: its process ends, and the room goes on in another. The game is asked for its state, which may
// take its time: nobody waits for it, see parked.
func (w *worker) park(h *hosted) {
	if w.host.cfg.Journal == nil || h.over {
		w.part(h)
		return
	}
	w.launch(h, flight{park: true})
}

// parked keeps what park has asked for.
func (w *worker) parked(h *hosted) {
	if h.parkErr != nil {
		w.host.cfg.Log.Error().Err(h.parkErr).Str("room", h.Room).Str("game", h.Game).Msg("room not written down")
	} else {
		w.host.writeDown(h, h.room)
	}
	w.part(h)
	w.leaveLimbo(h)
}

// parkUnstarted writes down a room that was made when its process was already ending, its checkpoint with it. What an earlier
// process kept of a Volatile one has been forgotten by then.
func (h *Host) parkUnstarted(r *hosted, room *engine.Room) {
	if r.Restore && h.cfg.Journal != nil {
		h.writeDown(r, room)
	}
}

// writeDown keeps a room whose checkpoint was taken, whatever was kept of it.
func (h *Host) writeDown(r *hosted, room *engine.Room) {
	if r.journal == nil {
		r.journal = h.cfg.Journal.Begin(r.Room, r.Epoch)
	}
	r.keep(room)
}

// part tells a room's players that the node ends.
func (w *worker) part(h *hosted) {
	code, text := w.parting()
	w.dismiss(h, code, text)
}

// parting is what players are told when the node ends: their rooms go on if they are kept.
func (w *worker) parting() (code wire.CloseCode, text string) {
	if w.host.cfg.Journal != nil {
		return wire.CloseRestored, "the node starts anew: come back"
	}
	return wire.CloseDraining, "the node is going away"
}

// Settle waits until the rooms that are being started now run, or do not. It does not wait on starters: others begin meanwhile,
// and a WaitGroup must not be used anew while somebody still waits for its last use.
func (h *Host) Settle(ctx context.Context) error {
	var waits []<-chan struct{}
	h.mu.RLock()
	for _, r := range h.rooms {
		if r.state == starting {
			waits = append(waits, r.ready)
		}
	}
	h.mu.RUnlock()
	for _, ready := range waits {
		select {
		case <-ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
