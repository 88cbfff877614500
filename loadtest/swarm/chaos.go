package swarm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	client "github.com/ringside-server/ringside/clients/go"
)

const (
	// maxBack is the longest a player may wait for the first state after a new process listens, maxPlayLost how much play a
	// restart may undo.
	maxBack     = 1500 * time.Millisecond
	maxPlayLost = time.Second
	// giveUpBack is how long bots are waited for: long enough to tell late from lost.
	giveUpBack = 6 * time.Second
	// between is how long is played before and after each harm: long enough for a HASH, which comes every 2 s.
	between = 2500 * time.Millisecond
)

// A Victim is the server that a run harms.
type Victim interface {
	// Harm ends the server's process and returns when it is gone.
	Harm(ctx context.Context) error
	// Restart starts it again with the same data and address, and returns when it listened.
	Restart(ctx context.Context) (listening time.Time, err error)
}

// Chaos says how to harm the server while bots play on it.
type Chaos struct {
	Kind   string // for the report: kill, drain
	Trials int
	Victim Victim

	between, giveUp time.Duration // tests wait less
}

// ChaosReport is what the harm did to the players.
type ChaosReport struct {
	Kind          string  `json:"kind"`
	Trials        int     `json:"trials"`  // done
	GapMS         Gap     `json:"gap_ms"`  // state to state across the outage
	BackMS        Gap     `json:"back_ms"` // new process listens to first state
	TicksLostMax  uint32  `json:"ticks_lost_max"`
	PlayLostSMax  float64 `json:"play_lost_s_max"` // the same in seconds
	InputsLost    uint64  `json:"inputs_lost"`     // wanted again by the server, and no longer held by the client
	SeatsLost     int     `json:"seats_lost"`
	RoomsLost     int     `json:"rooms_lost"`     // with all their seats
	OwnerOverlaps int64   `json:"owner_overlaps"` // states of an epoch that was over
}

// A trial is what a bot notes of one harm. It belongs to the lane's owner.
type trial struct {
	on      bool
	session uint32
	slot    uint32
	room    string

	newest    uint32 // tick, also outside of trials
	used      uint32 // newest input in a state, also outside of trials
	lastState time.Duration
	resumed   bool
	strange   string // came back as somebody else
	failed    string // why the last socket could not be opened, or was lost
	ticksLost uint32
	inSeq     uint32        // the newest input the room knew when it came back
	backAt    time.Duration // first state after the last WELCOME; 0: none yet
	gap       time.Duration
	goesOn    bool // inputs made since then are in a state
}

// begin remembers who the bot is.
func (t *trial) begin(b *bot) {
	saved, _ := b.core.Save()
	*t = trial{on: true, session: saved.Session, slot: b.core.Slot(), room: b.core.Room(), newest: t.newest, used: t.used, lastState: t.lastState}
}

// welcomed compares who came back with who went, and the room with what was seen of it.
func (t *trial) welcomed(b *bot, w *client.Welcome) {
	if t.on {
		if w.Session != t.session || w.Slot != t.slot || w.Room != t.room || w.Resumed == 0 {
			t.strange = fmt.Sprintf("came back as session %d in slot %d of room %s, was %d in slot %d of %s", w.Session, w.Slot, w.Room, t.session, t.slot, t.room)
		}
		// The room has gone on since it was restored, so its tick alone says too little; a bot makes an input for each tick,
		// and those that were in a state and are not in the room any more are play that was lost.
		if w.Tick < t.newest {
			t.ticksLost = max(t.ticksLost, t.newest-w.Tick)
		}
		if w.InSeq < t.used {
			t.ticksLost = max(t.ticksLost, t.used-w.InSeq)
		}
		t.resumed, t.inSeq, t.backAt, t.goesOn = true, w.InSeq, 0, false
	}
	t.newest, t.used = w.Tick, w.InSeq
}

// state notes a state applied.
func (t *trial) state(b *bot, now time.Duration, s *client.State) {
	if b.lane.swarm.cfg.Chaos == nil {
		return
	}
	for newest := &b.lane.swarm.epochs[b.room]; ; {
		known := newest.Load()
		if s.Epoch < known {
			b.lane.swarm.overlaps.Add(1)
		}
		if s.Epoch <= known || newest.CompareAndSwap(known, s.Epoch) {
			break
		}
	}
	if t.on && t.resumed {
		if t.backAt == 0 {
			t.backAt, t.gap = now, now-t.lastState
		}
		t.goesOn = t.goesOn || s.InSeq > t.inSeq
	}
	t.newest, t.used, t.lastState = s.Tick, s.InSeq, now
}

// lost notes the end of a socket.
func (t *trial) lost(why string) {
	t.failed, t.resumed, t.backAt = why, false, 0
}

// outcast is called when the core says that no socket is to be opened any more.
func (b *bot) outcast(n client.Next) {
	b.trial.failed = disconnected(n.Code, n.Reason)
}

// A harmer runs the trials and sums them up.
type harmer struct {
	swarm  *swarm
	cfg    *Chaos
	report ChaosReport
	gap    *hdrhistogram.Histogram // µs
	back   *hdrhistogram.Histogram
}

// harm runs all trials, until one costs a seat.
func (s *swarm) harm(ctx context.Context) (*ChaosReport, error) {
	h := &harmer{
		swarm: s, cfg: s.cfg.Chaos, report: ChaosReport{Kind: s.cfg.Chaos.Kind},
		gap: hdrhistogram.New(1, histMax, histDigits), back: hdrhistogram.New(1, histMax, histDigits),
	}
	var err error
	for n := 1; n <= h.cfg.Trials && err == nil && h.report.SeatsLost == 0 && ctx.Err() == nil; n++ {
		err = h.trial(ctx, n)
	}
	h.finish()
	if ctx.Err() != nil {
		err = nil // that is the interruption
	}
	return &h.report, err
}

