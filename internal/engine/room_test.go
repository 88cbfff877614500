package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

func TestJoinGetsWelcomeRosterSnapshotHash(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.join(3, "Ada")
	want := []wire.Type{wire.TypeWelcome, wire.TypeRoster, wire.TypeEvent, wire.TypeSnapshot, wire.TypeHash}
	if len(c.frames) != len(want) {
		t.Fatalf("frames %v, want %v", c.frames, want)
	}
	for i := range want {
		if c.frames[i] != want[i] {
			t.Fatalf("frames %v, want %v", c.frames, want)
		}
	}
	if c.welcome.Slot != 3 || c.welcome.Schema == nil || c.welcome.Tick != 1 {
		t.Errorf("welcome %+v", c.welcome)
	}
	if e := c.roster[3]; e.Name != "Ada" || e.Flags != wire.RosterHost {
		t.Errorf("roster %+v", c.roster)
	}
	if c.dot(3) == nil {
		t.Error("the player's dot is not in the snapshot")
	}
	if got := c.state.Find(3, 1); got == nil || got[0] != 0 {
		t.Errorf("private section holds %v", got)
	}
}

func TestInputsMoveAndAreAcknowledged(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	for range 100 {
		b.input(ada, 1, -1, 0)
		b.input(bob, 100, 0, 0) // clamped to 1
		b.tick()
	}
	if got := bob.dot(0); got[0] != 100 || got[1] != -100 {
		t.Errorf("bob sees ada at %v, want 100, -100", got[:2])
	}
	if got := ada.dot(1); got[0] != 100 {
		t.Errorf("bob went to %d with clamped inputs, want 100", got[0])
	}
	if ada.inSeq != 100 {
		t.Errorf("in_seq %d, want 100", ada.inSeq)
	}
	if got := ada.state.Find(3, 1); got[0] != 100 {
		t.Errorf("ada's private counter is %d, want 100", got[0])
	}
	if ada.hashes < 3 {
		t.Errorf("%d hashes in 100 ticks", ada.hashes)
	}
}

// An input is used once, whatever the client repeats.
func TestInputSeenOnce(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.join(0, "Ada")
	frame := wire.AppendInput(nil, 3, 0, 0, []int32{1, 0, 0, 1, 0, 0, 1, 0, 0})
	for range 5 {
		b.send(c, frame)
		b.ticks(3)
	}
	if got := c.dot(0)[0]; got != 3 {
		t.Errorf("three inputs sent five times moved the dot to %d, want 3", got)
	}
}

// Two inputs in one tick and none in the next are used one by one; an input that came early does not leave a tick of delay
// behind for ever.
func TestQueueDoesNotStand(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.join(0, "Ada")
	b.input(c, 1, 0, 0)
	b.input(c, 1, 0, 0)
	b.tick()
	b.tick()
	if c.inSeq != 2 || c.dot(0)[0] != 2 {
		t.Fatalf("in_seq %d, x %d after two inputs and two ticks, want both used", c.inSeq, c.dot(0)[0])
	}
	b.input(c, 1, 0, 0)
	b.input(c, 1, 0, 1) // early: left over, and pressed
	b.tick()
	b.input(c, 0, 1, 0)
	b.tick()
	if c.inSeq != 5 || c.dot(0)[0] != 3 || c.dot(0)[1] != 1 {
		t.Errorf("in_seq %d, dot at %v: want the early input merged into its successor", c.inSeq, c.dot(0)[:2])
	}
	if got := b.room.driver.Game.(*dotGame).S.Dots.Get(0).Fired; got != 1 {
		t.Errorf("fired %d times: the press of the merged input was lost", got)
	}
	for range 10 { // a client that sends faster than the room ticks moves no faster
		b.input(c, 1, 0, 0)
		b.input(c, 1, 0, 0)
		b.tick()
	}
	if got := c.dot(0)[0]; got != 13 {
		t.Errorf("x is %d after ten ticks with twenty inputs, want 13", got)
	}
	b.input(c, 0, 0, 0)
	b.tick()
	if c.inSeq != c.seq {
		t.Errorf("%d inputs wait after one tick of steady play", c.seq-c.inSeq)
	}
}

