package host

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// spring makes a player of the room of traps do what calls a callback; two is somebody else in the room.
func spring(t *testing.T, r *rig, where string, one, two *client) {
	t.Helper()
	switch where {
	case "Join":
		r.dial("a").hello(token("a", 2), nil)
	case "Leave":
		two.send(wire.AppendLeave(nil))
	case "Away":
		two.conn.Close()
	case "Back":
		two.conn.Close()
		eventually(t, "away", func() bool {
			d, err := r.host.Room(t.Context(), "a")
			return err == nil && len(d.Players) == 2 && d.Players[1].Away
		})
		r.back(two, two.welcome.Key)
	case "Message":
		one.order(orderNothing)
	case "Done":
		one.order(orderSay)
	}
}

// A callback that does not come back costs its room and nobody else: its players are told 4012, the directory hears of it, and
// there is a file to bring it about again.
func TestEveryCallbackThatHangs(t *testing.T) {
	for _, where := range []string{"Join", "Leave", "Away", "Back", "Message", "Step", "View", "State", "Done"} {
		for name, how := range map[string]how{"spins": spin, "blocks": block} {
			t.Run(where+" "+name, func(t *testing.T) {
				if how == block {
					t.Parallel()
				}
				dir, log, trap := t.TempDir(), new(lockedLog), newTrap(t, how)
				r := trapped(t, "", trap, func(c *Config) {
					c.FaultDir, c.StepLimit, c.Log = dir, 150*time.Millisecond, zerolog.New(log)
				})
				r.open("n")
				one, two, neighbour := r.join("a", 0), r.join("a", 1), r.join("n", 0)
				trap.arm(where)
				spring(t, r, where, one, two)
				trap.await()
				if got := one.untilClosed(); got != wire.CloseFault || one.end == nil || one.end.Reason != "the game stopped answering" {
					t.Errorf("closed with %d, END %+v", got, one.end)
				}
				r.town.await(t, "ended a 1 4012", 1)
				n := neighbour.cur().Tick
				neighbour.until("the neighbour to run on", func() bool { return neighbour.cur().Tick > n+5 })
				if n, alive := r.host.stats.StepsAbandoned.Load(), r.host.stats.GoroutinesAbandoned.Load(); n != 1 || alive != 1 {
					t.Errorf("%d ticks given up, %d goroutines", n, alive)
				}
				eventually(t, "a fault file", func() bool { return len(faultFiles(t, dir)) == 1 })
				checkHang(t, faultFiles(t, dir)[0], where)
				eventually(t, "the line", func() bool { return len(log.lines(t, "game does not come back")) == 1 })
				if l := log.lines(t, "game does not come back")[0]; l["room"] != "a" || l["game"] != "traps" || l["for"].(float64) < 150 ||
					!strings.Contains(l["stack"].(string), "(*trap).pass(...)\n") || !strings.Contains(l["stack"].(string), "/trap_test.go:") {
					t.Errorf("line %v", l)
				}
				late := r.dial("a")
				late.hello(token("a", 5), nil)
				if got := late.untilClosed(); got != wire.CloseFault {
					t.Errorf("who comes late is told %d", got)
				}
				trap.release()
				eventually(t, "the goroutine to end", func() bool { return r.host.stats.GoroutinesAbandoned.Load() == 0 })
				n = neighbour.cur().Tick
				neighbour.until("the neighbour to run on", func() bool { return neighbour.cur().Tick > n+5 })
			})
		}
	}
}

