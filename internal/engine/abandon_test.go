package engine

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A stallGame does in its Step what its test says.
type stallGame struct {
	dotGame
	step func()
}

func (g *stallGame) Step(r *room.Room) {
	g.dotGame.Step(r)
	g.step()
}

func stallProgram(tb testing.TB, step func()) *room.Program {
	def := dotDefinition()
	def.Messages = nil
	def.New = func(*room.Room, json.RawMessage) (room.Game, error) { return &stallGame{step: step}, nil }
	prog, err := room.Compile(def)
	if err != nil {
		tb.Fatal(err)
	}
	return prog
}

// types collects the types of messages.
type types []wire.Type

func (l *types) Message(head, shared, private []byte) {
	t, err := wire.PeekType(slices.Concat(head, shared, private))
	if err != nil {
		panic(err)
	}
	*l = append(*l, t)
}

// A room whose game does not come back ends as one whose game panics, with a fault that has the tick in which it did not; what
// its players are told is that, and nothing that the game may still write.
func TestAbandon(t *testing.T) {
	stall, inside, release, over := false, make(chan struct{}), make(chan struct{}), make(chan struct{})
	r, err := New(Config{ID: "a", Program: stallProgram(t, func() {
		if stall {
			close(inside)
			<-release
		}
	})})
	if err != nil {
		t.Fatal(err)
	}
	r.Join(Join{Conn: 1, Seat: Seat{ID: 1}})
	for tick := range uint64(3) {
		r.Tick(tick)
	}
	s := r.Sessions()[0]
	var sent types
	r.Flush(s, &sent)
	if r.Abandon(time.Second, nil) || r.Ended() != nil || r.Abandoned() {
		t.Fatal("given up between two ticks")
	}
	stall = true
	go func() {
		defer close(over)
		r.Tick(3)
	}()
	<-inside
	if !r.Abandon(2100*time.Millisecond, []byte("stack")) || r.Abandon(time.Second, nil) || !r.Abandoned() {
		t.Fatal("not given up once")
	}
	end := r.Ended()
	if end == nil || end.Code != wire.CloseFault || end.Fault.Tick != 4 || string(end.Fault.Stack) != "stack" ||
		end.Fault.Panic != "Step has not come back: the tick has taken 2.1s" || end.Fault.Hung != 2100*time.Millisecond {
		t.Fatalf("end %+v", end)
	}
	sent = nil
	r.Lost(s, 1)
	if r.Flush(s, &sent); len(sent) != 1 || sent[0] != wire.TypeEnd {
		t.Errorf("sent %v", sent)
	}
	close(release)
	<-over
	if got := r.Ended(); got != end {
		t.Errorf("the goroutine came back and ended the room anew: %+v", got)
	}

	copyOf, err := New(Config{ID: "a", Program: stallProgram(t, func() {})})
	if len(end.Fault.Checkpoint) > 0 {
		copyOf, err = Restore(Config{ID: "a", Program: stallProgram(t, func() {})}, end.Fault.Checkpoint)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := copyOf.Replay(end.Fault.Records); err != nil || copyOf.TickNow() != 4 {
		t.Errorf("replayed to tick %d: %v", copyOf.TickNow(), err)
	}
}

// A game that ends its goroutine has failed.
func TestGameThatEndsItsGoroutine(t *testing.T) {
	r, err := New(Config{ID: "a", Program: stallProgram(t, runtime.Goexit)})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.Tick(0)
	}()
	<-over
	if end := r.Ended(); end == nil || end.Fault == nil || !strings.Contains(end.Fault.Panic, "runtime.Goexit") || end.Fault.Hung != 0 {
		t.Errorf("end %+v", end)
	}
}
