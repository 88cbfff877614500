package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// What an operator's question may be answered with.
var (
	// ErrNoRoom is a room that is not assigned to this node.
	ErrNoRoom = errors.New("there is no such room on this node")
	// ErrNotRunning is a room that is being started, was refused or has ended.
	ErrNotRunning = errors.New("the room does not run")
	// ErrNoSeat is a slot or seat in which nobody sits who could be kicked.
	ErrNoSeat = errors.New("nobody sits there")
	// ErrHung is a worker that does not answer: a game that does not come back from a callback, or too many questions.
	ErrHung = errors.New("the room's worker does not answer")
)

// maxAsks is how many questions may wait for one worker. More are answered with ErrHung.
const maxAsks = 64

// RoomDetail is everything there is to see of a running room.
type RoomDetail struct {
	RoomStatus

	Worker     int            `json:"worker"`
	Frozen     bool           `json:"frozen"`      // its gate is shut
	Detached   bool           `json:"detached"`    // its ticks are slow, or one does not come back: others do not wait for them
	Asleep     bool           `json:"asleep"`      // nobody is in it: its time stands still
	StateBytes int            `json:"state_bytes"` // of the newest state frame that was made
	Checkpoint int            `json:"checkpoint_bytes"`
	Records    int            `json:"record_bytes"` // since the checkpoint
	Joining    int            `json:"joining"`      // connections on their way in
	Players    []PlayerDetail `json:"players"`      // by slot
}

// PlayerDetail is one player, bot or spectator of a room.
type PlayerDetail struct {
	Slot      int           `json:"slot"`
	Seat      uint64        `json:"seat,omitempty"` // 0: a bot
	ID        string        `json:"id,omitempty"`
	Name      string        `json:"name"`
	Role      string        `json:"role"` // player, spectator, bot
	Team      int           `json:"team"`
	Host      bool          `json:"host"`
	Away      bool          `json:"away"`
	Connected time.Duration `json:"connected_ns"` // for how long, 0 while away
	RTT       time.Duration `json:"rtt_ns"`       // of the kernel, 0: unknown
	States    uint32        `json:"states_sent"`
	Skipped   uint32        `json:"states_skipped"`
	Dropped   uint32        `json:"inputs_dropped"`
	Waiting   int           `json:"inputs_waiting"`
	Messages  int           `json:"messages_waiting"`
	Unacked   int           `json:"events_unacked_bytes"`
}

// Room is the detail of one room: of one that does not run, its status. It asks the room's worker, until ctx ends: ErrNoRoom,
// ErrHung with the status that is known, ctx's error.
func (h *Host) Room(ctx context.Context, id string) (RoomDetail, error) {
	h.mu.RLock()
	r := h.rooms[id]
	if r == nil {
		h.mu.RUnlock()
		return RoomDetail{}, fmt.Errorf("room %q: %w", id, ErrNoRoom)
	}
	status, runs := r.status(h.now()), r.state == running
	h.mu.RUnlock()
	known := RoomDetail{RoomStatus: status, Worker: r.worker.Load().index, Detached: r.detached.Load(), Players: []PlayerDetail{}}
	if !runs {
		return known, nil
	}
	detail, err := ask(ctx, r, func(w *worker) (RoomDetail, error) { return w.detail(r), nil })
	if err != nil {
		return known, err
	}
	return detail, nil
}

// CloseRoom ends a room for an operator, at once: its players read text with 4009, the directory hears of it.
func (h *Host) CloseRoom(ctx context.Context, id, text string) error {
	_, err := askRunning(ctx, h, id, func(w *worker, r *hosted) (struct{}, error) {
		r.room.Close(wire.CloseEnded, text)
		if r.journal != nil { // before anybody hears of it: a room that was closed does not come back
			r.keep(r.room)
		}
		w.finish(r)
		return struct{}{}, nil
	})
	return err
}

// Kick removes whoever sits in a slot of a room, at its next tick, and returns the seat; the player reads text with 4007. Of
// bots it says ErrNoSeat.
func (h *Host) Kick(ctx context.Context, id string, slot int, text string) (seat uint64, err error) {
	return askRunning(ctx, h, id, func(_ *worker, r *hosted) (uint64, error) {
		for _, s := range r.room.Sessions() {
			if s.Slot() == slot {
				r.room.KickSeat(s.Seat(), text)
				return s.Seat(), nil
			}
		}
		return 0, fmt.Errorf("slot %d of room %q: %w", slot, id, ErrNoSeat)
	})
}

// KickSeat is Kick for who has a seat of the directory.
func (h *Host) KickSeat(ctx context.Context, id string, seat uint64, text string) error {
	_, err := askRunning(ctx, h, id, func(_ *worker, r *hosted) (struct{}, error) {
		r.room.KickSeat(seat, text)
		sits := slices.ContainsFunc(r.room.Sessions(), func(s *engine.Session) bool { return s.Seat() == seat })
		if !sits && r.waiting == 0 { // who is on the way in is refused
			return struct{}{}, fmt.Errorf("seat %d of room %q: %w", seat, id, ErrNoSeat)
		}
		return struct{}{}, nil
	})
	return err
}

// SlotOf is where a seat of a room is: for operators who know its number only.
func (h *Host) SlotOf(ctx context.Context, id string, seat uint64) (slot int, err error) {
	return askRunning(ctx, h, id, func(_ *worker, r *hosted) (int, error) {
		for _, s := range r.room.Sessions() {
			if s.Seat() == seat {
				return s.Slot(), nil
			}
		}
		return 0, fmt.Errorf("seat %d of room %q: %w", seat, id, ErrNoSeat)
	})
}