func TestMessagesAreAnsweredOnceInOrder(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.join(0, "Ada")
	say := func(ref uint32, text string) []byte {
		return wire.AppendMsg(nil, wire.Msg{Ref: ref, ID: 0, Payload: wire.AppendString(wire.AppendArrayLen(nil, 1), text)})
	}
	b.send(c, say(1, ""))
	b.send(c, say(1, "repeated ref"))
	b.send(c, say(2, "Countess"))
	b.send(c, say(3, "too many"))
	b.send(c, wire.AppendMsg(nil, wire.Msg{Ref: 4, ID: 9, Payload: []byte{0x90}}))
	b.tick()
	b.ticks(20)
	b.send(c, wire.AppendMsg(nil, wire.Msg{Ref: 5, ID: 0, Payload: []byte{0x91, 0xc1}}))
	b.tick()
	want := []struct {
		ref, code uint32
		text      string
	}{{1, wire.ReplyRefused, "say something"}, {2, wire.ReplyDone, ""}, {3, wire.ReplyTooMany, ""}, {4, wire.ReplyNoMessage, ""}, {5, wire.ReplyMalformed, ""}}
	if len(c.replies) != len(want) {
		t.Fatalf("replies %+v", c.replies)
	}
	for i, w := range want {
		if r := c.replies[i]; r.Ref != w.ref || r.Code != w.code || string(r.Payload) != w.text {
			t.Errorf("reply %d is %+v, want %+v", i, r, w)
		}
	}
}

func TestResumeGetsDeltaOnWhatTheClientHolds(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	b.ticks(3)
	held := wire.Resume{Epoch: 1, Tick: ada.state.Tick, EventSeq: ada.eventSeq}
	b.send(ada, wire.AppendAck(nil, wire.Ack{Tick: ada.state.Tick}))
	b.room.Lost(ada.session, ada.conn)
	ada.session = nil
	for range 10 {
		b.input(bob, 1, 1, 0)
		b.tick()
	}
	if e := bob.roster[0]; e.Flags&wire.RosterAway == 0 {
		t.Errorf("bob's roster does not say that ada is away: %+v", bob.roster)
	}
	ada.frames = nil
	b.resume(ada, held)
	if ada.outcome == nil || ada.outcome.Session == nil {
		t.Fatalf("resume refused: %+v", ada.outcome)
	}
	if ada.welcome.Resumed != wire.ResumedDelta || ada.frames[2] != wire.TypeDeltaB {
		t.Errorf("resumed %d with %v, want a DELTAB", ada.welcome.Resumed, ada.frames)
	}
	b.ticks(50)
	if got := ada.dot(1); got[0] != 10 {
		t.Errorf("ada sees bob at %v, want 10", got)
	}
	if e := bob.roster[0]; e.Flags&wire.RosterAway != 0 {
		t.Errorf("bob's roster still says that ada is away: %+v", bob.roster)
	}
	// Too long away for the history: a snapshot.
	b.room.Lost(ada.session, ada.conn)
	b.ticks(view.HistoryLen + 5)
	b.resume(ada, wire.Resume{Epoch: 1, Tick: ada.state.Tick, EventSeq: ada.eventSeq})
	if ada.welcome.Resumed != wire.ResumedSnapshot {
		t.Errorf("resumed %d after %d ticks, want a snapshot", ada.welcome.Resumed, view.HistoryLen+5)
	}
}

// A credential works until something is heard on the connection it opened, then never again.
func TestCredentialsAreSpentByTheFirstFrame(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	again := func(c *client) *client {
		d := b.client()
		b.room.Join(Join{Conn: d.conn, Seat: Seat{ID: 100, Slot: 0, Name: "Ada"}, Token: "token-Ada", NewSecret: secretOf(d.conn)})
		b.tick()
		return d
	}
	first := b.join(0, "Ada")
	second := again(first) // the WELCOME was lost, the client tries again
	if second.session == nil || first.closed != wire.CloseReplaced {
		t.Fatalf("the same unspent token: outcome %+v, first connection closed with %v", second.outcome, first.closed)
	}
	old := *second
	b.send(second, wire.AppendPing(nil, wire.Ping{ClientUS: 1}))
	b.tick()
	if second.pongs != 1 {
		t.Errorf("%d pongs", second.pongs)
	}
	if third := again(second); third.session != nil || third.outcome.Code != wire.CloseToken {
		t.Errorf("a spent token: %+v", third.outcome)
	}
	b.resume(second, wire.Resume{})
	if second.session == nil {
		t.Fatalf("the newest key was refused: %+v", second.outcome)
	}
	// Its WELCOME may be lost as well: the old key works until a frame comes.
	lost := *second
	second.welcome = old.welcome
	b.resume(second, wire.Resume{})
	if second.session == nil {
		t.Fatalf("an unspent key was refused: %+v", second.outcome)
	}
	b.send(second, wire.AppendAck(nil, wire.Ack{}))
	for _, stale := range []wire.Welcome{old.welcome, lost.welcome} {
		thief := b.client()
		thief.welcome = stale
		b.resume(thief, wire.Resume{})
		if thief.session != nil || thief.outcome.Code != wire.CloseResumeUnknown {
			t.Errorf("a spent key was accepted: %+v", thief.outcome)
		}
	}
}