// checkHang replays a fault file with a game that comes back: it makes the tick in which the other one did not.
func checkHang(t *testing.T, path, where string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFault(data)
	if err != nil {
		t.Fatal(err)
	}
	if where == "Message" {
		where = "a message's handler"
	}
	if !strings.HasPrefix(f.Panic, where+" has not come back: the tick has taken ") || !strings.Contains(string(f.Stack), "trapGame).") {
		t.Errorf("the fault says %q, and\n%s", f.Panic, f.Stack)
	}
	cfg := engine.Config{ID: "a", Program: trapProgram(t, newTrap(t, block), nil), Seed: f.Seed, Epoch: f.Epoch}
	copyOf, err := engine.New(cfg)
	if len(f.Checkpoint) > 0 {
		copyOf, err = engine.Restore(cfg, f.Checkpoint)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := copyOf.Replay(f.Records); err != nil || copyOf.TickNow() != f.Tick || len(f.Records) == 0 {
		t.Errorf("replayed %d bytes to tick %d, want %d: %v", len(f.Records), copyOf.TickNow(), f.Tick, err)
	}
}

// While a room hangs the others of its worker play on, and what is wanted of the room waits for it.
func TestDetachment(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		trap := newTrap(t, spin)
		r := trapped(t, b, trap, func(c *Config) { c.StepLimit = time.Hour })
		others := r.neighbours()
		one, two, three := r.join("a", 0), r.join("a", 1), r.join("a", 2)
		one.move(3)
		x, _, _ := one.dot(0)
		trap.arm("Step")
		r.inFlight(trap)

		for _, c := range others {
			n, hashes := c.cur().Tick, c.hashes
			c.until("the neighbour to run on", func() bool { return c.cur().Tick > n+45 && c.hashes > hashes })
		}
		one.input(1, 0)
		one.input(1, 0)
		for range 5 {
			one.order(orderNothing)
		}
		four := r.dial("a")
		four.hello(token("a", 3), nil)
		three.conn.Close()
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if d, err := r.host.Room(short, "a"); !errors.Is(err, ErrHung) || !d.Detached || !strings.Contains(err.Error(), `in the tick of room "a" (traps)`) {
			t.Errorf("%+v, %v", d, err)
		}
		kicked := make(chan error, 1)
		go func() {
			_, err := r.host.Kick(context.Background(), "a", 1, "enough")
			kicked <- err
		}()
		if !r.host.lookup("a").detached.Load() || r.host.stats.RoomsDetached.Load() < 1 { // on a slow machine others are, too
			t.Errorf("%d rooms are detached, and not that one", r.host.stats.RoomsDetached.Load())
		}
		eventually(t, "the newcomer to wait", func() bool { return r.host.stats.Connections.Load() == int64(len(others)+4) })

		trap.release()
		seq := one.seq
		one.until("inputs and replies", func() bool { return one.inSeq >= seq && len(one.replies) == 5 })
		if got, _, _ := one.dot(0); got != x+2 {
			t.Errorf("x is %d, want %d", got, x+2)
		}
		if err := <-kicked; err != nil {
			t.Error(err)
		}
		if got := two.untilClosed(); got != wire.CloseKicked || two.reason != "enough" {
			t.Errorf("closed with %d %q", got, two.reason)
		}
		four.untilWelcome()
		eventually(t, "away", func() bool {
			d, err := r.host.Room(t.Context(), "a")
			return err == nil && len(d.Players) == 3 && d.Players[1].Away
		})
		one.move(3)
	})
}

// A room that is withdrawn while it hangs goes when it lands, or when it is given up.
func TestWithdrawnInFlight(t *testing.T) {
	for name, limit := range map[string]time.Duration{"lands": time.Hour, "is given up": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			trap, l := newTrap(t, block), newLedger()
			r := trapped(t, "", trap, func(c *Config) { c.StepLimit, c.Journal = limit, l })
			one := r.join("a", 0)
			trap.arm("Step")
			r.inFlight(trap)
			r.host.Reconcile(nil)
			want := wire.CloseFault
			if limit == time.Hour {
				trap.release()
				want = wire.CloseLost
			}
			if got := one.untilClosed(); got != want {
				t.Errorf("closed with %d, want %d", got, want)
			}
			eventually(t, "nothing to be kept", func() bool { return len(l.copyOf().rooms) == 0 })
		})
	}
}

