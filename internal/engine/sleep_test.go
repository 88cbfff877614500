package engine

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A napper acts on messages and timers only, and notes the ticks in which it was stepped.
type napper struct {
	S     napState
	steps []uint32
}

type napState struct {
	Rung  []uint32 // ticks of timers
	Words room.Table[dot]
	Moved int
}

var napWords = room.Kind[dotView]("word")

func napDefinition() room.Definition {
	return room.Definition{
		Name: "napper", MaxPlayers: 4, Quiet: true, Sleeps: true, TickHz: 20, Grace: 5 * time.Second, Kinds: []room.AnyKind{napWords},
		Messages: []room.AnyMessage{room.Message("timer", 20, (*napper).timer)}, Input: moves,
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &napper{}, nil },
	}
}

func (g *napper) timer(r *room.Room, _ *room.Player, in struct{ Ticks int }) error {
	r.After(in.Ticks, 1)
	return nil
}

func (g *napper) Join(_ *room.Room, p *room.Player) error {
	g.S.Words.Put(p.Slot, dot{Name: p.Name})
	return nil
}
func (g *napper) Leave(_ *room.Room, p *room.Player, _ room.Reason) { g.S.Words.Delete(p.Slot) }
func (g *napper) State() any                                        { return &g.S }
func (g *napper) Step(r *room.Room) {
	g.steps = append(g.steps, r.Tick())
	for range r.Due() {
		g.S.Rung = append(g.S.Rung, r.Tick())
	}
	for p := range r.Players() {
		if in, ok := moves.Next(p); ok {
			g.S.Moved += int(in.DX)
		}
	}
}

func (g *napper) View(r *room.Room, v *room.View) {
	for slot, d := range g.S.Words.All() {
		napWords.Put(v, slot, dotView{X: len(g.S.Rung), Y: g.S.Moved, Owner: slot, Name: d.Name})
	}
}

func napTimer(ref uint32, ticks int) []byte {
	return wire.AppendMsg(nil, wire.Msg{Ref: ref, Payload: wire.AppendInt(wire.AppendArrayLen(nil, 1), int64(ticks))})
}

func TestSleepingRoomMakesOneTickASecond(t *testing.T) {
	b := newBench(t, napDefinition(), Config{})
	g := b.room.driver.Game.(*napper)
	ada := b.join(0, "Ada")
	b.ticks(7)
	bob := b.join(1, "Bob")
	alive := func(n int) { // as a client does
		for i := range n {
			if i%5 == 0 {
				b.send(ada, wire.AppendAck(nil, wire.Ack{Tick: ada.state.Tick}))
				b.send(bob, wire.AppendPing(nil, wire.Ping{ClientUS: 1}))
			}
			b.tick()
		}
	}
	alive(40)
	steps, states := len(g.steps), map[*client]int{}
	ada.frames, bob.frames, bob.pongs = nil, nil, 0
	alive(200)
	if n := len(g.steps) - steps; n != 10 {
		t.Errorf("%d Steps in ten seconds in which nothing happened, want 10", n)
	}
	for _, c := range b.clients {
		for _, f := range c.frames {
			if f == wire.TypeDelta {
				states[c]++
			}
		}
		if states[c] != 10 || c.hashes < 5 {
			t.Errorf("%d state frames and %d hashes in ten seconds, want one a second", states[c], c.hashes)
		}
	}
	if bob.pongs != 40 {
		t.Errorf("%d pongs to 40 pings", bob.pongs)
	}
	if b.room.TickNow() != 249 || ada.session.Skipped() != 0 {
		t.Errorf("tick %d, %d frames skipped", b.room.TickNow(), ada.session.Skipped())
	}
	b.send(ada, wire.AppendResync(nil, wire.Resync{Tick: 1, Reason: 1}))
	ada.frames = nil
	b.tick()
	if len(ada.frames) == 0 || ada.frames[0] != wire.TypeSnapshot {
		t.Errorf("RESYNC in a tick that is slept through: %v", ada.frames)
	}
	b.input(ada, 1, 0, 0)
	b.input(ada, 1, 0, 0)
	b.ticks(2)
	if ada.dot(0)[1] != 2 || bob.dot(0)[1] != 2 || ada.inSeq != 2 {
		t.Errorf("two inputs in one tick: ada sees %d, bob %d", ada.dot(0)[1], bob.dot(0)[1])
	}
}

