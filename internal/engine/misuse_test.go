package engine

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A game that uses its room outside of a callback loses it at the next tick, also if there were no reason to make one; the fault
// is about the line that did it.
func TestMisuseEndsTheRoom(t *testing.T) {
	for name, def := range map[string]room.Definition{"awake": dotDefinition(), "asleep": napDefinition()} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, def, Config{})
			b.join(0, "Ada")
			b.ticks(30)
			done := make(chan struct{})
			go func() {
				defer close(done)
				b.room.driver.Room.AddBot("Bo")
			}()
			<-done
			before := b.room.TickNow()
			b.room.Tick(0)
			end := b.room.Ended()
			if end == nil || end.Code != wire.CloseFault || end.Fault == nil {
				t.Fatalf("ended %+v, want a fault", end)
			}
			if f := end.Fault; f.Tick != before+1 || !strings.HasPrefix(f.Panic, "room: AddBot called outside of a callback at misuse_test.go:") || !strings.Contains(string(f.Stack), "TestMisuseEndsTheRoom") {
				t.Errorf("fault of tick %d: %s\n%s", f.Tick, f.Panic, f.Stack)
			}
		})
	}
}

// In New there is no tick for an effect, and no room is made.
func TestMisuseInNew(t *testing.T) {
	def := dotDefinition()
	made := def.New
	def.New = func(r *room.Room, options json.RawMessage) (room.Game, error) {
		r.Lock(true)
		return made(r, options)
	}
	prog, err := room.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{ID: "a", Program: prog})
	if err == nil || !strings.Contains(err.Error(), "room: Lock called in New at misuse_test.go:") {
		t.Errorf("error %v", err)
	}
}
