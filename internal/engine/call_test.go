package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A caller makes calls when it is told to, and keeps what it hears.
type caller struct{ S callerState }

type callerState struct {
	Want  int // calls in the next Step
	Heard []string
}

func callerDefinition() room.Definition {
	return room.Definition{
		Name: "caller", MaxPlayers: 4,
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &caller{}, nil },
	}
}

func (g *caller) Join(*room.Room, *room.Player) error         { return nil }
func (g *caller) Leave(*room.Room, *room.Player, room.Reason) {}
func (g *caller) View(*room.Room, *room.View)                 {}
func (g *caller) State() any                                  { return &g.S }
func (g *caller) Step(r *room.Room) {
	for i := range g.S.Want {
		r.Call(uint32(i), func(context.Context) ([]byte, error) { return []byte{byte(i)}, nil })
	}
	g.S.Want = 0
}

func (g *caller) Done(r *room.Room, tag uint32, result []byte, err error) {
	switch {
	case errors.Is(err, room.ErrTooManyCalls):
		err = errors.New("MANY")
	case errors.Is(err, room.ErrCallLost):
		err = errors.New("LOST")
	case errors.Is(err, room.ErrCallTimeout):
		err = errors.New("TIMEOUT")
	}
	g.S.Heard = append(g.S.Heard, fmt.Sprintf("%d@%d %x %v", tag, r.Tick(), result[:min(len(result), 4)], err))
}

func (b *bench) callers() *callerState { return &b.room.driver.Game.(*caller).S }

// call lets the game make n calls in the next tick and returns them.
func (b *bench) call(n int) []Call {
	b.Helper()
	b.callers().Want = n
	b.room.Wake()
	if err := b.room.TakeCheckpoint(); err != nil { // what was changed by hand is in no record
		b.Fatal(err)
	}
	b.tick()
	return slices.Clone(b.room.Calls())
}

func TestCall(t *testing.T) {
	b := newBench(t, callerDefinition(), Config{})
	calls := b.call(5)
	if len(calls) != 5 || calls[3].Tag != 3 || calls[0].ID == calls[1].ID {
		t.Fatalf("calls %+v", calls)
	}
	if got, err := calls[3].F(t.Context()); err != nil || got[0] != 3 {
		t.Errorf("the function returned %x, %v", got, err)
	}
	b.tick()
	if len(b.room.Calls()) != 0 || b.room.Unheard() {
		t.Error("calls are given out twice, or an answer came from nowhere")
	}
	b.room.Called(calls[1].ID, []byte{7}, nil)
	b.room.Called(calls[1].ID, []byte{8}, nil) // twice
	b.room.Called(calls[0].ID, nil, errors.New(strings.Repeat("é", 2000)))
	b.room.Called(999, []byte{9}, nil)
	b.room.Called(calls[2].ID, make([]byte, room.MaxCallResult+1), nil)
	b.room.Called(calls[3].ID, nil, fmt.Errorf("busy: %w", room.ErrTooManyCalls))
	b.room.Called(calls[4].ID, nil, (*typedNil)(nil))
	if !b.room.Unheard() || len(b.callers().Heard) > 0 {
		t.Error("an answer did not wait for the tick")
	}
	b.tick()
	b.room.Called(calls[1].ID, []byte{8}, nil) // too late
	b.tick()
	got := b.callers().Heard
	want := []string{"1@3 07 <nil>", "0@3  éé", "2@3  the result has 65537 bytes, at most 65536", "3@3  MANY", "4@3  the call failed, and so did its error's text"}
	if len(got) != len(want) {
		t.Fatalf("heard %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) || len(got[i]) > room.MaxCallError+20 {
			t.Errorf("heard %.60q, want %q", got[i], want[i])
		}
	}
}

type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