// A node that ends does not wait for a game that does not: all other rooms are written down, that one stays as it was.
func TestCloseWithAHungRoom(t *testing.T) {
	for _, tt := range []struct {
		where string
		limit time.Duration
		kept  bool // the room is as it was at the end
	}{{"Step", 300 * time.Millisecond, false}, {"Step", time.Hour, true}, {"State", 300 * time.Millisecond, false}} {
		t.Run(tt.where+" "+tt.limit.String(), func(t *testing.T) {
			trap, l := newTrap(t, spin), newLedger()
			r := trapped(t, "", trap, func(c *Config) { c.StepLimit, c.Journal = tt.limit, l })
			r.open("n")
			one, neighbour := r.join("a", 0), r.join("n", 0)
			one.move(2)
			neighbour.move(2)
			trap.arm(tt.where)
			if tt.where == "Step" {
				r.inFlight(trap)
			}
			before, _ := l.Saved("a")
			closed := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				closed <- r.host.Close(ctx)
			}()
			if got := neighbour.untilClosed(); got != wire.CloseRestored {
				t.Errorf("the neighbour is told %d", got)
			}
			if s, _ := l.Saved("n"); len(s.Records) != 0 || len(s.Checkpoint) == 0 {
				t.Errorf("the neighbour was not written down: %+v", s)
			}
			neighbour.conn.Close()
			if tt.kept {
				trap.release()
			}
			if got := one.untilClosed(); got != wire.CloseRestored {
				t.Errorf("closed with %d", got)
			}
			one.conn.Close()
			if err := <-closed; err != nil {
				t.Error(err)
			}
			after, ok := l.Saved("a")
			if !ok || tt.where == "Step" && !tt.kept && after.Tick != before.Tick || tt.kept && (after.Tick <= before.Tick || len(after.Records) != 0) {
				t.Errorf("kept %+v, before %+v", after, before)
			}
			trap.release()
			eventually(t, "the goroutine to end", func() bool { return r.host.stats.GoroutinesAbandoned.Load() == 0 })
		})
	}
}

// A node that must end now does.
func TestCutOffWithAHungRoom(t *testing.T) {
	trap := newTrap(t, block)
	r := trapped(t, "", trap, func(c *Config) { c.StepLimit = time.Hour })
	one := r.join("a", 0)
	trap.arm("View")
	r.inFlight(trap)
	late := r.dial("a")
	late.hello(token("a", 1), nil)
	w := r.host.lookup("a").worker.Load()
	eventually(t, "the newcomer to wait", func() bool {
		r.host.mu.RLock()
		defer r.host.mu.RUnlock()
		return r.host.handshakes == 0 && !w.mail.Load()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.host.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	for _, c := range []*client{one, late} {
		if got := c.untilClosed(); got != 0 {
			t.Errorf("told %d", got)
		}
	}
	trap.release()
	eventually(t, "the goroutine to end", func() bool { return r.host.stats.GoroutinesAbandoned.Load() == 0 })
}

// A room whose ticks are slow is run by a goroutine of its own, and by its worker again when they are not.
func TestSlowRoomComesBack(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		trap := newTrap(t, block)
		r := newRig(t, b, func(c *Config) {
			c.Games = append(c.Games, trapProgram(t, trap, func(d *room.Definition) { d.TickHz = 60 }))
		})
		r.assign(Assignment{Room: "a", Game: "traps"})
		r.town.await(t, "started a", 1)
		r.open("n")
		one, neighbour := r.join("a", 0), r.join("n", 0)
		detached := func() bool { return r.host.lookup("a").detached.Load() }
		if detached() && r.host.lookup("a").meter.read(r.host.now()).StepMax < 5*time.Millisecond {
			t.Error("detached without a reason")
		}
		trap.snooze.Store(int64(30 * time.Millisecond)) // two ticks fall due meanwhile
		n := one.cur().Tick
		one.until("slow ticks", func() bool { return one.cur().Tick > n+20 })
		if !detached() {
			t.Error("a slow room is run by its worker")
		}
		one.move(10)
		if x, _, _ := one.dot(0); x != 10 {
			t.Errorf("x is %d after 10 inputs", x)
		}
		neighbour.move(5)
		trap.snooze.Store(0)
		eventually(t, "the room to be the worker's", func() bool { return !detached() })
		eventually(t, "detached rooms to be counted", func() bool { // on a slow machine the neighbour's may be one
			n := int64(0)
			for _, id := range []string{"a", "n"} {
				if r.host.lookup(id).detached.Load() {
					n++
				}
			}
			return r.host.stats.RoomsDetached.Load() == n
		})
		one.move(3)
	})
}

// A game that ends the goroutine it is called in has failed, and the worker goes on without that goroutine.
func TestCallbackThatEndsItsGoroutine(t *testing.T) {
	for _, slow := range []bool{false, true} {
		for _, where := range []string{"Step", "State"} {
			trap := newTrap(t, leave)
			r := trapped(t, "", trap, nil)
			r.open("n")
			one, neighbour := r.join("a", 0), r.join("n", 0)
			if slow {
				trap.snooze.Store(int64(6 * time.Millisecond))
				eventually(t, "slow", func() bool { return r.host.lookup("a").detached.Load() })
			}
			trap.arm(where)
			if got := one.untilClosed(); got != wire.CloseFault || one.end == nil {
				t.Errorf("slow %v, %s: closed with %d", slow, where, got)
			}
			neighbour.move(3)
			r.town.await(t, "ended a 1 4012", 1)
		}
	}
}

