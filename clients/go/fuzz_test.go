package client

import (
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// FuzzReceive throws two frames at a client in mid-game, then plays on. It must not panic, and what it says must parse.
func FuzzReceive(f *testing.F) {
	fake := newFake(f, testSchema())
	fake.step(1)
	put(fake.cur, 1, 5)
	addNames(fake)
	snapshot := fake.snapshot()
	fake.step(1)
	put(fake.cur, 1, 7)
	addNames(fake)
	for _, seed := range [][]byte{
		snapshot, fake.delta(), fake.deltaB(1), fake.hash(), fake.welcome(),
		wire.AppendEvent(nil, wire.Event{Seq: 1, Payload: []byte{0x90}}),
		wire.AppendReply(nil, wire.Reply{Seq: 1, Ref: 1}),
		wire.AppendPong(nil, wire.Pong{ClientUS: 1, ClockUS: 2, Tick: 3}),
		wire.AppendRoster(nil, &wire.Roster{Full: true, Entries: []Player{{Slot: 1, Name: "a"}}}),
		wire.AppendMoved(nil, wire.Moved{URL: "ws://x", Key: "k"}),
		wire.AppendErr(nil, wire.Err{Code: 4101, RetryMS: 5}), wire.AppendEnd(nil, wire.End{Code: 4009}),
		wire.AppendStat(nil, wire.Stat{}),
	} {
		f.Add(seed, seed, true)
		f.Add(seed, snapshot, false)
	}
	f.Fuzz(func(t *testing.T, a, b []byte, joined bool) {
		var c *Core
		if joined {
			c = join(t, Config{}, newFake(t, testSchema()))
		} else {
			c = New(Config{Token: "seat", URL: "ws://home/ws"})
			c.Start(0)
		}
		for i, m := range [][]byte{a, b, a} {
			now := time.Duration(i) * 100 * ms
			if err := c.Receive(now, m); err != nil {
				c.Lost(now, 0, "")
				if c.NextDial(now).Kind != DialOpen {
					return
				}
				c.Start(now)
				continue
			}
			if c.Moving() != "" {
				c.StartMove(now)
				c.ReceiveMove(now, b)
			}
			if c.Playing() && c.Game().width > 0 {
				c.Input(now, 0, make([]int32, c.Game().width)...)
			}
			c.Message(0, nil)
			c.Tick(now + time.Second)
			c.NextTimer()
		}
		for _, m := range outgoing(c) {
			if t2, err := wire.PeekType(m); err != nil || t2 > wire.TypeTwin {
				t.Fatalf("client sent % x: %v, %v", m, t2, err)
			}
		}
	})
}
