package client

import (
	"errors"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

const ms = time.Millisecond

func TestJoinAndFollow(t *testing.T) {
	f := newFake(t, testSchema())
	var states []State
	c := join(t, Config{On: Handlers{State: func(_ *Core, _ time.Duration, s State) { states = append(states, s) }}}, f)
	if c.Room() != "room" || c.Slot() != 2 || !c.Playing() || c.Game().Schema.Game != "test" {
		t.Fatalf("room %q, slot %d, playing %v", c.Room(), c.Slot(), c.Playing())
	}
	for i := range int32(10) {
		v := f.step(1)
		put(v, 1, 100+i, -5, 6, (1020+i)%1024, 8)
		put(v, 77, i, i, i, 0, 0)
		addNames(f)
		receive(t, c, time.Duration(i)*50*ms, f.delta())
		receive(t, c, time.Duration(i)*50*ms, f.hash())
	}
	v := f.step(3) // two states were left out
	put(v, 1, 1)
	addNames(f)
	receive(t, c, 650*ms, f.delta())
	receive(t, c, 650*ms, f.hash())
	s := c.Stats()
	if s.HashChecks != 11 || s.HashMismatches != 0 || s.States != 12 || s.Skipped != 2 || s.DecodeErrors != 0 {
		t.Errorf("stats %+v", s)
	}
	last := states[len(states)-1]
	if last.Tick != f.tick || last.Skipped != 2 || last.Cur.Find(0, 1)[0] != 1 || last.Prev.Find(0, 1)[0] != 109 || last.Cur.Len(0) != 1 {
		t.Errorf("last state %+v: cur %v, prev %v", last, last.Cur.Find(0, 1), last.Prev.Find(0, 1))
	}
	if got := string(last.Prev.Blob(0, last.Prev.Find(0, 77)[5])); got != "name" {
		t.Errorf("text = %q", got)
	}
}

func TestHelloSaysWhatTheClientHolds(t *testing.T) {
	c := New(Config{Token: "seat", URL: "ws://home/ws"})
	c.Start(0)
	h, err := wire.ParseHello(outgoing(c)[0])
	if err != nil || h.Token != "seat" || h.Resuming || h.SchemaHash != 0 || h.SDK != "ringside-go" || h.VMin != 1 || h.VMax != 1 {
		t.Fatalf("HELLO %+v, %v", h, err)
	}
	f := newFake(t, testSchema())
	c = join(t, Config{}, f)
	c.Input(0, 0, 1, 0)
	receive(t, c, 0, wire.AppendEvent(nil, wire.Event{Seq: 4, Tick: 2, Payload: []byte{0x90}}))
	c.Lost(2*time.Second, 0, "")
	c.Start(2 * time.Second)
	h, err = wire.ParseHello(outgoing(c)[0])
	want := wire.Resume{Session: 9, Epoch: 1, Tick: 2, InSeq: 1, EventSeq: 4}
	if err != nil || h.Token != "key-1" || !h.Resuming || h.Resume != want || h.SchemaHash != f.welc.SchemaHash {
		t.Errorf("HELLO %+v, %v; want resume %+v", h, err, want)
	}
}

func TestAFlippedBitIsReported(t *testing.T) {
	f := newFake(t, testSchema())
	var miss []Mismatch
	c := join(t, Config{On: Handlers{Mismatch: func(_ *Core, _ time.Duration, m Mismatch) { miss = append(miss, m) }}}, f)
	v := f.step(1)
	for id := range uint32(8) {
		put(v, id, int32(id)*100+1, 5, 6, 7, 8)
	}
	addNames(f)
	d := f.delta()
	d[len(d)-1] ^= 2 // the last difference: 1 becomes 3
	receive(t, c, 0, d)
	receive(t, c, 0, f.hash())
	if len(miss) != 1 || miss[0].Tick != f.tick || c.Stats().HashMismatches != 1 {
		t.Fatalf("mismatches %+v", miss)
	}
	again := only(t, outgoing(c), wire.TypeResync)
	if len(again) != 1 {
		t.Fatalf("%d RESYNC, want 1", len(again))
	}
	if r, _ := wire.ParseResync(again[0]); r.Reason != wire.ResyncHash || r.Tick != f.tick {
		t.Errorf("RESYNC %+v", r)
	}
	f.step(1)
	put(f.cur, 1, 9)
	addNames(f)
	receive(t, c, 0, f.snapshot())
	receive(t, c, 0, f.hash())
	if s := c.Stats(); s.HashMismatches != 1 || s.HashChecks != 2 {
		t.Errorf("after the snapshot: %+v", s)
	}
}

func TestResyncAtMostOnceASecond(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	bad := wire.AppendDeltaHead(nil, 2, 1, 0)
	bad = append(bad, 100, 0) // entity 99 is not there
	for now := time.Duration(0); now < 3*time.Second; now += 50 * ms {
		receive(t, c, now, bad)
	}
	if n := len(only(t, outgoing(c), wire.TypeResync)); n != 3 {
		t.Errorf("%d RESYNC in 3 s, want 3", n)
	}
	if s := c.Stats(); s.DecodeErrors != 1 {
		t.Errorf("%d decode errors, want 1: what passes meanwhile is no news", s.DecodeErrors)
	}
	receive(t, c, 3*time.Second, f.hash())
	if c.Stats().HashChecks != 0 {
		t.Error("a broken state was compared with a hash")
	}
	f.step(1)
	put(f.cur, 3, 3)
	addNames(f)
	receive(t, c, 3*time.Second, f.snapshot())
	receive(t, c, 3*time.Second, f.hash())
	if s := c.Stats(); s.HashChecks != 1 || s.HashMismatches != 0 {
		t.Errorf("after the snapshot: %+v", s)
	}
}

func TestResumeOnADelta(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	c.Lost(time.Second, 0, "")
	c.Start(time.Second)
	f.welc.Resumed, f.welc.Key, f.welc.Schema = wire.ResumedDelta, "key-2", nil
	receive(t, c, time.Second, f.welcome())
	f.step(20)
	put(f.cur, 1, 555)
	addNames(f)
	receive(t, c, time.Second, f.deltaB(1))
	receive(t, c, time.Second, f.hash())
	for range 3 {
		f.step(1)
		put(f.cur, 1, int32(f.tick))
		addNames(f)
		receive(t, c, time.Second, f.delta())
	}
	receive(t, c, time.Second, f.hash())
	if s := c.Stats(); s.HashChecks != 2 || s.HashMismatches != 0 || s.Resumes != 1 || s.DecodeErrors != 0 {
		t.Errorf("stats %+v", s)
	}
	if saved, ok := c.Save(); !ok || saved.Key != "key-2" || saved.Session != 9 {
		t.Errorf("saved %+v, %v", saved, ok)
	}
}

func TestFailoverDropsTheTicksThatDidNotHappen(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	for range 5 {
		f.step(1)
		put(f.cur, 1, 1)
		addNames(f)
		receive(t, c, 0, f.delta())
	}
	c.Lost(time.Second, wire.CloseRestored, "")
	c.Start(time.Second)
	f.epoch, f.tick = 2, 4 // below what the client has seen
	f.welc.Resumed, f.welc.Schema = wire.ResumedSnapshot, nil
	receive(t, c, time.Second, f.welcome())
	if c.Cur() != nil {
		t.Error("the client still shows states that did not happen")
	}
	f.step(1)
	put(f.cur, 2, 2)
	addNames(f)
	receive(t, c, time.Second, f.snapshot())
	receive(t, c, time.Second, f.hash())
	if cur := c.Cur(); cur.Epoch != 2 || cur.Tick != 5 || c.Prev() != nil || c.Stats().HashChecks != 1 {
		t.Errorf("epoch %d, tick %d, prev %v", cur.Epoch, cur.Tick, c.Prev())
	}
}

func TestEventsOnceAndInOrder(t *testing.T) {
	f := newFake(t, testSchema())
	var got []uint32
	c := join(t, Config{On: Handlers{
		Event: func(_ *Core, _ time.Duration, e Event) { got = append(got, e.Seq) },
		Reply: func(_ *Core, _ time.Duration, r Reply) { got = append(got, 100+r.Seq) },
	}}, f)
	event := func(seq uint32) { receive(t, c, 0, wire.AppendEvent(nil, wire.Event{Seq: seq, Payload: []byte{0x90}})) }
	event(1)
	event(2)
	event(2)
	receive(t, c, 0, wire.AppendReply(nil, wire.Reply{Seq: 3}))
	event(1)
	event(7) // a failover went on above
	if want := []uint32{1, 2, 103, 7}; !equal(got, want) {
		t.Errorf("handled %v, want %v", got, want)
	}
	if c.Stats().EventGaps != 3 {
		t.Errorf("gaps %d, want 3", c.Stats().EventGaps)
	}
}

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestRosterChanges(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	receive(t, c, 0, wire.AppendRoster(nil, &wire.Roster{Full: true, Entries: []Player{{Slot: 5, Name: "e"}, {Slot: 1, Name: "a", Data: []byte{1}}}}))
	receive(t, c, 0, wire.AppendRoster(nil, &wire.Roster{Entries: []Player{{Slot: 1, Gone: true}, {Slot: 3, Name: "c"}, {Slot: 5, Name: "e", Flags: wire.RosterAway}, {Slot: 8, Gone: true}}}))
	r := c.Roster()
	if len(r) != 2 || r[0].Name != "c" || r[1].Flags != wire.RosterAway {
		t.Errorf("roster %+v", r)
	}
}

func TestPingsAndAcks(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	var pings, acks []time.Duration
	for now := time.Duration(0); now <= 6*time.Second; now += 10 * ms {
		if now%(50*ms) == 0 {
			f.step(1)
			put(f.cur, 1, int32(f.tick))
			addNames(f)
			receive(t, c, now, f.delta())
		}
		if err := c.Tick(now); err != nil {
			t.Fatal(err)
		}
		msgs := outgoing(c)
		for range only(t, msgs, wire.TypePing) {
			pings = append(pings, now)
		}
		for _, m := range only(t, msgs, wire.TypeAck) {
			acks = append(acks, now)
			if a, _ := wire.ParseAck(m); a.Tick != f.tick {
				t.Errorf("ACK of %d at tick %d", a.Tick, f.tick)
			}
		}
	}
	if len(pings) != 10 || pings[7]-pings[0] != 7*fastPing || pings[9]-pings[8] != slowPing {
		t.Errorf("pings at %v", pings)
	}
	if len(acks) < 24 {
		t.Errorf("%d ACKs in 6 s, want one every 250 ms", len(acks))
	}
	if err := c.Tick(20 * time.Second); !errors.Is(err, ErrSilent) {
		t.Errorf("after 14 s of silence Tick = %v", err)
	}
}

func TestAckRuleOne(t *testing.T) {
	f := newFake(t, testSchema())
	f.welc.AckRule = wire.AckEveryState
	c := join(t, Config{}, f)
	for range 4 {
		f.step(1)
		put(f.cur, 1, int32(f.tick))
		addNames(f)
		receive(t, c, 0, f.delta())
		acks := only(t, outgoing(c), wire.TypeAck)
		if len(acks) != 1 {
			t.Fatalf("%d ACKs for a state", len(acks))
		}
	}
}

func TestBrokenProtocol(t *testing.T) {
	f := newFake(t, testSchema())
	for _, c := range []struct {
		name    string
		joined  bool
		msg     []byte
		wantErr bool
	}{
		{"no msgpack", false, []byte{0xc1}, true},
		{"empty", false, nil, true},
		{"state before WELCOME", false, wire.AppendSnapshotHead(nil, 0, 1, 1, 0), true},
		{"second WELCOME", true, f.welcome(), true},
		{"a client's frame", true, wire.AppendLeave(nil), true},
		{"unknown type", true, []byte{0x91, 60}, true},
		{"extension", true, []byte{0x91, 64}, false},
		{"cut PONG", true, []byte{0x92, 38, 1}, true},
		{"over 1 MiB", true, make([]byte, wire.MaxServerMessage+1), true},
		{"cut state: a resync", true, []byte{0x94, 35, 1, 0, 0xcd}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := New(Config{Token: "seat"})
			core.Start(0)
			if c.joined {
				core = join(t, Config{}, newFake(t, testSchema()))
			}
			if err := core.Receive(0, c.msg); errors.Is(err, ErrProtocol) != c.wantErr {
				t.Errorf("Receive = %v, want an error: %v", err, c.wantErr)
			}
		})
	}
}

