package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// What a client can send costs it the connection, or nothing; never the room.
func TestReceive(t *testing.T) {
	input := func(seq uint32, vals ...int32) []byte { return wire.AppendInput(nil, seq, 0, 0, vals) }
	for _, c := range []struct {
		name  string
		frame []byte
		want  wire.CloseCode
	}{
		{"nothing", nil, wire.CloseMalformed},
		{"not an array", []byte{5}, wire.CloseMalformed},
		{"an empty array", []byte{0x90}, wire.CloseMalformed},
		{"a type for servers", []byte{0x91, 34}, wire.CloseUnexpected},
		{"a second HELLO", []byte{0x91, 1}, wire.CloseUnexpected},
		{"a type nobody knows", []byte{0x91, 31}, wire.CloseUnexpected},
		{"an extension", []byte{0x92, 64, 0xc0}, 0},
		{"an input", input(1, 1, 0, 0), 0},
		{"eight inputs", input(8, make([]int32, 24)...), 0},
		{"nine inputs", input(9, make([]int32, 27)...), wire.CloseMalformed},
		{"half an input", input(1, 1, 0), wire.CloseMalformed},
		{"no input", wire.AppendInput(nil, 1, 0, 0, nil), wire.CloseMalformed},
		{"inputs before the first", input(1, 1, 0, 0, 1, 0, 0), wire.CloseMalformed},
		{"input number 0", input(0, 1, 0, 0), wire.CloseMalformed},
		{"the last input there can be", input(1<<32-1, 1, 0, 0), 0},
		{"an input of a float", []byte{0x97, 2, 1, 0, 0, 0xca, 0, 0}, wire.CloseMalformed},
		{"an ack of the future", wire.AppendAck(nil, wire.Ack{Tick: 1 << 31, EventSeq: 1 << 31}), 0},
		{"a cut ack", []byte{0x93, 3, 1}, wire.CloseMalformed},
		{"a ping", wire.AppendPing(nil, wire.Ping{ClientUS: 7}), 0},
		{"a cut ping", []byte{0x91, 4}, wire.CloseMalformed},
		{"a message", wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: []byte{0x90}}), 0},
		{"a message without end", []byte{0x94, 5, 1, 0, 0xc6, 0xff, 0xff, 0xff, 0xff}, wire.CloseMalformed},
		{"a resync", wire.AppendResync(nil, wire.Resync{Tick: 1, Reason: 1}), 0},
		{"a cut resync", []byte{0x91, 7}, wire.CloseMalformed},
		{"a leave", wire.AppendLeave(nil), 0},
		{"a leave with bytes behind it", []byte{0x91, 6, 0}, wire.CloseMalformed},
		{"a leave with an element that is none", []byte{0x92, 6, 0xc1}, wire.CloseMalformed},
	} {
		b := newBench(t, dotDefinition(), Config{})
		ada := b.join(0, "Ada")
		if got := b.room.Receive(ada.session, c.frame); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		b.ticks(3)
		if end := b.room.Ended(); end != nil {
			t.Errorf("%s: the room ended: %+v", c.name, end.Fault)
		}
	}
	def := dotDefinition()
	def.Input = nil
	b := newBench(t, def, Config{})
	if got := b.room.Receive(b.join(0, "Ada").session, input(1, 1)); got != wire.CloseUnexpected {
		t.Errorf("an input in a game without: %v, want 4004", got)
	}
}

func TestFloodIsCutOff(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	ping := wire.AppendPing(nil, wire.Ping{})
	n := 0
	for b.room.Receive(ada.session, ping) == 0 {
		if n++; n > 2*frameBurst {
			t.Fatalf("%d frames in one tick were taken", n)
		}
	}
	if n != frameBurst {
		t.Errorf("%d frames in one tick were taken, want %d", n, frameBurst)
	}
	b.ticks(20)
	if got := b.room.Receive(ada.session, ping); got != 0 {
		t.Errorf("a second later: %v", got)
	}
}

// The socket's own pings and pongs share the rate of frames; they do not keep a session alive and do not spend what it came with.
func TestControlFramesCount(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.ticks(3)
	ada.session.heard, ada.session.arrived = 1, false
	n := 0
	for b.room.Control(ada.session) == 0 {
		if n++; n > 2*frameBurst {
			t.Fatalf("%d control frames in one tick were taken", n)
		}
	}
	if s := ada.session; s.heard != 1 || s.arrived {
		t.Errorf("heard at tick %d, arrived %v: they count as frames of ours", s.heard, s.arrived)
	}
	if n != frameBurst || b.room.Receive(ada.session, wire.AppendPing(nil, wire.Ping{})) != wire.CloseRate {
		t.Errorf("%d control frames in one tick were taken, want %d, and no frame more", n, frameBurst)
	}
	b.ticks(20)
	if got := b.room.Control(ada.session); got != 0 {
		t.Errorf("a second later: %v", got)
	}
}

// Any bytes as frames, many of them: the room goes on for the others.
func TestNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	b := newBench(t, dotDefinition(), Config{})
	ada, eve := b.join(0, "Ada"), b.join(1, "Eve")
	for range 2000 {
		frame := make([]byte, 1+rng.IntN(24))
		for i := range frame {
			frame[i] = byte(rng.IntN(256))
		}
		frame[0], frame[min(1, len(frame)-1)] = 0x90|byte(rng.IntN(8)), byte(2+rng.IntN(6))
		if frame[min(1, len(frame)-1)] != byte(wire.TypeLeave) {
			b.room.Receive(eve.session, frame)
		}
		b.input(ada, 1, 0, 0)
		b.tick()
	}
	if got := ada.dot(0)[0]; got < 1990 {
		t.Errorf("ada got to %d in 2000 ticks", got)
	}
}

