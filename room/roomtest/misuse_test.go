package roomtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

// A game that uses its room from a goroutine fails its author's test with the line that did it: at the next tick, or if there is
// none, at the test's end.
func TestMisuseIsCaught(t *testing.T) {
	var kept *room.Room
	def := definitionOf(mistake{step: func(_ *mistaken, r *room.Room) {
		if kept == nil { // the tested room, not those it is compared with
			kept = r
		}
	}})
	misuse := func(b *roomtest.Bench) {
		kept = nil
		b.Tick(3)
		done := make(chan struct{})
		go func() {
			defer close(done)
			kept.Lock(true)
		}()
		<-done
	}
	const want = "room: Lock called outside of a callback at misuse_test.go:"
	if got := verdict(t, func(t testing.TB) {
		b := roomtest.New(t, def, roomtest.Options{})
		misuse(b)
		b.Tick(1)
	}); !strings.Contains(got, want) || !strings.Contains(got, "tick 4") {
		t.Errorf("with a tick the test failed with %q", got)
	}
	end := &ending{TB: t}
	misuse(roomtest.New(end, def, roomtest.Options{}))
	for _, f := range end.cleanups {
		f()
	}
	if !strings.Contains(end.failed, want) {
		t.Errorf("at its end the test failed with %q", end.failed)
	}
}

// An ending is a test whose end can be looked at.
type ending struct {
	testing.TB
	failed   string
	cleanups []func()
}

func (e *ending) Helper()                   {}
func (e *ending) Cleanup(f func())          { e.cleanups = append(e.cleanups, f) }
func (e *ending) Errorf(f string, a ...any) { e.failed = fmt.Sprintf(f, a...) }
