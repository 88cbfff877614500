package room

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// A script is a game made of functions, so that a test can say what happens in a callback.
type script struct {
	S     any
	join  func(*Room, *Player) error
	leave func(*Room, *Player, Reason)
	step  func(*Room)
	view  func(*Room, *View)
}

type noState struct{ N int }

func (g *script) Join(r *Room, p *Player) error {
	if g.join == nil {
		return nil
	}
	return g.join(r, p)
}

func (g *script) Leave(r *Room, p *Player, why Reason) {
	if g.leave != nil {
		g.leave(r, p, why)
	}
}

func (g *script) Step(r *Room) {
	if g.step != nil {
		g.step(r)
	}
}

func (g *script) View(r *Room, v *View) {
	if g.view != nil {
		g.view(r, v)
	}
}

func (g *script) State() any { return g.S }

func definition(g Game) Definition {
	return Definition{Name: "test", MaxPlayers: 4, New: func(*Room, json.RawMessage) (Game, error) { return g, nil }}
}

// start compiles a definition and starts its room, at tick 1.
func start(t testing.TB, def Definition) (*Driver, *view.Frame) {
	t.Helper()
	prog, err := Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	d, err := prog.Start("testroom", 1, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	d.SetTick(1)
	return d, prog.Layout.NewFrame()
}

func startScript(t testing.TB, g *script) *Driver {
	t.Helper()
	if g.S == nil {
		g.S = &noState{}
	}
	d, _ := start(t, definition(g))
	return d
}

// copyInto restores what d would put into a checkpoint in a room of the same definition.
func copyInto(t testing.TB, d, fresh *Driver) {
	t.Helper()
	data, err := d.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	in := wire.NewReader(data)
	if err := fresh.RestoreFrom(&in, d.prog.Def.StateVersion); err != nil || in.Len() != 0 {
		t.Fatalf("RestoreFrom: %v, %d bytes left", err, in.Len())
	}
	fresh.SetTick(d.Room.Tick())
}

func wantPanic(t testing.TB, text string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if v := recover(); v == nil {
			t.Errorf("no panic, want one with %q", text)
		} else if s := fmt.Sprint(v); !strings.Contains(s, text) {
			t.Errorf("panic %v, want one with %q", v, text)
		}
	}()
	f()
}