func TestTimersOfASleepingRoom(t *testing.T) {
	for _, sendHz := range []int{20, 4} {
		def := napDefinition()
		def.SendHz = sendHz
		b := newBench(t, def, Config{})
		ada := b.join(0, "Ada")
		g := b.room.driver.Game.(*napper)
		var want []uint32
		for i, n := range []int{1, 2, 3, 13, 20, 21, 39, 40, 41, 97} {
			b.send(ada, napTimer(uint32(i+1), n))
			want = append(want, b.room.TickNow()+1+uint32(n))
			b.ticks(n + 3)
			if got := g.S.Rung; len(got) != i+1 || got[i] != want[i] {
				t.Fatalf("SendHz %d: timers rang at %d, want %d", sendHz, got, want)
			}
			if sent := 20 / sendHz; sent == 1 && int(ada.dot(0)[0]) != i+1 {
				t.Errorf("after timer %d ada sees %d", i, ada.dot(0)[0])
			}
		}
		b.ticks(4)
		if got := int(ada.dot(0)[0]); got != len(want) {
			t.Errorf("SendHz %d: ada sees %d timers, want %d", sendHz, got, len(want))
		}
	}
}

// Who is away, or silent, is given up in the tick in which it would be if the room did not sleep; and after a restart all is
// as it was.
func TestSleepingRoomIsLikeOneThatIsAwake(t *testing.T) {
	for seed := range uint64(10) {
		def := napDefinition()
		def.Bots, def.Grace = 3, time.Second
		asleep, awake := newBench(t, def, Config{Seed: seed}), newBench(t, def, Config{Seed: seed, Awake: true})
		benches := []*bench{asleep, awake}
		rng := rand.New(rand.NewPCG(seed, 3))
		players := make(map[int][2]*client)
		for i := range uint32(600) {
			slot, what := rng.IntN(4), rng.IntN(120)
			pair := players[slot]
			for k, b := range benches {
				c := pair[k]
				switch {
				case what < 4 && c == nil:
					pair[k] = b.client()
					b.room.Join(Join{Conn: pair[k].conn, Seat: Seat{ID: uint64(i), Slot: slot, Name: "P"}, NewSecret: secretOf(pair[k].conn)})
				case c == nil || c.session == nil:
				case what < 6:
					b.send(c, wire.AppendLeave(nil))
					pair[k] = nil
				case what < 8:
					b.room.Lost(c.session, c.conn)
					c.session, pair[k] = nil, nil
				case what < 12:
					c.seq++
					b.send(c, napTimer(c.seq, int(i)%50))
				case what < 13:
					b.room.KickSeat(c.session.Seat(), "out")
				case what < 16:
					b.input(c, 1, 0, 0)
				}
			}
			players[slot] = pair
			for _, b := range benches {
				b.tick()
				b.room.forgetOutcome()
			}
			for s, pair := range players {
				if pair[0] != nil && pair[0].session == nil && pair[0].outcome != nil {
					delete(players, s)
				}
			}
			if asleep.room.Slept() {
				continue
			}
			if got, want := stateOf(t, asleep.room), stateOf(t, awake.room); !bytes.Equal(got, want) || len(asleep.room.sessions) != len(awake.room.sessions) {
				t.Fatalf("seed %d, tick %d: the rooms differ", seed, asleep.room.tick)
			}
		}
		if s, w := len(asleep.room.driver.Game.(*napper).steps), len(awake.room.driver.Game.(*napper).steps); s > w*2/3 {
			t.Errorf("seed %d: %d of %d ticks were made", seed, s, w)
		}
		want := stateOf(t, asleep.room)
		asleep.restart(def, nil)
		if !bytes.Equal(stateOf(t, asleep.room), want) {
			t.Errorf("seed %d: a replay over ticks that were slept through is not the same", seed)
		}
	}
}

func TestSleptTickDoesNotAllocate(t *testing.T) {
	b := newBench(t, napDefinition(), Config{})
	s := b.join(0, "Ada").session
	b.ticks(45)
	sink, ping := &countingSink{}, wire.AppendPing(nil, wire.Ping{ClientUS: 5})
	if n := testing.AllocsPerRun(100, func() {
		b.room.Receive(s, ping)
		b.room.Tick(1)
		b.room.Flush(s, sink)
	}); n != 0 {
		t.Errorf("%v allocations per tick of a room that sleeps", n)
	}
}

func BenchmarkSleptTick(b *testing.B) {
	bn := newBench(b, napDefinition(), Config{})
	for slot := range 4 {
		bn.join(slot, "P")
	}
	bn.ticks(45)
	bn.tick()
	bn.room.sleep.wakeAt, bn.room.sleep.keepAt = math.MaxUint32, math.MaxUint32
	b.ReportAllocs()
	for b.Loop() {
		bn.room.Tick(1)
	}
	if !bn.room.Slept() {
		b.Error("the room does not sleep")
	}
}