func TestGraceRunsOutAndTheSeatIsFree(t *testing.T) {
	def := dotDefinition()
	def.Grace = time.Second
	b := newBench(t, def, Config{})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	b.room.Lost(ada.session, ada.conn)
	freed := []uint64{}
	for range 25 {
		b.tick()
		for _, n := range b.room.Notices() {
			if n.Kind == NoticeSeatFree {
				freed = append(freed, n.Seat)
			}
		}
	}
	if len(freed) != 1 || freed[0] != 100 {
		t.Errorf("freed seats %v, want [100]", freed)
	}
	if _, there := bob.roster[0]; there || bob.dot(0) != nil {
		t.Error("ada is still there after the grace")
	}
	ada.session = nil
	b.resume(ada, wire.Resume{})
	if ada.outcome.Code != wire.CloseResumeUnknown {
		t.Errorf("resume after the grace: %+v", ada.outcome)
	}
}

func TestLeaveKickRefuseAndSilence(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.send(ada, wire.AppendLeave(nil))
	b.tick()
	if ada.closed != wire.CloseLeft || len(b.room.Sessions()) != 0 {
		t.Errorf("after LEAVE: closed %v, %d sessions", ada.closed, len(b.room.Sessions()))
	}
	banned := b.join(1, "Banned")
	if banned.session != nil || banned.outcome.Code != wire.CloseKicked || banned.outcome.Text != "you are banned" {
		t.Errorf("a player the game refuses: %+v", banned.outcome)
	}
	silent, quiet := b.join(2, "Silent"), b.join(3, "Quiet")
	b.send(quiet, wire.AppendPing(nil, wire.Ping{}))
	b.ticks((PingTimeoutSeconds + 1) * 20)
	if silent.closed != wire.CloseSilent || quiet.closed != wire.ClosePingTimeout {
		t.Errorf("closed with %v and %v, want 4011 and 4102", silent.closed, quiet.closed)
	}
}

func TestBotsFillAndGiveWay(t *testing.T) {
	def := dotDefinition()
	def.Bots = 4
	b := newBench(t, def, Config{})
	ada := b.join(0, "Ada")
	b.ticks(5)
	if people, bots := b.room.Count(); people != 1 || bots != 3 {
		t.Fatalf("%d people, %d bots, want 1 and 3", people, bots)
	}
	if e := ada.roster[7]; e.Flags != wire.RosterBot {
		t.Errorf("roster %+v, want a bot in slot 7", ada.roster)
	}
	b.join(7, "Bob") // where a bot sits
	b.ticks(5)
	if people, bots := b.room.Count(); people != 2 || bots != 2 {
		t.Errorf("%d people, %d bots, want 2 and 2", people, bots)
	}
	if e := ada.roster[7]; e.Name != "Bob" || e.Flags != 0 {
		t.Errorf("slot 7 is %+v, want Bob", e)
	}
	for _, c := range b.clients {
		b.send(c, wire.AppendLeave(nil))
	}
	b.ticks(10)
	if people, bots := b.room.Count(); people != 0 || bots != 0 {
		t.Errorf("%d people, %d bots after everybody left", people, bots)
	}
}