func TestWelcomeWithABadSchema(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Welcome)
	}{
		{"hash differs", func(w *wire.Welcome) { w.SchemaHash++ }},
		{"no schema and none known", func(w *wire.Welcome) { w.Schema = nil }},
		{"no JSON", func(w *wire.Welcome) { w.Schema = []byte("{"); w.SchemaHash = wire.Murmur32(w.Schema) }},
		{"version 2", func(w *wire.Welcome) { w.Version = 2 }},
		{"a twin", func(w *wire.Welcome) { w.Resumed = wire.ResumedTwin }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, testSchema())
			c.change(&f.welc)
			core := New(Config{Token: "seat"})
			core.Start(0)
			if err := core.Receive(0, f.welcome()); !errors.Is(err, ErrProtocol) {
				t.Errorf("Receive = %v, want ErrProtocol", err)
			}
		})
	}
}

func TestSharedSchemaIsParsedOnceAndOffered(t *testing.T) {
	f := newFake(t, testSchema())
	var shared Schemas
	a := join(t, Config{Schemas: &shared}, f)
	b := New(Config{Token: "x", Schemas: &shared})
	b.Start(0)
	if h, _ := wire.ParseHello(outgoing(b)[0]); h.SchemaHash != f.welc.SchemaHash {
		t.Errorf("HELLO offers schema %#x, want %#x", h.SchemaHash, f.welc.SchemaHash)
	}
	f.welc.Schema = nil
	receive(t, b, 0, f.welcome())
	if a.Game() != b.Game() {
		t.Error("two clients, two parsed schemas")
	}
}
