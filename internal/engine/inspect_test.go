package engine

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

// Whatever a room does can be told, and telling it changes nothing.
func TestNarrate(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{Seed: 3})
	b.chaos(rand.New(rand.NewPCG(3, 1)), 15)
	_, checkpoint, records := b.room.Journal()
	copyOf, err := New(Config{ID: "r1", Program: b.room.prog, Seed: 3})
	if len(checkpoint) > 0 {
		copyOf, err = Restore(Config{ID: "r1", Program: b.room.prog, Seed: 3}, checkpoint)
	}
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for in := wire.NewReader(records); in.Len() > 0; {
		record := in.Bytes(len(records))
		tick, lines, err := copyOf.Narrate(record)
		if err != nil || tick != copyOf.TickNow()+1 {
			t.Fatalf("tick %d after %d, %v", tick, copyOf.TickNow(), err)
		}
		if err := copyOf.Replay(wire.AppendBytes(nil, record)); err != nil {
			t.Fatal(err)
		}
		told = append(told, lines...)
	}
	for _, part := range []string{": join: player ", ": input up to seq "} {
		if !slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, part) }) {
			t.Errorf("nothing of %q in %q", part, told)
		}
	}
	tick, hash, ok := b.room.ViewHash()
	tick2, hash2, ok2 := copyOf.ViewHash()
	if !ok || !ok2 || tick != tick2 || hash != hash2 {
		t.Errorf("hash %x of tick %d, the copy's %x of %d", hash, tick, hash2, tick2)
	}
}

func FuzzNarrate(f *testing.F) {
	b := newBench(f, dotDefinition(), Config{Seed: 1})
	b.chaos(rand.New(rand.NewPCG(1, 1)), 15)
	_, _, records := b.room.Journal()
	for in := wire.NewReader(records); in.Len() > 0; {
		f.Add(slices.Clone(in.Bytes(len(records))))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		if _, lines, err := b.room.Narrate(record); err == nil && len(lines) > len(record) {
			t.Errorf("%d lines of %d bytes", len(lines), len(record))
		}
	})
}

func TestStateJSON(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	c := b.join(2, "Ada")
	b.ticks(2)
	b.input(c, 1, 0, 1)
	b.ticks(1)
	text, err := b.room.StateJSON()
	if err != nil {
		t.Fatal(err)
	}
	var got dotStateJSON
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d := got.Dots["2"]; d.X != 1 || d.Name != "Ada" || got.Steps != b.room.TickNow() {
		t.Errorf("state %s", text)
	}
}

type dotStateJSON struct {
	Dots  map[string]dot
	Steps uint32
}
