package ringside

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/room"
)

// A stuck is a walk that does not come back from the Step of a tick.
type stuck struct {
	walk
	at   uint32
	gate chan struct{}
}

func (g *stuck) Step(r *room.Room) {
	if r.Tick() == g.at {
		<-g.gate
	}
	g.walk.Step(r)
}

// A game that did not come back does not on a desk either, and the replay says where; one that does now is another game.
func TestReplayOfAHang(t *testing.T) {
	for _, tt := range []struct {
		at    uint32
		panic string
		want  string // on stdout
		err   string
	}{
		{at: 5, panic: "Step has not come back: the tick has taken 2.01s", want: "the game does not come back at tick 5: Step has not come back: the tick has taken 3s\n  at main.f at main.go:1\n"},
		{at: 5, panic: "View has not come back: the tick has taken 2s", err: "the file is of another panic"},
		{at: 9, panic: "Step has not come back: the tick has taken 2s", err: "without the panic of the file"},
	} {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			program := func(at uint32) *room.Program {
				def := walkGame(1)
				def.New = func(*room.Room, json.RawMessage) (room.Game, error) { return &stuck{at: at, gate: gate}, nil }
				prog, err := room.Compile(def)
				if err != nil {
					t.Fatal(err)
				}
				return prog
			}
			r, err := engine.New(engine.Config{ID: "a", Program: program(0)})
			if err != nil {
				t.Fatal(err)
			}
			r.Join(engine.Join{Conn: 1, Seat: engine.Seat{ID: 1}})
			for tick := range uint64(5) {
				r.Tick(tick)
			}
			_, checkpoint, records := r.Journal()
			var out bytes.Buffer
			p := player{console: &console{stdout: &out}, file: &host.FaultFile{
				Room: "a", Game: "walk", Version: 1, Tick: 5, Panic: tt.panic, Stack: []byte("main.f(...)\n\t/src/main.go:1 +0x1\n"),
				Checkpoint: checkpoint, Records: records,
			}}
			err = p.play(program(tt.at))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || !strings.Contains(out.String(), tt.want) {
				t.Errorf("%s\n%v, want %q and %q", out.String(), err, tt.want, tt.err)
			}
			close(gate)
		})
	}
}
