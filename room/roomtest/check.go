package roomtest

import (
	"bytes"
	"runtime"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
)

// checks counts what was checked.
type checks struct {
	ticks, slept, frames, hashes, restores int

	measuring bool
	measured  int // ticks
	allocs    uint64
}

// warmUp is how many ticks a room gets before its allocations count: until then its buffers grow.
const warmUp = 100

// tickRoom makes a tick of a room and counts what it allocates, where nobody comes or goes.
func (c *checks) tickRoom(main bool, r *engine.Room, clock uint64) {
	if !c.measuring || !main || r.TickNow() < warmUp {
		r.Tick(clock)
		return
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.Tick(clock)
	runtime.ReadMemStats(&after)
	if len(r.Outcomes()) == 0 && len(r.Closings()) == 0 && r.Ended() == nil {
		c.measured++
		c.allocs += after.Mallocs - before.Mallocs
	}
}

// compareTwin ends the test if the two rooms that got the same inputs differ.
func (b *Bench) compareTwin() {
	b.Helper()
	if b.twin == nil {
		b.settleReplies()
		return
	}
	d := stateDifference(b.main.game, b.twin.game)
	if d == nil && (b.main.room.Ended() == nil) != (b.twin.room.Ended() == nil) {
		d = &difference{"the end of the room", b.main.room.Ended() != nil, b.twin.room.Ended() != nil}
	}
	for _, p := range b.players {
		if d == nil {
			d = b.clientDifference(p.main, p.twin)
		}
	}
	if d != nil && b.prog.Def.Sleeps {
		b.Fatalf("tick %d: a room that sleeps and one that is awake are not the same: %s is %v in the one that sleeps, %v in the other.\n"+
			"Look for counting Steps, for randomness in a Step in which nothing happens, and for what makes two rooms differ in any game: "+
			"ranging over a map, time.Now, a random source other than Room.Rand, a package variable, a goroutine.", b.Now(), d.where, d.main, d.copy)
	}
	if d != nil {
		b.Fatalf("tick %d: two rooms with the same inputs are not the same: %s is %v in one, %v in the other.\n"+
			"Look for ranging over a map, time.Now, a random source other than Room.Rand, a package variable, a goroutine.", b.Now(), d.where, d.main, d.copy)
	}
	b.settleReplies()
}

// clientDifference compares all that two clients were told.
func (b *Bench) clientDifference(a, c *client) *difference {
	if (a.session == nil) != (c.session == nil) || a.closedCode != c.closedCode || a.closedText != c.closedText {
		return &difference{"how a connection fared", a.closedText, c.closedText}
	}
	if len(a.events) != len(c.events) {
		return &difference{"the number of events", len(a.events), len(c.events)}
	}
	if n := len(a.events); n > 0 {
		x, y := a.events[n-1], c.events[n-1]
		if x.ID != y.ID || x.Tick != y.Tick || !bytes.Equal(x.Payload, y.Payload) {
			return &difference{"event " + b.prog.Schema.Events[x.ID].Name, x.Payload, y.Payload}
		}
	}
	for i := range min(len(a.replies), len(c.replies)) {
		if x, y := a.replies[i], c.replies[i]; x.Code != y.Code || !bytes.Equal(x.Payload, y.Payload) {
			return &difference{"the answer to a message", string(x.Payload), string(y.Payload)}
		}
	}
	if a.state == nil || c.state == nil || b.prog.Def.Sleeps && b.Now()%uint32(b.prog.Def.TickHz/b.prog.Def.SendHz) != 0 {
		return nil // of two rooms the one that is awake has shown what the other shows when it sends next
	}
	return frameDifference(&b.prog.Schema, a.state, c.state)
}

// settleReplies hands the answers of this tick to those who asked.
func (b *Bench) settleReplies() {
	for _, p := range b.players {
		for _, r := range p.main.replies {
			if reply := p.replies[r.Ref]; reply != nil {
				*reply = Reply{Answered: true, code: r.Code, text: string(r.Payload)}
				delete(p.replies, r.Ref)
			}
		}
		p.main.replies, p.twin.replies = p.main.replies[:0], p.twin.replies[:0]
	}
}

// A restored room was made from a checkpoint of the tested one and follows its journal.
type restored struct {
	side
	from    uint32 // the checkpoint's tick
	applied int    // bytes of the journal
	clients map[uint32]*client
}

// newCopyEvery is how many ticks a copy lives on the average before a newer one replaces it.
const newCopyEvery = 8

// followCopy brings the restored room to this tick and compares it, and makes a new one now and then.
func (b *Bench) followCopy() {
	b.Helper()
	_, checkpoint, records := b.main.room.Journal()
	if c := b.copy; c != nil && !b.prog.Def.NoReplay && len(records) >= c.applied {
		err := c.room.Replay(records[c.applied:])
		b.failOnPanic("restored from a checkpoint and replayed, the game", c.room.Ended())
		if err != nil {
			b.Fatalf("tick %d: replay: %v", b.Now(), err)
		}
		c.applied = len(records)
	}
	switch c := b.copy; {
	case b.main.room.Ended() != nil && (c == nil || c.room.TickNow() != b.Now()):
		b.copy = nil
		return
	case c == nil || c.room.TickNow() != b.Now():
		if len(records) > 0 || len(checkpoint) == 0 {
			checkpoint = b.checkpoint()
		}
		b.restoreCopy(checkpoint, len(records))
	}
	b.compareCopy()
	if b.main.room.Ended() == nil && b.rng.IntN(newCopyEvery) == 0 {
		b.restoreCopy(b.checkpoint(), len(records))
		b.compareCopy()
	}
}

func (b *Bench) checkpoint() []byte {
	b.Helper()
	c, err := b.main.room.AppendCheckpoint(nil)
	if err != nil {
		b.Fatalf("tick %d: %v", b.Now(), err)
	}
	return c
}

func (b *Bench) restoreCopy(checkpoint []byte, applied int) {
	b.Helper()
	r, err := engine.Restore(b.config(zerolog.Nop()), checkpoint)
	if err != nil {
		b.Fatalf("tick %d: the room cannot be restored: %v", b.Now(), err)
	}
	b.failOnMisuse() // of the copy before
	b.copy = &restored{side: side{r, b.made}, from: b.Now(), applied: applied, clients: make(map[uint32]*client)}
	b.checks.restores++
}

// compareCopy ends the test if the restored room is not as the tested one.
func (b *Bench) compareCopy() {
	b.Helper()
	c := b.copy
	d := stateDifference(b.main.game, c.game)
	if d == nil && (b.main.room.Ended() == nil) != (c.room.Ended() == nil) {
		d = &difference{"the end of the room", b.main.room.Ended() != nil, c.room.Ended() != nil}
	}
	for _, s := range c.room.Sessions() {
		if d == nil {
			d = b.sessionDifference(c, s)
		}
	}
	switch {
	case d == nil:
	case c.from == b.Now():
		b.Fatalf("tick %d: a restored room is not as it was: %s is %v in the running room, %v in the restored one.\n"+
			"Look for what View or Step reads and State does not hold, and for a View that changes State.", b.Now(), d.where, d.main, d.copy)
	default:
		b.Fatalf("tick %d: a room restored at tick %d has not gone the same way: %s is %v in the running room, %v in the restored one.\n"+
			"Look for what Step reads and State does not hold.", b.Now(), c.from, d.where, d.main, d.copy)
	}
}

// sessionDifference compares what the player of a session sees with what it would see of the restored room.
func (b *Bench) sessionDifference(c *restored, s *engine.Session) *difference {
	var player *Player
	for _, p := range b.players {
		if p.main.session != nil && p.main.session.ID() == s.ID() {
			player = p
		}
	}
	if player == nil || player.stalled > 0 {
		return nil
	}
	k := c.clients[s.ID()]
	if k == nil {
		k = newClient(b, 0)
		c.clients[s.ID()] = k
	}
	k.eventSeq = player.main.eventSeq // what came before is the tested room's to tell
	c.room.Flush(s, k)
	if k.state == nil || player.main.state == nil || player.main.tick() != k.tick() && !b.prog.Def.Quiet {
		return nil
	}
	return frameDifference(&b.prog.Schema, player.main.state, k.state)
}
