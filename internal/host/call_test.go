package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A messenger runs what its test gives it when a player asks, and tells the directory what came of it.
type messenger struct {
	dotGame
	f func(ctx context.Context) ([]byte, error)
}

func messengerProgram(tb testing.TB, f func(ctx context.Context) ([]byte, error)) *room.Program {
	return dotProgram(tb, "messenger", func(d *room.Definition) {
		d.Messages = []room.AnyMessage{room.Message("order", 50, (*messenger).order)}
		d.New = func(*room.Room, json.RawMessage) (room.Game, error) { return &messenger{f: f}, nil }
		d.Sleeps = true
	})
}

func (g *messenger) order(r *room.Room, _ *room.Player, o order) error {
	if o.What == orderEnd {
		r.End(nil)
		return nil
	}
	r.Call(uint32(o.What), g.f)
	return nil
}

func (g *messenger) Done(r *room.Room, tag uint32, result []byte, err error) {
	r.SetMetadata("done", fmt.Sprintf("%d %q %v", tag, result, err))
}

// messengers starts a room of them, with a player in it.
func messengers(t *testing.T, b Backend, f func(ctx context.Context) ([]byte, error)) (*rig, *client) {
	r := newRig(t, b, func(c *Config) { c.Games = append(c.Games, messengerProgram(t, f)) })
	r.assign(Assignment{Room: "m", Game: "messenger"})
	r.town.await(t, "started m", 1)
	return r, r.join("m", 0)
}

// What a call comes back with reaches the game, also when everybody has left meanwhile and the room stands still.
func TestCallReachesTheGame(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		started, gate := make(chan struct{}), make(chan struct{})
		r, c := messengers(t, b, func(context.Context) ([]byte, error) {
			close(started)
			<-gate
			return []byte("hello"), nil
		})
		c.order(42)
		<-started
		c.send(wire.AppendLeave(nil))
		r.town.await(t, "freed m", 1)
		close(gate)
		if got, want := r.town.await(t, "metadata m", 1), `metadata m 1 done=42 "hello" <nil>`; got != want {
			t.Errorf("the directory heard %q, want %q", got, want)
		}
	})
}

func TestCallPanics(t *testing.T) {
	r, c := messengers(t, "", func(context.Context) ([]byte, error) { panic("no such table") })
	c.order(1)
	if got := r.town.await(t, "metadata m", 1); !strings.Contains(got, "the call panicked: no such table") {
		t.Errorf("the directory heard %q", got)
	}
}

// The end of a room ends its calls.
func TestRoomEndsItsCalls(t *testing.T) {
	started, ended := make(chan struct{}), make(chan error, 1)
	r, c := messengers(t, "", func(ctx context.Context) ([]byte, error) {
		close(started)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	c.order(1)
	<-started
	c.order(orderEnd)
	r.town.await(t, "ended m", 1)
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the call's context ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the call goes on")
	}
}

// At most maxCalling functions run at the same time, maxCallQueue wait in order, and the rest are told.
func TestCallersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &worker{wake: make(chan struct{}, 1)}
		var k callers
		gate := make(chan struct{})
		start := func(id int) {
			k.start(call{ctx: ctx, room: hostedBy(w, Assignment{}), Call: engine.Call{ID: uint64(id), F: func(context.Context) ([]byte, error) {
				<-gate
				return nil, nil
			}}})
		}
		for i := range maxCalling + maxCallQueue + 3 {
			start(i)
		}
		synctest.Wait()
		if len(w.results) != 3 || !errors.Is(w.results[0].err, room.ErrTooManyCalls) || w.results[0].id != maxCalling+maxCallQueue {
			t.Errorf("%d calls were refused: %+v", len(w.results), w.results)
		}
		if k.running != maxCalling || len(k.queue) != maxCallQueue {
			t.Errorf("%d run, %d wait", k.running, len(k.queue))
		}
		gate <- struct{}{}
		synctest.Wait()
		if k.running != maxCalling || len(k.queue) != maxCallQueue-1 || len(w.results) != 4 {
			t.Errorf("after one: %d run, %d wait, %d results", k.running, len(k.queue), len(w.results))
		}
		cancel() // what waits is not begun
		close(gate)
		k.group.Wait()
		if k.running != 0 || len(k.queue) != 0 || len(w.results) != 4 {
			t.Errorf("at the end: %d run, %d wait, %d results", k.running, len(k.queue), len(w.results))
		}
	})
}

// A function that does not look at its context does not keep the game waiting, nor its place.
func TestCallTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{wake: make(chan struct{}, 1)}
		began := time.Now()
		var stuck atomic.Int64
		k := callers{count: func(n int64) { stuck.Add(n) }}
		state := func() (stuckOf, running int) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.stuck[""], k.running
		}
		k.start(call{ctx: t.Context(), room: hostedBy(w, Assignment{}), log: zerolog.Nop(), Call: engine.Call{ID: 5, F: func(context.Context) ([]byte, error) {
			time.Sleep(2 * room.CallTimeout)
			return []byte("late"), nil
		}}})
		<-w.wake
		if got := w.results; len(got) != 1 || !errors.Is(got[0].err, room.ErrCallTimeout) || time.Since(began) != room.CallTimeout {
			t.Errorf("after %v: %+v", time.Since(began), got)
		}
		k.group.Wait()
		if n, running := state(); time.Since(began) != room.CallTimeout+callGrace || running != 0 || stuck.Load() != 1 || n != 1 {
			t.Errorf("after %v: %d run, %d stuck, %d of the game", time.Since(began), running, stuck.Load(), n)
		}
		time.Sleep(2 * room.CallTimeout)
		synctest.Wait()
		if n, running := state(); len(w.results) != 1 || stuck.Load() != 0 || n != 0 || running != 0 {
			t.Errorf("it came back: %d results, %d stuck, %d of the game, %d run", len(w.results), stuck.Load(), n, running)
		}
	})
}

// A game whose calls do not end has maxGivenUp of them at most; other games are not touched by it.
func TestStuckCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{wake: make(chan struct{}, 1)}
		var stuck atomic.Int64
		k := callers{count: func(n int64) { stuck.Add(n) }}
		gate := make(chan struct{})
		start := func(game string, id int, f func()) {
			k.start(call{ctx: t.Context(), room: hostedBy(w, Assignment{Game: game}), log: zerolog.Nop(), Call: engine.Call{ID: uint64(id), F: func(context.Context) ([]byte, error) {
				f()
				return nil, nil
			}}})
		}
		const all = maxGivenUp + maxCalling + 10
		for i := range all {
			start("bad", i, func() { <-gate })
		}
		time.Sleep(10 * room.CallTimeout)
		synctest.Wait()
		if n := stuck.Load(); n < maxGivenUp || n > maxGivenUp+maxCalling || k.running != 0 || len(k.queue) != 0 {
			t.Errorf("%d stuck, %d run, %d wait", n, k.running, len(k.queue))
		}
		w.results = nil
		start("bad", all, func() { t.Error("it runs") })
		start("good", all+1, func() {})
		synctest.Wait()
		if len(w.results) != 2 || !errors.Is(w.results[0].err, room.ErrTooManyCalls) || w.results[1].err != nil {
			t.Errorf("results %+v", w.results)
		}
		close(gate)
		synctest.Wait()
		if stuck.Load() != 0 || len(k.stuck) != 0 {
			t.Errorf("at the end %d are stuck, %v", stuck.Load(), k.stuck)
		}
	})
}