// What was under way when the process ended is lost, and said so; what came before is not asked for again.
func TestCallsAcrossARestart(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		def := callerDefinition()
		b := newBench(t, def, Config{})
		calls := b.call(3)
		b.room.Called(calls[2].ID, []byte{2}, nil)
		b.tick()
		b.room.Called(calls[1].ID, []byte{1}, nil) // no tick has taken it
		if checkpoint {
			if err := b.room.TakeCheckpoint(); err != nil {
				t.Fatal(err)
			}
		}
		b.restart(def, nil)
		if len(b.room.Calls()) != 0 || !b.room.Unheard() {
			t.Error("the replay asked for calls")
		}
		b.room.Called(calls[1].ID, []byte{1}, nil) // of the dead process
		b.tick()
		want := []string{"2@2 02 <nil>", "0@3  LOST", "1@3  LOST"}
		if got := b.callers().Heard; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
		b.restart(def, nil)
		if got := b.callers().Heard; !slices.Equal(got, want) || b.room.Unheard() {
			t.Errorf("after another restart: heard %q, want %q", got, want)
		}
		if again := b.call(1); len(again) != 1 || again[0].ID <= calls[2].ID {
			t.Errorf("a call after the restart: %+v", again)
		}
	}
}

func TestTooManyCalls(t *testing.T) {
	def := callerDefinition()
	def.Sleeps = true
	b := newBench(t, def, Config{})
	calls := b.call(room.MaxCalls + 3)
	if len(calls) != room.MaxCalls {
		t.Fatalf("%d calls were made", len(calls))
	}
	b.restart(def, nil) // the refused ones are in the journal
	b.tick()
	if got := b.callers().Heard; len(got) != room.MaxCalls+3 || got[room.MaxCalls] != fmt.Sprintf("%d@2  MANY", room.MaxCalls) {
		t.Errorf("heard %d answers, %q", len(got), got[max(len(got)-3, 0):])
	}
	if b.room.calling != 0 || len(b.room.calls) != 0 {
		t.Errorf("%d calls are still under way", len(b.room.calls))
	}
}

func TestCallMisuse(t *testing.T) {
	for name, c := range map[string]struct {
		step func(*room.Room)
		want string
	}{
		"no Done":     {func(r *room.Room) { r.Call(1, func(context.Context) ([]byte, error) { return nil, nil }) }, "implement room.Caller"},
		"no function": {func(r *room.Room) { r.Call(1, nil) }, "room.Caller"},
	} {
		def := dotDefinition()
		def.Messages = nil
		def.New = func(*room.Room, json.RawMessage) (room.Game, error) { return &stepper{step: c.step}, nil }
		b := newBench(t, def, Config{})
		b.tick()
		if end := b.room.Ended(); end == nil || end.Fault == nil || !strings.Contains(end.Fault.Panic, c.want) {
			t.Errorf("%s: %+v", name, end)
		}
	}
	def := callerDefinition()
	b := newBench(t, def, Config{})
	b.call(1)
	b.room.Close(wire.CloseEnded, "over")
	if len(b.room.Calls()) != 0 {
		t.Error("a room that is over wants something")
	}
}

type stepper struct {
	dotGame
	step func(*room.Room)
}

func (g *stepper) Step(r *room.Room) { g.step(r) }

// A journal with answers to calls is restored as it was, whatever its bytes.
func TestDamagedCalls(t *testing.T) {
	b := newBench(t, callerDefinition(), Config{})
	calls := b.call(6)
	if err := b.room.TakeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	b.room.Called(calls[0].ID, []byte("result"), nil)
	b.room.Called(calls[1].ID, nil, errors.New("text"))
	b.tick()
	_, checkpoint, records := b.room.Journal()
	for i := range checkpoint {
		bad := bytes.Clone(checkpoint)
		bad[i] ^= 0x55
		if r, err := Restore(b.room.cfg, bad); err == nil {
			r.TakeOver(2, nil)
			r.Tick(1)
		} else if !errors.Is(err, ErrCheckpoint) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for i := range records {
		bad := bytes.Clone(records)
		bad[i] ^= 0x55
		r, err := Restore(b.room.cfg, checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Replay(bad); err == nil {
			r.Tick(1)
		}
	}
}