// trial is one harm: play, end the process, start it, wait for everybody, play on.
func (h *harmer) trial(ctx context.Context, n int) error {
	s := h.swarm
	phase := func(what string) string { return fmt.Sprintf("%s %d", what, n) }
	s.during(ctx, phase("playing"), h.cfg.between, func() bool { return false })
	if ctx.Err() != nil {
		return nil
	}
	s.everyBot(func(b *bot) { b.trial.begin(b) })
	s.harmed.Store(true)
	defer s.harmed.Store(false)
	s.event(h.cfg.Kind)
	if err := h.cfg.Victim.Harm(ctx); err != nil {
		return fmt.Errorf("%s the server: %w", h.cfg.Kind, err)
	}
	at, err := h.cfg.Victim.Restart(ctx)
	if err != nil {
		return fmt.Errorf("start the server again: %w", err)
	}
	listening := at.Sub(s.origin)
	s.event("listens")
	s.during(ctx, phase("back"), h.cfg.giveUp, func() bool { return h.away(listening) == 0 })
	if h.away(listening) == 0 {
		s.event("all back")
	}
	s.harmed.Store(false)
	s.during(ctx, phase("playing on"), h.cfg.between, func() bool { return false })
	if ctx.Err() == nil {
		h.report.Trials++
		h.judge(listening)
	}
	return nil
}

// away is how many bots have not had a state from the new process.
func (h *harmer) away(listening time.Duration) (n int) {
	h.swarm.everyBot(func(b *bot) {
		if b.joined && (b.trial.backAt < listening || b.trial.backAt == 0) && !b.over {
			n++
		}
	})
	return n
}

// judge looks at each bot at the end of a trial.
func (h *harmer) judge(listening time.Duration) {
	back := make([]bool, h.swarm.cfg.Rooms)
	seen := make([]bool, h.swarm.cfg.Rooms)
	h.swarm.everyBot(func(b *bot) {
		t := &b.trial
		if !b.joined || !t.on {
			return
		}
		t.on = false
		seen[b.room] = true
		switch {
		case t.backAt == 0 || t.backAt < listening:
			h.report.SeatsLost++
			b.fault(fmt.Sprintf("its seat is lost: not back %v after the new process listened: %s", h.cfg.giveUp, t.failed), "")
			return
		case t.strange != "":
			h.report.SeatsLost++
			b.fault("its seat is lost", t.strange)
			return
		}
		back[b.room] = true
		record(h.gap, t.gap)
		record(h.back, t.backAt-listening)
		if t.ticksLost > h.report.TicksLostMax {
			h.report.TicksLostMax = t.ticksLost
		}
		if game := b.core.Game(); game.Schema.TickHz > 0 {
			h.report.PlayLostSMax = max(h.report.PlayLostSMax, round(float64(t.ticksLost)/float64(game.Schema.TickHz)))
		}
		if len(b.in) > 0 && !t.goesOn && !b.core.Spectator() {
			b.fault("its inputs do not go on after the restart", "")
		}
	})
	for i := range seen {
		if seen[i] && !back[i] {
			h.report.RoomsLost++
		}
	}
}

// finish sums up and checks.
func (h *harmer) finish() {
	s, r := h.swarm, &h.report
	r.GapMS = Gap{P50: ms(h.gap, 50), P99: ms(h.gap, 99), Max: ms(h.gap, 100)}
	r.BackMS = Gap{P50: ms(h.back, 50), P99: ms(h.back, 99), Max: ms(h.back, 100)}
	r.OwnerOverlaps = s.overlaps.Load()
	s.everyBot(func(b *bot) { r.InputsLost += b.core.Stats().InputsLost })
	if r.SeatsLost > 0 {
		s.faults.add("%d of %d seats and %d of %d rooms did not survive the %s", r.SeatsLost, s.size(), r.RoomsLost, s.cfg.Rooms, r.Kind)
	}
	if r.BackMS.Max > float64(maxBack.Milliseconds()) {
		s.faults.add("the last player had a state %.0f ms after the new process listened, want %v at most", r.BackMS.Max, maxBack)
	}
	if r.PlayLostSMax > maxPlayLost.Seconds() {
		s.faults.add("%d ticks of play were lost (%.2f s), want %v at most", r.TicksLostMax, r.PlayLostSMax, maxPlayLost)
	}
	if r.OwnerOverlaps > 0 {
		s.faults.add("%d states came from an owner whose epoch was over", r.OwnerOverlaps)
	}
}

// everyBot calls fn with each bot, alone with its lane.
func (s *swarm) everyBot(fn func(b *bot)) {
	for _, l := range s.lanes {
		l.ask(func() {
			for _, b := range l.bots {
				fn(b)
			}
		})
	}
}

// prepare fills the defaults in.
func (c *Chaos) prepare() error {
	if c.Trials < 1 || c.Trials > 1000 || c.Victim == nil {
		return fmt.Errorf("%w: chaos: %d trials: want 1 to 1000, and a server to harm", ErrConfig, c.Trials)
	}
	if c.between == 0 {
		c.between = between
	}
	if c.giveUp == 0 {
		c.giveUp = giveUpBack
	}
	return nil
}

// cause is the innermost error: what went wrong, without the address at which it did.
func cause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