func TestPanicEndsTheRoomAndCanBeReplayed(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{Seed: 9})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	for range 70 {
		b.input(bob, 1, 0, 0)
		b.tick()
	}
	b.send(ada, wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: wire.AppendString(wire.AppendArrayLen(nil, 1), "panic")}))
	b.tick()
	end := b.room.Ended()
	if end == nil || end.Code != wire.CloseFault || end.Fault == nil {
		t.Fatalf("ended %+v", end)
	}
	if ada.end == nil || ada.end.Code != uint32(wire.CloseFault) || bob.end == nil {
		t.Errorf("players were not told: %+v %+v", ada.end, bob.end)
	}
	if !strings.Contains(string(end.Fault.Stack), "shout") {
		t.Errorf("the stack does not name the culprit:\n%s", end.Fault.Stack)
	}
	late := b.join(5, "Late")
	if late.outcome == nil || late.outcome.Code != wire.CloseEnded {
		t.Errorf("join after the end: %+v", late.outcome)
	}
	prog, _ := room.Compile(def)
	r, err := Restore(Config{ID: "testroom", Program: prog, Seed: 9}, end.Fault.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	failed := (*PanicError)(nil)
	if err := r.Replay(end.Fault.Records); !errors.As(err, &failed) || failed.Value != end.Fault.Panic {
		t.Errorf("the replay of a panic: %v", err)
	}
	if got := r.Ended(); got == nil || got.Fault == nil || got.Fault.Panic != end.Fault.Panic || got.Fault.Tick != end.Fault.Tick {
		t.Errorf("the replay ended %+v, want the same panic at tick %d", got, end.Fault.Tick)
	}
}

func TestGameEndsTheRoom(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.send(ada, wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: wire.AppendString(wire.AppendArrayLen(nil, 1), "end")}))
	b.tick()
	if ada.end == nil || string(ada.end.Result) != `{"winner":0}` || ada.end.Code != uint32(wire.CloseEnded) {
		t.Errorf("END %+v", ada.end)
	}
}

// chaos plays at random: joins, leaves, drops, resumes, inputs, messages.
func (b *bench) chaos(rng *rand.Rand, ticks int) {
	b.Helper()
	bySlot := make(map[int]*client)
	for range ticks {
		slot := rng.IntN(8)
		c := bySlot[slot]
		switch {
		case c == nil:
			if c = b.join(slot, string(rune('A'+slot))); c.session != nil {
				bySlot[slot] = c
			}
		case c.session == nil:
			b.resume(c, wire.Resume{Epoch: c.state.Epoch, Tick: c.state.Tick, EventSeq: c.eventSeq})
		case rng.IntN(20) == 0:
			b.room.Lost(c.session, c.conn)
			c.session = nil
		case rng.IntN(30) == 0:
			b.send(c, wire.AppendLeave(nil))
			delete(bySlot, slot)
		}
		for _, c := range bySlot {
			if c.session == nil || c.state == nil {
				continue
			}
			for range rng.IntN(3) {
				b.input(c, int32(rng.IntN(3)-1), int32(rng.IntN(3)-1), int32(rng.IntN(2)))
			}
			if rng.IntN(10) == 0 {
				text := strings.Repeat("x", rng.IntN(40))
				c.seq++
				b.send(c, wire.AppendMsg(nil, wire.Msg{Ref: c.seq, Payload: wire.AppendString(wire.AppendArrayLen(nil, 1), text)}))
			}
		}
		b.tick()
	}
}