// Dump is a room as it is now, in the form of a fault file without a fault: its newest checkpoint and the records since.
func (h *Host) Dump(ctx context.Context, id string) (*FaultFile, error) {
	return askRunning(ctx, h, id, func(_ *worker, r *hosted) (*FaultFile, error) {
		base, checkpoint, records := r.room.Journal()
		f := faultOf(r, &engine.Fault{Tick: r.room.TickNow(), Checkpoint: bytes.Clone(checkpoint), Records: bytes.Clone(records)})
		f.Base = base
		return f, nil
	})
}

// askRunning is ask for a room by its name, if it runs.
func askRunning[T any](ctx context.Context, h *Host, id string, question func(*worker, *hosted) (T, error)) (answer T, err error) {
	h.mu.RLock()
	r := h.rooms[id]
	runs := r != nil && r.state == running
	h.mu.RUnlock()
	switch {
	case r == nil:
		return answer, fmt.Errorf("room %q: %w", id, ErrNoRoom)
	case !runs:
		return answer, fmt.Errorf("room %q: %w", id, ErrNotRunning)
	}
	return ask(ctx, r, func(w *worker) (T, error) { return question(w, r) })
}

// ask puts a question to a room's worker, between two wakes, and waits for the answer until ctx ends. What the question touches
// after that is nobody's to read.
func ask[T any](ctx context.Context, r *hosted, question func(*worker) (T, error)) (answer T, err error) {
	type reply struct {
		answer T
		err    error
	}
	asked := r.worker.Load() // the room may be another's when it answers
	if asked.asks.Add(1) > maxAsks {
		asked.asks.Add(-1)
		return answer, fmt.Errorf("%w: %d questions wait already", ErrHung, maxAsks)
	}
	replies := make(chan reply, 1)
	r.post(errand{ask: func(w *worker, h *hosted, err error) {
		asked.asks.Add(-1)
		if err != nil {
			replies <- reply{err: err}
			return
		}
		if h.room == nil || h.over {
			replies <- reply{err: fmt.Errorf("room %q: %w", h.Room, ErrNotRunning)}
			return
		}
		a, err := question(w)
		replies <- reply{a, err}
	}})
	select {
	case got := <-replies:
		return got.answer, got.err
	case <-asked.done: // they all end together
		return answer, ErrClosed
	case <-ctx.Done():
		return answer, errors.Join(r.hung(), ctx.Err())
	}
}

// hung says what a room that does not answer is doing.
func (h *hosted) hung() error {
	began := h.aloft.Load()
	if began == 0 {
		return ErrHung
	}
	return fmt.Errorf("%w: it has been in the tick of room %q (%s) for %v", ErrHung, h.Room, h.Game,
		time.Duration(h.worker.Load().host.now()-began).Round(time.Millisecond))
}

// detail collects what only the worker may read.
func (w *worker) detail(h *hosted) RoomDetail {
	w.host.mu.RLock()
	d := RoomDetail{RoomStatus: h.status(w.host.now())}
	w.host.mu.RUnlock()
	_, checkpoint, records := h.room.Journal()
	d.Worker, d.Frozen, d.Asleep, d.Joining = w.index, h.frozen, !h.awake(), h.waiting
	d.Detached = h.detached.Load()
	d.StateBytes, d.Checkpoint, d.Records = h.room.StateBytes(), len(checkpoint), len(records)
	d.Players = make([]PlayerDetail, 0, 8)
	for p := range h.room.Everyone() {
		role := "player"
		switch {
		case p.Bot:
			role = "bot"
		case p.Role == room.RoleSpectator:
			role = "spectator"
		}
		one := PlayerDetail{Slot: p.Slot, ID: p.ID, Name: p.Name, Role: role, Team: p.Team(), Host: p.Host(), Away: p.Away()}
		if i := slices.IndexFunc(h.room.Sessions(), func(s *engine.Session) bool { return s.Player() == p }); i >= 0 {
			w.session(&one, h.room.Sessions()[i])
		}
		d.Players = append(d.Players, one)
	}
	return d
}

// session fills in what a player has a session for.
func (w *worker) session(p *PlayerDetail, s *engine.Session) {
	p.Seat, p.Away = s.Seat(), s.Away()
	p.States, p.Skipped, p.Dropped, p.Unacked = s.States(), s.Skipped(), s.Dropped(), s.Unacked()
	p.Waiting, p.Messages = s.Waiting()
	if c := w.table.find(s.Conn()); s.Conn() != 0 && c != nil {
		p.Connected, p.RTT = time.Duration(w.host.now()-c.since), rttOf(c.link)
	}
}

// Population is how many rooms run and are being started, and who is in those that run.
func (h *Host) Population() (rooms, startingRooms, people, bots int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.rooms {
		switch r.state {
		case running:
			rooms++
			people += int(r.people.Load())
			bots += int(r.bots.Load())
		case starting:
			startingRooms++
		}
	}
	return rooms, startingRooms, people, bots
}

// LateCounts counts ticks by how late they began, whatever the cause.
type LateCounts [len(lateBounds) + 1]uint64

// LateCounts is the present state of the histogram behind ringside_tick_late_seconds; it only grows.
func (h *Host) LateCounts() (counts LateCounts) {
	for why := range h.stats.Late {
		for i := range counts {
			counts[i] += h.stats.Late[why].buckets[i].Load()
		}
	}
	return counts
}

// Quantile is how late a share q of the ticks counted since an earlier state began at most, 0 if there were none. Beyond the last
// bound, a second, it says a second.
func (c *LateCounts) Quantile(since *LateCounts, q float64) time.Duration {
	var total, seen uint64
	for i := range c {
		total += c[i] - since[i]
	}
	for i := range c {
		seen += c[i] - since[i]
		if total > 0 && float64(seen) >= q*float64(total) {
			return time.Duration(lateBounds[min(i, len(lateBounds)-1)])
		}
	}
	return 0
}
