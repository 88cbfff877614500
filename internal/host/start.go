package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// start makes the room and gives it to its worker. It is a goroutine of its own: the game's New may take its time.
func (h *Host) start(r *hosted) {
	defer h.starters.Done()
	room, err := h.build(r)
	if !h.started(r, room, err) && err == nil {
		h.parkUnstarted(r, room)
	}
}

// errEnding is a room whose process ended before its game had made it: it is as its journal has it, and nobody hears of it.
var errEnding = errors.New("the node ended before the room was made")

// started gives a room that was made to its worker, or says why there is none. False means that there is no worker any more.
func (h *Host) started(r *hosted, room *engine.Room, err error) bool {
	blamed := (*errBlamed)(nil)
	h.mu.Lock()
	defer h.mu.Unlock()
	defer close(r.ready)
	switch {
	case r.state == gone:
		r.worker.Load().delist(assumedCost)
		r.discard()
	case err == nil && room.Ended() != nil:
		r.worker.Load().delist(assumedCost)
		h.overAtStart(r, room.Ended())
	case err == nil && h.state != open, errors.Is(err, errEnding):
		r.worker.Load().delist(assumedCost)
		return false
	case err == nil:
		r.state = running
		r.post(errand{adopt: room})
	case errors.As(err, &blamed):
		r.worker.Load().delist(assumedCost)
		h.overAtStart(r, blamed.end())
	case r.Restore:
		r.worker.Load().delist(assumedCost)
		h.overAtStart(r, &engine.End{Code: wire.CloseLost, Reason: err.Error()})
	default:
		r.state, r.text = refused, err.Error()
		r.worker.Load().delist(assumedCost)
		h.clerk.add(notice{kind: noticeRefused, room: r, text: r.text})
	}
	return true
}

// build makes the room: anew, or from what an earlier process kept of it. The error's text says why there is none.
func (h *Host) build(r *hosted) (room *engine.Room, err error) {
	log := h.cfg.Log.With().Str("room", r.Room).Str("game", r.Game).Logger()
	if c := h.culprit(r); c != nil && r.game != nil {
		err = h.blame(r, c)
	} else {
		room, r.unknown, err = h.makeInTime(r, log)
	}
	if err == nil {
		h.open(r, room)
	}
	if (r.Restore || r.crash != nil) && r.journal == nil && h.cfg.Journal != nil && !errors.Is(err, errEnding) && (err != nil || room.Ended() != nil) {
		// Until the directory has heard what became of the room, a new process must be able to find it out again.
		r.journal = h.cfg.Journal.Begin(r.Room, r.Epoch)
	}
	if blamed := (*errBlamed)(nil); err != nil && !errors.As(err, &blamed) { // that is said with the fault file
		log.Warn().Err(err).AnErr("cause", errors.Unwrap(err)).Bool("restored", r.Restore).Msg("room does not run")
	}
	return room, err
}

// A making is what became of the making of a room.
type making struct {
	room *engine.Room
	gone []uint64 // seats that were taken and that the restored room does not know
	err  error
}

// makeInTime lets a pilot make the room, and gives it up if the game does not come back.
func (h *Host) makeInTime(r *hosted, log zerolog.Logger) (*engine.Room, []uint64, error) {
	p, result := h.newPilot(nil), make(chan making, 1)
	go func() {
		defer p.end()
		m := making{err: errEnded}
		defer func() { result <- m }()
		r.wear(p)
		m = h.make(r, log)
		p.begin()
	}()
	limit := h.cfg.StartLimit
	if r.Restore {
		limit = h.cfg.RestoreLimit
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	over, ending := h.ctx.Done(), false
	for {
		select {
		case m := <-result:
			return m.room, m.gone, m.err
		case <-over: // nobody waits for the room any more
			over, ending = nil, true
			limit = min(limit, h.cfg.StepLimit)
			timer.Reset(limit)
			continue
		case <-timer.C:
		}
		break
	}
	stack := stackOf(p.tag)
	h.shutOut(r)
	if !p.desert(r) {
		m := <-result
		return m.room, m.gone, m.err
	}
	h.stats.StepsAbandoned.Add(1)
	log.Error().Dur("for", limit).Str("at", gameAt(stack)).Bytes("stack", stack).Msg("game does not come back")
	switch {
	case ending:
		return nil, nil, errEnding
	case r.Restore:
		return nil, nil, fmt.Errorf("the game did not restore the room within %v", limit)
	}
	return nil, nil, &errBlamed{engine.Fault{Panic: fmt.Sprintf("the game did not come back from New within %v", limit), Stack: stack}}
}

// shutOut keeps whoever makes the room from using what the journal has of it: that is valid until Begin. It succeeds at once
// while they are inside of the game; the rest is engine, which does not take long.
func (h *Host) shutOut(r *hosted) {
	for range 100 {
		if _, ok := r.gate.Shut(); ok {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// make calls the game's New, or restores the room, and takes the checkpoint that its journal begins with. Its error is a text that
// no game's code is needed for.
func (h *Host) make(r *hosted, log zerolog.Logger) (m making) {
	if r.Restore {
		m.room, m.gone, m.err = h.restore(r, log)
	} else {
		m.room, m.err = h.create(r, log)
	}
	if m.err == nil && h.cfg.Journal != nil && (r.Restore || h.keeps(r)) && m.room.Ended() == nil {
		m.err = m.room.TakeCheckpoint()
	}
	if failed := (*errBlamed)(nil); errors.As(m.err, &failed) {
		return m
	}
	if lost := (*errLost)(nil); errors.As(m.err, &lost) {
		if lost.cause != nil {
			lost.cause = errors.New(lost.cause.Error())
		}
	} else if m.err != nil {
		m.err = errors.New(m.err.Error())
	}
	return m
}

// keeps reports whether the room has a journal while it runs.
func (h *Host) keeps(r *hosted) bool { return h.cfg.Journal != nil && !r.game.Def.Volatile }

// create calls the game's New.
func (h *Host) create(r *hosted, log zerolog.Logger) (*engine.Room, error) {
	if r.game == nil {
		return nil, fmt.Errorf("this node has no game %q", r.Game)
	}
	room, err := engine.New(h.engineConfig(r, log, r.Epoch))
	if failed := (*engine.PanicError)(nil); errors.As(err, &failed) {
		return nil, &errBlamed{engine.Fault{Panic: failed.Value, Stack: failed.Stack}}
	}
	return room, err
}

func logPanic(log zerolog.Logger, failed *engine.PanicError, what string) {
	log.Error().Str("panic", failed.Value).Bytes("stack", failed.Stack).Msg(what)
}

func (h *Host) engineConfig(r *hosted, log zerolog.Logger, epoch uint32) engine.Config {
	return engine.Config{
		ID: r.Room, Program: r.game, Options: r.Options, Seed: r.Seed, Epoch: epoch, Bots: r.Bots, Places: r.MaxPlayers,
		URLs: h.cfg.URLs, Plant: h.cfg.Plant, Gate: &r.gate, Log: log,
	}
}
