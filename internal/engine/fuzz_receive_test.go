package engine

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// FuzzReceive has Eve say anything, in frames of a length byte and their bytes, where a length of 0 is a tick: it costs her the
// connection or nothing. What waits of her is bounded, Ada's inputs are all used, and the journal of it plays to the same view.
func FuzzReceive(f *testing.F) {
	said := func(frames ...[]byte) (script []byte) {
		for _, frame := range frames {
			script = append(append(script, byte(len(frame))), frame...)
		}
		return script
	}
	input := wire.AppendInput(nil, 8, 3, 0, make([]int32, 24))
	msg := wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: []byte{0x91, 0xa2, 'h', 'i'}})
	f.Add(said(input, msg, nil, wire.AppendAck(nil, wire.Ack{Tick: 2, EventSeq: 1}), wire.AppendPing(nil, wire.Ping{ClientUS: 7}), nil))
	f.Add(said(wire.AppendInput(nil, 1, 0, 0, []int32{1, 0, 1}), wire.AppendResync(nil, wire.Resync{Tick: 1, Reason: 1}), nil, nil, []byte{0x91, 6}))
	f.Add(slices.Repeat(said(wire.AppendMsg(nil, wire.Msg{Ref: 1 << 31, ID: 9, Payload: []byte{0x90}})), 40))
	f.Add(said(wire.AppendInput(nil, 1<<32-1, 1<<31, 1<<31, []int32{-1 << 31, 1<<31 - 1, 2}), []byte{0x92, 64, 0xc0}, nil))
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newBench(t, dotDefinition(), Config{Seed: 7})
		ada, eve := b.join(0, "Ada"), b.join(1, "Eve")
		moved := int32(0)
		step := func() {
			b.input(ada, 1, 0, 0)
			b.tick()
			moved++
		}
		for len(script) > 0 && eve.session != nil && moved < 64 && b.room.Ended() == nil {
			n := min(int(script[0]), len(script)-1)
			frame := script[1 : 1+n]
			script = script[1+n:]
			if n == 0 {
				step()
				continue
			}
			if code := b.room.Receive(eve.session, frame); code != 0 {
				if code < wire.CloseMalformed || code > wire.CloseRate {
					t.Fatalf("Receive(% x) = %d", frame, code)
				}
				break
			}
			if q := &eve.session.queue; q.inputs > room.InputQueue || len(q.vals) != q.inputs*b.room.width || len(eve.session.pongs) > maxPongs || waiting(q) > messageQueue {
				t.Fatalf("behind % x wait %d inputs of %d values, %d messages, %d pongs", frame, q.inputs, len(q.vals), waiting(q), len(eve.session.pongs))
			}
		}
		if b.room.Ended() == nil {
			step()
		}
		if end := b.room.Ended(); end != nil { // some shouts are for that
			if end.Fault != nil && !strings.Contains(end.Fault.Panic, "shouted too loud") {
				t.Fatalf("the room failed: %s", end.Fault.Panic)
			}
			return
		}
		if got := ada.dot(0)[0]; got != moved {
			t.Errorf("Ada got to %d in %d ticks", got, moved)
		}
		samePlay(t, b, 7)
	})
}

// waiting is how many messages wait with what they say.
func waiting(q *queue) (n int) {
	for _, it := range q.items {
		if it.message && it.code != wire.ReplyTooMany {
			n++
		}
	}
	return n
}

// samePlay plays the journal of a room and compares what comes out.
func samePlay(t *testing.T, b *bench, seed uint64) {
	t.Helper()
	_, checkpoint, records := b.room.Journal()
	cfg := Config{ID: "testroom", Program: b.room.prog, Seed: seed}
	again, err := New(cfg)
	if len(checkpoint) > 0 {
		again, err = Restore(cfg, checkpoint)
	}
	if err == nil {
		err = again.Replay(records)
	}
	if err != nil {
		t.Fatalf("the journal does not play: %v", err)
	}
	tick, hash, _ := b.room.ViewHash()
	if tick2, hash2, _ := again.ViewHash(); tick != tick2 || hash != hash2 {
		t.Errorf("hash %08x of tick %d, the journal plays to %08x of tick %d", hash, tick, hash2, tick2)
	}
}

// FuzzReplay plays any bytes as records: they come from a disk. They are refused or played, a record that makes no sense ends the
// room as a panic of the game does, and a room that is left goes on.
func FuzzReplay(f *testing.F) {
	b := newBench(f, dotDefinition(), Config{Seed: 5})
	b.chaos(rand.New(rand.NewPCG(1, 1)), 15)
	_, checkpoint, records := b.room.Journal()
	checkpoint = slices.Clone(checkpoint)
	f.Add(slices.Clone(records))
	for in := wire.NewReader(records); in.Len() > 0; {
		f.Add(wire.AppendBytes(nil, in.Bytes(len(records))))
	}
	prog := b.room.prog
	f.Fuzz(func(t *testing.T, records []byte) {
		cfg := Config{ID: "testroom", Program: prog, Seed: 5}
		r, err := New(cfg)
		if len(checkpoint) > 0 {
			r, err = Restore(cfg, checkpoint)
		}
		if err != nil {
			t.Fatal(err)
		}
		before := r.TickNow()
		err = r.Replay(records)
		failed := new(PanicError)
		switch {
		case err != nil && !errors.Is(err, wire.ErrMalformed) && !errors.As(err, &failed):
			t.Fatalf("%v", err)
		case errors.As(err, &failed) != (r.Ended() != nil && r.Ended().Fault != nil):
			t.Fatalf("%v, and the room's end is %+v", err, r.Ended())
		case r.TickNow() < before: // forward any number: a room sleeps
			t.Fatalf("from tick %d back to %d", before, r.TickNow())
		}
		r.TakeOver(r.Epoch()+1, nil)
		for range 3 {
			r.Tick(1)
		}
	})
}