// A checkpoint and the records since give the same room, tick for tick.
func TestReplayGivesTheSameRoom(t *testing.T) {
	for seed := range uint64(20) {
		def := dotDefinition()
		def.Grace, def.Bots = 2*time.Second, 3
		b := newBench(t, def, Config{Seed: seed})
		b.chaos(rand.New(rand.NewPCG(seed, 1)), 237)
		_, checkpoint, records := b.room.Journal()
		prog, err := room.Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Restore(Config{ID: "testroom", Program: prog, Seed: seed}, checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Replay(records); err != nil {
			t.Fatal(err)
		}
		if r.tick != b.room.tick {
			t.Fatalf("seed %d: replay stands at tick %d, the room at %d", seed, r.tick, b.room.tick)
		}
		if got, want := r.history.Newest().Hash(), b.room.history.Newest().Hash(); got != want {
			t.Errorf("seed %d: replay shows %08x, the room %08x", seed, got, want)
		}
		if got, want := stateOf(t, r), stateOf(t, b.room); !bytes.Equal(got, want) {
			t.Errorf("seed %d: states differ after the replay\n%x\n%x", seed, got, want)
		}
	}
}

func stateOf(t *testing.T, r *Room) []byte {
	t.Helper()
	b, err := r.driver.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// After a takeover clients resume in the new epoch: on a state both sides know, or with a snapshot if theirs did not happen.
func TestTakeOver(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{Seed: 4})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	for range 43 {
		b.input(ada, 1, 0, 0)
		b.input(bob, 0, 1, 0)
		b.tick()
	}
	_, checkpoint, records := b.room.Journal()
	checkpoint, records = bytes.Clone(checkpoint), bytes.Clone(records)
	past := wire.Resume{Epoch: 1, Tick: ada.state.Tick, EventSeq: ada.eventSeq}
	b.ticks(3) // ticks the standby never hears of
	prog, err := room.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Restore(Config{ID: "testroom", Program: prog, Seed: 4}, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Replay(records); err != nil {
		t.Fatal(err)
	}
	r.TakeOver(2, nil)
	b.room = r
	ada.session, bob.session = nil, nil
	b.tick()
	b.resume(ada, past)
	if ada.welcome.Epoch != 2 || ada.welcome.Resumed != wire.ResumedDelta || ada.welcome.InSeq != 43 {
		t.Errorf("ada resumed with %+v, want epoch 2, a DELTAB and in_seq 43", ada.welcome)
	}
	b.resume(bob, wire.Resume{Epoch: 1, Tick: bob.state.Tick, EventSeq: bob.eventSeq})
	if bob.welcome.Resumed != wire.ResumedSnapshot {
		t.Errorf("bob holds a tick that did not happen and resumed with %d, want a snapshot", bob.welcome.Resumed)
	}
	for range 50 {
		b.input(ada, 1, 0, 0)
		b.tick()
	}
	if got := bob.dot(0)[0]; got != 93 {
		t.Errorf("ada stands at %d for bob, want 93", got)
	}
}

func TestQuietRoomSendsNothing(t *testing.T) {
	def := dotDefinition()
	def.Quiet = true
	b := newBench(t, def, Config{})
	c := b.join(0, "Ada")
	b.tick()
	c.frames = nil
	b.ticks(18)
	if len(c.frames) != 0 {
		t.Errorf("frames %v in a second in which nothing happened", c.frames)
	}
	b.ticks(100)
	states := 0
	for _, f := range c.frames {
		if f == wire.TypeDelta {
			states++
		}
	}
	if states < 4 || states > 6 {
		t.Errorf("%d keep-alives in 5 s, want one a second", states)
	}
	b.input(c, 1, 0, 0)
	b.tick()
	if c.dot(0)[0] != 1 {
		t.Error("a change was not sent at once")
	}
}

func TestSteadyTickDoesNotAllocate(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	var sessions []*Session
	for slot := range 8 {
		sessions = append(sessions, b.join(slot, "P").session)
	}
	sink := &countingSink{}
	frame := make([]byte, 0, 64)
	seq := uint32(0)
	round := func() {
		seq++
		for i, s := range sessions {
			frame = wire.AppendInput(frame[:0], seq, b.room.tick, 0, []int32{int32(i%3) - 1, 1, 0})
			if code := b.room.Receive(s, frame); code != 0 {
				t.Fatal(code)
			}
		}
		b.clock += 50_000
		b.room.Tick(b.clock)
		for _, s := range sessions {
			b.room.Flush(s, sink)
		}
	}
	for range 200 {
		round()
	}
	if n := testing.AllocsPerRun(200, round); n != 0 {
		t.Errorf("%v allocations per tick of a room with 8 players, checkpoints included", n)
	}
	if sink.n == 0 {
		t.Fatal("nothing was sent")
	}
}

type countingSink struct{ n int }

func (c *countingSink) Message(a, b, d []byte) { c.n += len(a) + len(b) + len(d) }

func BenchmarkRoomTick8(b *testing.B) {
	bn := newBench(b, dotDefinition(), Config{})
	var sessions []*Session
	for slot := range 8 {
		sessions = append(sessions, bn.join(slot, "P").session)
	}
	sink := &countingSink{}
	frame := make([]byte, 0, 64)
	seq := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		for i, s := range sessions {
			frame = wire.AppendInput(frame[:0], seq, bn.room.tick, 0, []int32{int32(i%3) - 1, 1, 0})
			bn.room.Receive(s, frame)
		}
		bn.room.Tick(uint64(seq) * 50_000)
		for _, s := range sessions {
			bn.room.Flush(s, sink)
		}
	}
}

func TestNewRefusedByGame(t *testing.T) {
	def := dotDefinition()
	def.New = func(_ *room.Room, o json.RawMessage) (room.Game, error) { return nil, json.Unmarshal(o, new(int)) }
	prog, err := room.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{ID: "x", Program: prog, Options: json.RawMessage(`"no"`)}); err == nil {
		t.Error("New took options that the game refused")
	}
}
