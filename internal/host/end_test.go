package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

func TestRoomEnds(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a", "b")
		one, two, elsewhere := r.join("a", 0), r.join("a", 1), r.join("b", 0)
		one.order(orderEnd)
		for _, c := range []*client{one, two} {
			if got := c.untilClosed(); got != wire.CloseEnded || c.end == nil || string(c.end.Result) != `{"winner":0}` {
				t.Errorf("closed with %d, END %+v", got, c.end)
			}
		}
		if want := `ended a 1 4009 {"winner":0}`; r.town.await(t, "ended a", 1) != want {
			t.Errorf("the directory heard %q", r.town.await(t, "ended a", 1))
		}
		late := r.dial("a")
		late.hello(token("a", 2), nil)
		if got := late.untilClosed(); got != wire.CloseEnded {
			t.Errorf("who comes late is told %d", got)
		}
		r.host.Reconcile(r.list) // an old list: the room must not start again
		r.town.await(t, "ended a", 2)
		n := elsewhere.cur().Tick
		elsewhere.until("the neighbour to run on", func() bool { return elsewhere.cur().Tick > n+5 })
	})
}

func TestGamePanics(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		for name, what := range map[string]int{"in a message": orderPanic, "in View": orderPanicInView} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				r := newRig(t, b, func(c *Config) { c.FaultDir = dir })
				r.open("a", "b")
				one, two, elsewhere := r.join("a", 0), r.join("a", 1), r.join("b", 0)
				one.order(what)
				for _, c := range []*client{one, two} {
					if got := c.untilClosed(); got != wire.CloseFault || c.end == nil || c.end.Code != uint32(wire.CloseFault) {
						t.Errorf("closed with %d, END %+v", got, c.end)
					}
				}
				r.town.await(t, "ended a 1 4012", 1)
				n := elsewhere.cur().Tick
				elsewhere.until("the neighbour to run on", func() bool { return elsewhere.cur().Tick > n+5 })
				eventually(t, "a fault file", func() bool { return len(faultFiles(t, dir)) == 1 })
				checkFault(t, faultFiles(t, dir)[0])
			})
		}
	})
}

func faultFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.fault"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// checkFault reproduces the panic from the file.
func checkFault(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFault(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Game != "dots" || f.Epoch != 1 || !strings.HasPrefix(f.Panic, "boom") || len(f.Stack) == 0 || !strings.HasPrefix(filepath.Base(path), "a-") {
		t.Fatalf("fault file %s: %+v", path, f)
	}
	cfg := engine.Config{ID: "a", Program: dotProgram(t, "dots", nil), Seed: f.Seed, Epoch: f.Epoch, Options: f.Options}
	room, err := engine.New(cfg)
	if len(f.Checkpoint) > 0 {
		room, err = engine.Restore(cfg, f.Checkpoint)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := room.Replay(f.Records); !errors.As(err, new(*engine.PanicError)) {
		t.Fatalf("the replay of a panic: %v", err)
	}
	if end := room.Ended(); end == nil || end.Fault == nil || end.Fault.Tick != f.Tick {
		t.Errorf("the replay ended with %+v, want the panic at tick %d", end, f.Tick)
	}
}

func TestKick(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one := r.join("a", 0)
		one.order(orderKick)
		if got := one.untilClosed(); got != wire.CloseKicked || one.reason != "you asked for it" {
			t.Errorf("closed with %d %q", got, one.reason)
		}
		r.town.await(t, "freed a 1 1", 1)
	})
}

func TestWithdrawn(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a", "b")
		one, stays := r.join("a", 0), r.join("b", 0)
		r.list = r.list[1:]
		r.host.Reconcile(r.list)
		if got := one.untilClosed(); got != wire.CloseLost {
			t.Errorf("closed with %d", got)
		}
		if resp, _ := get(t, r.url+"/v1/rooms/a/ws", upgradeHeader()); resp.StatusCode != 404 {
			t.Errorf("a withdrawn room answers %d", resp.StatusCode)
		}
		r.list[0].Epoch = 2
		r.host.Reconcile(r.list)
		if got := stays.untilClosed(); got != wire.CloseLost {
			t.Errorf("the old epoch closes with %d", got)
		}
		r.town.await(t, "started b 2", 1)
		if again := r.join("b", 0); again.welcome.Epoch != 2 {
			t.Errorf("epoch %d", again.welcome.Epoch)
		}
	})
}

func TestRefusedRooms(t *testing.T) {
	r := newRig(t, Goroutine, nil)
	r.assign(Assignment{Room: "no", Game: "dots", Options: []byte(`{"Refuse":"no such map"}`)})
	r.assign(Assignment{Room: "bang", Game: "dots", Options: []byte(`{"Explode":true}`)})
	r.assign(Assignment{Room: "what", Game: "chess"})
	for _, prefix := range []string{"refused no 1 ", "ended bang 1 4012 ", "refused what 1 "} {
		r.town.await(t, prefix, 1)
	}
	if line := r.town.await(t, "refused no", 1); !strings.HasSuffix(line, "no such map") {
		t.Errorf("heard %q", line)
	}
	c := r.dial("no")
	c.hello(token("no", 0), nil)
	if got := c.untilClosed(); got != wire.CloseLost {
		t.Errorf("a refused room closes with %d", got)
	}
}

func TestDrained(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one, silent := r.join("a", 0), r.dial("a")
		done := make(chan error)
		go func() { done <- r.host.Close(context.Background()) }()
		for name, c := range map[string]*client{"in the room": one, "before HELLO": silent} {
			if got := c.untilClosed(); got != wire.CloseDraining {
				t.Errorf("%s: closed with %d", name, got)
			}
			c.conn.Close()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if resp, _ := get(t, r.url+"/v1/rooms/a/ws", upgradeHeader()); resp.StatusCode != 503 {
			t.Errorf("a closed host answers %d", resp.StatusCode)
		}
	})
}

func TestIdleRoom(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
		r.open("a")
		r.town.await(t, "idle a 1", 1)
		one := r.join("a", 0)
		tick := one.cur().Tick
		if tick > 2 {
			t.Errorf("an empty room's time did not stand still: tick %d", tick)
		}
		one.send(wire.AppendLeave(nil))
		one.untilClosed()
		one.conn.Close()
		r.town.await(t, "freed a 1 1", 1)
		r.town.await(t, "idle a 1", 2)
	})
}
