package roomtest

import (
	"context"
	"runtime/debug"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/room"
)

// answerCalls runs what the game wants done outside, at once; the next tick hears of it. The twin is given what the tested room
// is given: a function runs once.
func (b *Bench) answerCalls() {
	b.Helper()
	calls := b.main.room.Calls()
	if b.twin != nil {
		others := b.twin.room.Calls()
		same := len(calls) == len(others)
		for i := 0; same && i < len(calls); i++ {
			same = calls[i].Tag == others[i].Tag && calls[i].ID == others[i].ID
		}
		if !same {
			b.Fatalf("tick %d: two rooms with the same inputs are not the same: one makes %d calls, the other %d, or their tags differ", b.Now(), len(calls), len(others))
		}
	}
	for _, c := range calls {
		result, err := b.runCall(c)
		for _, s := range b.sides() {
			s.room.Called(c.ID, append([]byte(nil), result...), err)
		}
	}
}

func (b *Bench) runCall(c engine.Call) (result []byte, err error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), room.CallTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			b.Fatalf("tick %d: the function of call %d panicked: %v\n\n%s", b.Now(), c.Tag, v, debug.Stack())
		}
	}()
	return c.F(ctx)
}