// A checkpoint that was cut, or in which a bit flipped, is refused or restored; it never brings the node down.
func TestRestoreOfDamagedCheckpoint(t *testing.T) {
	def := dotDefinition()
	def.Bots = 3
	b := newBench(t, def, Config{})
	b.chaos(rand.New(rand.NewPCG(1, 1)), 60)
	good, err := b.room.AppendCheckpoint(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{ID: "testroom", Program: b.room.prog}
	for cut := range good {
		if _, err := Restore(cfg, good[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were restored", cut, len(good))
		}
	}
	if _, err := Restore(cfg, append(bytes.Clone(good), 0)); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a byte behind the checkpoint: %v", err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range 3000 {
		bad := bytes.Clone(good)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		r, err := Restore(cfg, bad)
		if err != nil {
			continue
		}
		r.TakeOver(2, nil)
		for range 3 {
			r.Tick(1)
		}
	}
}

func TestRestoreOfAnotherGame(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	b.tick()
	checkpoint, err := b.room.AppendCheckpoint(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*room.Definition){
		"its name":         func(d *room.Definition) { d.Name = "dashes" },
		"its StateVersion": func(d *room.Definition) { d.StateVersion = 2 },
	} {
		def := dotDefinition()
		change(&def)
		prog, err := room.Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(Config{ID: "testroom", Program: prog}, checkpoint); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("a game that differs in %s: %v, want ErrCheckpoint", name, err)
		}
	}
}

// Records that make no sense end the room with a fault, at once.
func TestReplayOfDamagedRecords(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{Seed: 5})
	b.chaos(rand.New(rand.NewPCG(1, 1)), 15)
	_, checkpoint, records := b.room.Journal()
	checkpoint, records = bytes.Clone(checkpoint), bytes.Clone(records)
	rng := rand.New(rand.NewPCG(2, 2))
	for range 3000 {
		r, err := New(Config{ID: "testroom", Program: b.room.prog, Seed: 5})
		if len(checkpoint) > 0 {
			r, err = Restore(Config{ID: "testroom", Program: b.room.prog, Seed: 5}, checkpoint)
		}
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(records)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		if err := r.Replay(bad[:rng.IntN(len(bad)+1)]); err != nil && !errors.Is(err, wire.ErrMalformed) && !errors.As(err, new(*PanicError)) {
			t.Fatal(err)
		}
	}
}

func TestKeys(t *testing.T) {
	s := secretOf(9)
	key := FormatKey("k3v9", 77, s)
	if id, session, secret, err := ParseKey(key); err != nil || id != "k3v9" || session != 77 || secret != s || !IsKey(key) {
		t.Errorf("%q is %q, %d, %x, %v", key, id, session, secret, err)
	}
	for _, bad := range []string{"", "r1.", "r1.a.b", "r1.a.b.c.d", "r2" + key[2:], key + "A", key[:len(key)-1], "r1.a.zzzzzzzzz." + key[len(key)-22:],
		"r1.a.-1." + key[len(key)-22:], "r1." + string(make([]byte, 600)) + ".1." + key[len(key)-22:]} {
		if _, _, _, err := ParseKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("ParseKey(%q): %v, want ErrKey", bad, err)
		}
	}
}

// A room that is closed from outside tells its players and takes nobody in.
func TestClose(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	b.room.Close(wire.CloseDraining, "going away")
	b.room.Close(wire.CloseEnded, "a second reason counts for nothing")
	b.tick()
	if ada.end == nil || ada.end.Code != uint32(wire.CloseDraining) || ada.end.Reason != "going away" {
		t.Errorf("END %+v", ada.end)
	}
	if late := b.join(1, "Late"); late.session != nil || late.outcome.Code != wire.CloseEnded {
		t.Errorf("a join afterwards: %+v", late.outcome)
	}
}

// Each fault that can be planted is one that a client's hash check finds.
func TestPlantedFaultsAreFound(t *testing.T) {
	for _, plant := range []Plant{PlantFlip, PlantDrop} {
		def := dotDefinition()
		def.Messages = nil
		def.New = func(*room.Room, json.RawMessage) (room.Game, error) { return &counter{}, nil }
		b := newBench(t, def, Config{Plant: plant})
		c := b.join(0, "Ada")
		found := make(chan bool, 1)
		c.TB = &watcher{TB: t, found: found}
		for range 200 {
			b.input(c, 1, 0, 0)
			if b.tick(); len(found) > 0 {
				break
			}
		}
		if len(found) == 0 {
			t.Errorf("plant %q: ten seconds of it and no hash differed", plant)
		}
	}
}

// A counter shows numbers only: those are what a fault can be planted in.
type counter struct{ dotGame }

func (g *counter) View(_ *room.Room, v *room.View) { secrets.Put(v, 1, secret{int(g.S.Steps)}) }

// A watcher is the test of a client that is expected to find a fault.
type watcher struct {
	testing.TB
	found chan bool
}

func (w *watcher) Fatalf(string, ...any) {
	select {
	case w.found <- true:
	default:
	}
}

func TestSkippedAndDroppedAreCounted(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(0, "Ada")
	for range 4 {
		b.room.Tick(1) // nothing can be written to the connection
	}
	b.tick()
	if n := ada.session.Skipped(); n != 4 {
		t.Errorf("%d frames skipped, want 4", n)
	}
	for seq := uint32(8); seq <= 24; seq += 8 {
		b.send(ada, wire.AppendInput(nil, seq, 0, 0, make([]int32, 24)))
	}
	b.tick()
	if n := ada.session.Dropped(); n < 16 {
		t.Errorf("%d of 24 inputs in one tick dropped, want at least 16: eight may wait", n)
	}
}
