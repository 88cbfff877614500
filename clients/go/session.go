package client

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// minSilence is the least time without a word from the server before a client gives the socket up: a state frame comes
// every second.
const minSilence = 3 * time.Second

// A session is the player's presence in the room, across sockets.
type session struct {
	id         uint32
	room       string
	slot, role uint32
	epoch      uint32
	limits     wire.Limits
	ackEvery   bool // WELCOME's ack rule 1
	silence    time.Duration
	eventSeq   uint32 // the newest event or reply handled
	roster     []Player
}

// Room is the room's id, "" before the first WELCOME.
func (c *Core) Room() string { return c.session.room }

// Slot is this player's small number in the room.
func (c *Core) Slot() uint32 { return c.session.slot }

// Spectator reports whether this session only watches.
func (c *Core) Spectator() bool { return c.session.role == wire.RoleSpectator }

// Roster is who is in the room, by slot. It belongs to the Core and changes with it.
func (c *Core) Roster() []Player { return c.session.roster }

// Save returns what a program needs to come back to this session later; false before the first WELCOME.
func (c *Core) Save() (Saved, bool) {
	return Saved{
		URL: c.retry.url, URLs: slices.Clone(c.retry.urls), Room: c.session.room, Key: c.token, Session: c.session.id,
		InSeq: c.inputs.seq, MsgRef: c.msgs.ref, EventSeq: c.session.eventSeq,
	}, c.resuming
}

var (
	errVersion = errors.New("a version that was not offered")
	errResumed = errors.New("an unknown kind of resume")
)

func (c *Core) receiveWelcome(now time.Duration, msg []byte) error {
	w, err := wire.ParseWelcome(msg)
	switch {
	case err != nil:
		return err
	case w.Version != wire.Version:
		return fmt.Errorf("%w: %d", errVersion, w.Version)
	case w.Resumed > wire.ResumedSnapshot:
		return fmt.Errorf("%w: %d", errResumed, w.Resumed)
	}
	game, err := c.welcomeGame(&w)
	if err != nil {
		return err
	}
	c.enter(now, &w, game)
	if c.on.Welcome != nil {
		c.on.Welcome(c, now, &w)
	}
	return nil
}

func (c *Core) welcomeGame(w *Welcome) (*Game, error) {
	if w.Schema != nil {
		return c.schemas.Add(w.SchemaHash, w.Schema)
	}
	if c.game != nil && c.game.Hash == w.SchemaHash {
		return c.game, nil
	}
	if g := c.schemas.Get(w.SchemaHash); g != nil {
		return g, nil
	}
	return nil, errors.New("no schema")
}

// enter starts or goes on with the session that w names.
func (c *Core) enter(now time.Duration, w *Welcome, game *Game) {
	if w.Resumed == wire.ResumedNew {
		c.session = session{}
		c.inputs = inputRing{}
		c.msgs = msgRing{}
	} else {
		c.stats.Resumes++
	}
	if c.game != game || w.Resumed != wire.ResumedDelta {
		c.state.forget(game)
	}
	c.game, c.token, c.resuming, c.phase = game, w.Key, true, phasePlaying
	s := &c.session
	s.id, s.room, s.slot, s.role, s.epoch = w.Session, w.Room, w.Slot, w.Role, w.Epoch
	if c.retry.left { // asked for while there was no session to leave
		c.Leave()
	}
	s.limits, s.ackEvery = w.Limits, w.AckRule == wire.AckEveryState
	s.silence = max(minSilence, time.Duration(w.Limits.PingTimeoutMS)*time.Millisecond)
	c.stats.Welcomes++
	c.retry.welcomed(now, w)
	c.clock.restart(now, w)
	c.state.interval = 1
	if w.SendHz > 0 && w.TickHz > w.SendHz {
		c.state.interval = w.TickHz / w.SendHz
	}
	c.inputs.open(game.width)
	c.resend(w)
	c.lastAck, c.nextPing = now, now
}

func (c *Core) receiveRoster(now time.Duration, msg []byte) error {
	r, err := wire.ParseRoster(msg)
	if err != nil {
		return err
	}
	s := &c.session
	if r.Full {
		s.roster = s.roster[:0]
	}
	for _, p := range r.Entries {
		i, found := slices.BinarySearchFunc(s.roster, p.Slot, func(p Player, slot uint32) int { return int(int64(p.Slot) - int64(slot)) })
		p.Data = slices.Clone(p.Data)
		switch {
		case p.Gone && found:
			s.roster = slices.Delete(s.roster, i, i+1)
		case p.Gone:
		case found:
			s.roster[i] = p
		case len(s.roster) < wire.MaxRosterEntries:
			s.roster = slices.Insert(s.roster, i, p)
		}
	}
	if c.on.Roster != nil {
		c.on.Roster(c, now)
	}
	return nil
}

// inOrder reports whether the event or reply of that number is new. Numbers may jump after a failover, never back.
func (c *Core) inOrder(seq uint32) bool {
	s := &c.session
	if seq <= s.eventSeq {
		return false
	}
	if seq != s.eventSeq+1 {
		c.stats.EventGaps += uint64(seq - s.eventSeq - 1)
	}
	s.eventSeq = seq
	return true
}

func (c *Core) receiveEvent(now time.Duration, msg []byte) error {
	e, err := wire.ParseEvent(msg)
	if err != nil {
		return err
	}
	if !c.inOrder(e.Seq) {
		return nil
	}
	c.stats.Events++
	if c.on.Event != nil {
		c.on.Event(c, now, e)
	}
	return nil
}

func (c *Core) receiveReply(now time.Duration, msg []byte) error {
	r, err := wire.ParseReply(msg)
	if err != nil {
		return err
	}
	if !c.inOrder(r.Seq) {
		return nil
	}
	c.stats.Replies++
	c.msgs.done(r.Ref)
	if c.on.Reply != nil {
		c.on.Reply(c, now, r)
	}
	return nil
}

func (c *Core) receivePong(now time.Duration, msg []byte) error {
	p, err := wire.ParsePong(msg)
	if err == nil {
		c.clock.pong(now, p)
	}
	return err
}

func (c *Core) receiveStat(now time.Duration, msg []byte) error {
	s, err := wire.ParseStat(msg)
	if err == nil && c.on.Stat != nil {
		c.on.Stat(c, now, s)
	}
	return err
}

func (c *Core) receiveErr(now time.Duration, msg []byte) error {
	e, err := wire.ParseErr(msg)
	if err != nil {
		return err
	}
	c.retry.notBefore = now + time.Duration(min(e.RetryMS, 600_000))*time.Millisecond
	if c.on.Err != nil {
		c.on.Err(c, now, e)
	}
	return nil
}

func (c *Core) receiveEnd(now time.Duration, msg []byte) error {
	e, err := wire.ParseEnd(msg)
	if err != nil {
		return err
	}
	c.retry.ended = true
	if c.on.End != nil {
		c.on.End(c, now, e)
	}
	return nil
}
