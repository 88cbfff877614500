package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/ringside-server/ringside/room"
)

// A checkpoint comes from a disk or another node: whatever its bytes, restoring is refused or gives a room that ticks.
func FuzzRestore(f *testing.F) {
	def := dotDefinition()
	def.Bots = 3
	for seed := range uint64(3) {
		b := newBench(f, def, Config{Seed: seed})
		b.chaos(rand.New(rand.NewPCG(seed, 2)), 60)
		_, checkpoint, _ := b.room.Journal()
		f.Add(append([]byte(nil), checkpoint...))
	}
	prog, err := room.Compile(def)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, checkpoint []byte) {
		r, err := Restore(Config{ID: "testroom", Program: prog}, checkpoint)
		if err != nil {
			return
		}
		r.TakeOver(r.Epoch()+1, nil)
		for range 3 {
			r.Tick(1) // a game may fail on a state it never made: that ends the room, and nothing else
		}
	})
}

// A key comes from a client.
func FuzzParseKey(f *testing.F) {
	f.Add(FormatKey("abcdefghjk", 7, Secret{1, 2, 3}))
	f.Add("r1...")
	f.Fuzz(func(t *testing.T, key string) {
		id, session, secret, err := ParseKey(key)
		if err != nil {
			return
		}
		if again, s, k, err := ParseKey(FormatKey(id, session, secret)); err != nil || again != id || s != session || k != secret {
			t.Errorf("%q parses as %q %d, written again it does not", key, id, session)
		}
	})
}