// A room whose New does not come back has failed, and one that is not restored is lost.
func TestStartThatHangs(t *testing.T) {
	for _, restore := range []bool{false, true} {
		for _, how := range []how{spin, block, leave} {
			dir := newLedger()
			dir.rooms["a"] = Saved{Epoch: 1}
			trap := newTrap(t, how)
			trap.arm("New")
			r := newRig(t, "", func(c *Config) {
				c.Games = append(c.Games, trapProgram(t, trap, nil))
				c.StartLimit, c.RestoreLimit, c.Journal = 100*time.Millisecond, 100*time.Millisecond, dir
			})
			t.Cleanup(trap.release)
			r.assign(Assignment{Room: "a", Game: "traps", Epoch: 2, Restore: restore})
			trap.await()
			if err := r.host.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			want, alive := "ended a 2 4012 the game failed", int64(1)
			switch {
			case how == leave:
				want, alive = "refused a 2 "+errEnded.Error(), 0
				if restore {
					want = "ended a 2 4200 " + errEnded.Error()
				}
			case restore:
				want = "ended a 2 4200 the game did not restore the room within 100ms"
			}
			r.town.await(t, want, 1)
			if got := r.host.stats.GoroutinesAbandoned.Load(); got != alive {
				t.Errorf("%d goroutines were given up, want %d", got, alive)
			}
			trap.release()
			eventually(t, "the goroutine to end", func() bool { return r.host.stats.GoroutinesAbandoned.Load() == 0 })
			r.open("n")
			r.join("n", 0).move(1)
		}
	}
}

// Close does not wait for a New that does not come back for longer than for a tick. The room is left as it was.
func TestCloseWhileStarting(t *testing.T) {
	for _, restore := range []bool{false, true} {
		trap, l := newTrap(t, block), newLedger()
		trap.arm("New")
		l.rooms["a"] = Saved{Epoch: 1}
		r := newRig(t, "", func(c *Config) {
			c.Games = append(c.Games, trapProgram(t, trap, nil))
			c.StartLimit, c.RestoreLimit, c.StepLimit, c.Journal = time.Hour, time.Hour, 50*time.Millisecond, l
		})
		r.assign(Assignment{Room: "a", Game: "traps", Epoch: 2, Restore: restore})
		trap.await()
		r.close()
		if s, ok := l.Saved("a"); !ok || s.Epoch != 1 || len(r.town.heard) != 0 {
			t.Errorf("kept %+v, the directory heard %q", s, r.town.heard)
		}
		trap.release()
	}
}

// A stack is found by its label, and the profile's form is that of debug.Stack.
func TestPickStack(t *testing.T) {
	const profile = `goroutine profile: total 3
1 @ 0x1 0x2
# labels: {"pilot":"7"}
#	0x1	main.child+0x1	/src/main.go:1

1 @ 0x1 0x2
# labels: {"game":"g", "pilot":"7"}
#	0x4d1c21	example.com/game.(*Game).Step+0x41			/src/game/game.go:57
#	0x4d1c22	github.com/ringside-server/ringside/internal/engine.(*Room).Tick+0x42	/src/engine/room.go:200

1 @ 0x3
#	0x3	other.f+0x1	/src/other.go:1
`
	stack := pickStack(profile, `"pilot":"7"`)
	if frames := GameStack(stack); len(frames) != 1 || frames[0].String() != "game.(*Game).Step at game.go:57" {
		t.Errorf("frames %v of\n%s", frames, stack)
	}
	if got := pickStack(profile, `"pilot":"8"`); got != nil {
		t.Errorf("nobody's stack is %s", got)
	}
	if got := stackOf("no such pilot"); got != nil {
		t.Errorf("nobody's stack is %s", got)
	}
}

// Status pages say it, too.
func TestDetachedIsShown(t *testing.T) {
	text, err := json.Marshal(RoomDetail{Detached: true})
	if err != nil || !strings.Contains(string(text), `"detached":true`) {
		t.Errorf("%s, %v", text, err)
	}
}
