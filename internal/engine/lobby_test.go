package engine

import (
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

func lobbyDefinition() room.Definition {
	def := dotDefinition()
	def.Messages = append(def.Messages, room.HostLock, room.HostKick)
	def.Grace = 2 * time.Second
	return def
}

// lobby sends a message of one field and returns the answer.
func (b *bench) lobby(c *client, id uint32, field ...byte) (code uint32, text string) {
	b.Helper()
	c.seq++
	b.send(c, wire.AppendMsg(nil, wire.Msg{Ref: c.seq, ID: id, Payload: append([]byte{0x91}, field...)}))
	n := len(c.replies)
	b.tick()
	if len(c.replies) != n+1 {
		b.Fatalf("%d answers, closed %v", len(c.replies)-n, c.closed)
	}
	return c.replies[n].Code, string(c.replies[n].Payload)
}

func TestHostLocksAndKicks(t *testing.T) {
	b := newBench(t, lobbyDefinition(), Config{})
	ada, bob, cy := b.join(0, "Ada"), b.join(1, "Bob"), b.join(2, "Cy")
	const lock, kick, yes, no = 1, 2, 1, 0
	for _, c := range []struct {
		who  *client
		id   uint32
		arg  byte
		code uint32
		text string
	}{
		{bob, lock, yes, wire.ReplyRefused, "only the host may do that"},
		{bob, kick, 0, wire.ReplyRefused, "only the host may do that"},
		{ada, kick, 0, wire.ReplyRefused, "you cannot remove yourself; leave instead"},
		{ada, kick, 7, wire.ReplyRefused, "nobody sits there"},
		{ada, kick, 0xff, wire.ReplyTooMany, ""},
		{ada, lock, yes, wire.ReplyDone, ""},
	} {
		if code, text := b.lobby(c.who, c.id, c.arg); code != c.code || text != c.text {
			t.Errorf("message %d %x: %d %q, want %d %q", c.id, c.arg, code, text, c.code, c.text)
		}
	}
	if n := b.room.Notices(); len(n) != 1 || n[0].Kind != NoticeLock || !n[0].On {
		t.Errorf("locked: notices %+v", n)
	}
	if code, _ := b.lobby(ada, lock, no); code != wire.ReplyDone || len(b.room.Notices()) != 1 || b.room.Notices()[0].On {
		t.Errorf("unlocked: %d, notices %+v", code, b.room.Notices())
	}
	b.ticks(20)
	b.lobby(ada, kick, 1)
	if cl := b.room.Closings(); bob.closed != wire.CloseKicked || len(cl) != 1 || cl[0].Text != "removed by the host" {
		t.Errorf("bob was closed with %v, %+v", bob.closed, cl)
	}
	if _, there := cy.roster[1]; there || b.room.Ended() != nil {
		t.Error("bob is still there")
	}
}

// A host who is away stays host; one who leaves, or does not come back, is followed by who has been there the longest and is
// not away.
func TestHostPassesOn(t *testing.T) {
	b := newBench(t, lobbyDefinition(), Config{})
	ada, bob, cy := b.join(0, "Ada"), b.join(1, "Bob"), b.join(2, "Cy")
	hosts := func() (slots []uint32) {
		for slot := range uint32(8) {
			if cy.roster[slot].Flags&wire.RosterHost != 0 {
				slots = append(slots, slot)
			}
		}
		return slots
	}
	want := func(when string, slot uint32) {
		t.Helper()
		if got := hosts(); len(got) != 1 || got[0] != slot {
			t.Errorf("%s the hosts are %d, want %d", when, got, slot)
		}
	}
	drop := func(c *client) {
		b.room.Lost(c.session, c.conn)
		c.session = nil
		b.tick()
	}
	want("at first", 0)
	drop(ada)
	b.ticks(5)
	want("while ada is away", 0)
	b.resume(ada, wire.Resume{})
	want("when ada is back", 0)
	drop(bob)
	b.send(ada, wire.AppendLeave(nil))
	b.ticks(2)
	want("when ada has left and bob is away", 2)
	b.resume(bob, wire.Resume{})
	want("when bob is back", 2)
	ada = b.join(0, "Ada")
	drop(cy)
	b.ticks(2*20 + 2)
	cy = bob
	want("when cy did not come back", 1)
	if ada.session == nil {
		t.Error("ada did not get in")
	}
}
