package host

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A roomState is where an assigned room is in its life on this node.
type roomState uint8

const (
	starting roomState = iota // its game's New runs
	running
	refused // by its game
	ended
	gone // no longer assigned
)

// A hosted is one assigned room. It outlives the room's end until the assignment is withdrawn, so that a list which is a
// little old does not start the room a second time.
type hosted struct {
	// Immutable.
	Assignment
	game   *room.Program
	ready  chan struct{} // closed when state is no longer starting
	gate   room.Turnstile
	labels context.Context // see labels.go

	worker atomic.Pointer[worker] // whose it is: changed with both mailboxes locked, see move.go; read it by lock to post

	// Set by start, before the room runs.
	journal RoomJournal  // nil: nobody keeps the room, or only at the end of the process
	unknown []uint64     // seats that were taken and that the restored room does not know
	crash   *crash.Crash // set: the room does not run, for it has brought a process down

	// Guarded by Host.mu.
	state   roomState
	text    string      // why it was refused
	end     *engine.End // how it ended
	early   bool        // at its start: see late.go
	endedAt int64       // of an early one: by the host's clock

	// Owned by the worker, from its adoption.
	room      *engine.Room
	slot      *slot
	conns     []*conn // joining and live
	cost      cost
	due       int64 // when its newest tick was, by its slot
	until     int64 // when its newest tick ended
	notBefore int64 // its next tick is not due: it came from another slot
	waiting   int   // of conns: joining
	frozen    bool  // the gate was shut at the last tick
	over      bool  // ended or dropped: to be taken out of its slot
	idle      int64 // since when nobody is in, or when the directory was last asked
	ctx       context.Context
	cancel    context.CancelFunc // ends the room's calls
	traffic   traffic            // since the meter was told last
	stays     map[*engine.Session]*stay
	flying    bool   // its tick is made elsewhere: the room, and what of it changes in a tick, is not the worker's until it lands
	flight    flight // if flying
	limbo     limbo  // if flying: what waits
	pilot     *pilot // of a slow room
	score     int    // how slow its ticks have been, see judge
	quick     int    // ticks in a row that were not

	spent time.Duration // in the game, as far as it was counted

	// Owned by whoever makes its tick.
	worn    context.Context // labels, and of the pilot wornBy
	wornBy  *pilot
	took    int64 // nanoseconds of the last tick that a pilot made
	parkErr error // of the last checkpoint

	// Written by the worker, read by anybody.
	tick                   atomic.Uint32
	people, bots, sessions atomic.Int32
	entities               atomic.Int32
	meter                  meter
	appetite               appetite     // see memory.go
	aloft                  atomic.Int64 // host clock when its flight began, 0: it is not in flight
	detached               atomic.Bool  // its ticks are made outside of the worker's loop
}

// awake reports whether the room's time goes on: it stands still while nobody is in the room or about to come in, but for the
// ticks that take what the game's calls came back with.
func (h *hosted) awake() bool {
	return !h.over && (h.flying || len(h.room.Sessions()) > 0 || h.waiting > 0 || h.room.Unheard())
}

// observe publishes the room's numbers.
func (h *hosted) observe() {
	people, bots := h.room.Count()
	h.tick.Store(h.room.TickNow())
	h.people.Store(int32(people))
	h.bots.Store(int32(bots))
	h.sessions.Store(int32(len(h.room.Sessions())))
	h.entities.Store(int32(h.room.Entities()))
}

// A RoomStatus is one line of a status page.
type RoomStatus struct {
	ID       string   `json:"id"`
	Epoch    uint32   `json:"epoch"`
	Game     string   `json:"game"`
	Restored bool     `json:"restored"`       // it ran before, in a process that is gone
	State    string   `json:"state"`          // starting, running, refused, ended
	Text     string   `json:"text,omitempty"` // why it was refused, or how it ended
	Code     int      `json:"code,omitempty"` // how it ended: what its players' connections were closed with
	Tick     uint32   `json:"tick"`
	TickHz   int      `json:"tick_hz"`
	People   int      `json:"people"`
	Bots     int      `json:"bots"`
	Sessions int      `json:"sessions"`
	Entities int      `json:"entities"` // that everybody sees
	Load     RoomLoad `json:"load"`
}

var stateNames = [...]string{starting: "starting", running: "running", refused: "refused", ended: "ended", gone: "gone"}

// status is the room's line at a time of the host's clock. The caller holds Host.mu.
func (h *hosted) status(now int64) RoomStatus {
	s := RoomStatus{
		ID: h.Room, Epoch: h.Epoch, Game: h.Game, Restored: h.Restore, State: stateNames[h.state], Text: h.text, Tick: h.tick.Load(),
		People: int(h.people.Load()), Bots: int(h.bots.Load()), Sessions: int(h.sessions.Load()), Entities: int(h.entities.Load()),
		Load: h.meter.read(now),
	}
	s.Load.Cost = time.Duration(h.cost.rate.Load())
	if h.game != nil {
		s.TickHz = h.game.Def.TickHz
	}
	if h.end != nil {
		s.Text, s.Code = h.end.Reason, int(h.end.Code)
	}
	return s
}

// closeOf is what a connection that asks for a room that does not run is told. The caller holds Host.mu.
func (h *hosted) closeOf() (code wire.CloseCode, text string) {
	switch h.state {
	case ended:
		switch h.end.Code {
		case wire.CloseFault:
			return wire.CloseFault, "the game failed"
		case wire.CloseLost:
			return wire.CloseLost, "the room is gone"
		}
		return wire.CloseEnded, "the room has ended"
	case refused:
		return wire.CloseLost, "the room could not be started"
	}
	return wire.CloseLost, "the room is gone"
}
