package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

const (
	games     = "Games"
	harmAfter = 10 // ticks of peace in a rogue room
)

// A visitor is a player of a rogue room.
type visitor struct {
	*client.Client
	room string
}

// visit creates a rogue room and takes the first of two seats in it; the other is for somebody who makes things happen.
func visit(t *testing.T, node *rig.Node, opt rogue.Options) (first *visitor, second client.Seat) {
	t.Helper()
	opt.After = harmAfter
	room, seats := rig.Seats(t, node, "rogue", opt, 2)
	c, err := dial(t, client.Config{URL: seats[0].URL, Token: seats[0].Token})
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{c, room}, seats[1]
}

func dial(t *testing.T, cfg client.Config) (*client.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, cfg)
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

// tick is the newest that the visitor has seen.
func (g *visitor) tick() (tick uint32) {
	g.Do(func(core *client.Core, _ time.Duration) {
		if f := core.Cur(); f != nil {
			tick = f.Tick
		}
	})
	return tick
}

// plays waits until the room has made some ticks since the harm began.
func (g *visitor) plays(t *testing.T) {
	t.Helper()
	rig.Eventually(t, 10*time.Second, "the room goes on", func() bool { return g.tick() >= 2*harmAfter })
}

// ripens waits until the harm may begin, or the room is over.
func (g *visitor) ripens(t *testing.T) {
	t.Helper()
	rig.Eventually(t, 10*time.Second, "the room comes to the tick of its harm", func() bool {
		select {
		case <-g.Done():
			return true
		default:
			return g.tick() >= harmAfter
		}
	})
}

// stir makes all callbacks happen that need somebody: Join, Message, Away, Back, Leave. It stops when the visitor's room is over.
func (g *visitor) stir(t *testing.T, seat client.Seat) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	go func() { // ends with ctx
		select {
		case <-g.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	calm := func() bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(200 * time.Millisecond):
			return true
		}
	}
	b, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
	if err != nil {
		return
	}
	defer func() { b.Close() }()
	b.Message(0, 1)
	if !calm() {
		return
	}
	var saved client.Saved
	b.Do(func(core *client.Core, _ time.Duration) { saved, _ = core.Save() })
	b.Close()
	if !calm() {
		return
	}
	back, err := client.Dial(ctx, client.Config{Saved: &saved})
	if err != nil {
		return
	}
	b = back
	if calm() {
		_ = b.Leave(ctx) // the room may be over
	}
}

// sentAway is why the server closed, and after how long.
func (g *visitor) sentAway(t *testing.T, patience time.Duration) (*client.CloseError, time.Duration) {
	t.Helper()
	began := time.Now()
	select {
	case <-g.Done():
	case <-time.After(patience):
		t.Fatalf("the room goes on after %v", patience)
	}
	var closed *client.CloseError
	if !errors.As(g.Err(), &closed) {
		t.Fatalf("the player's session ended with: %v", g.Err())
	}
	return closed, time.Since(began)
}

// failed checks that a room of a game that failed ended as it should: 4012 for its players, a fault file for its author.
func (g *visitor) failed(t *testing.T, node *rig.Node, patience time.Duration) string {
	t.Helper()
	closed, took := g.sentAway(t, patience)
	if closed.Code != 4012 {
		t.Errorf("closed with %d %s, want 4012", closed.Code, closed.Reason)
	}
	var file string
	rig.Eventually(t, 5*time.Second, "a fault file", func() bool {
		found, _ := filepath.Glob(filepath.Join(node.Data, "faults", g.room+"-*.fault"))
		if len(found) > 0 {
			file = found[0]
		}
		return file != ""
	})
	if info, err := os.Stat(file); err != nil || info.Size() < 100 {
		t.Errorf("fault file: %v, %v", info, err)
	}
	rig.Eventually(t, 5*time.Second, "a line of the log that names room "+g.room, func() bool {
		return strings.Contains(node.Output(), g.room)
	})
	if took > time.Second {
		return fmt.Sprintf("%d %s, after %.1f s; fault file", closed.Code, closed.Reason, took.Seconds())
	}
	return fmt.Sprintf("%d %s; fault file", closed.Code, closed.Reason)
}

// callbacks of a game that can fail while it runs.
var callbacks = []string{"join", "leave", "step", "message", "view", "away", "back", "done", "encode"}

func TestGamePanics(t *testing.T) {
	node, others := neighbourhood(t)
	for _, in := range callbacks {
		others.Case(t, games, "panic in "+in, func(t *testing.T) string {
			g, second := visit(t, node, rogue.Options{Harm: "panic", In: in})
			g.ripens(t)
			g.stir(t, second)
			return g.failed(t, node, 5*time.Second)
		})
	}
	others.Case(t, games, "nil dereference in step", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "nil", In: "step"})
		return g.failed(t, node, 5*time.Second)
	})
	others.Case(t, games, "panic in New", func(t *testing.T) string {
		_, err := rig.CreateRoom(t.Context(), node, "rogue", rogue.Options{Harm: "panic", In: "new"})
		return refusal(t, err, 500)
	})
	others.Case(t, games, "panic in a Call", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "panic", In: "call"})
		g.plays(t)
		return "an error for Done; the room goes on"
	})
}

// refusal checks the answer to a call of the API that must not succeed.
func refusal(t *testing.T, err error, status int) string {
	t.Helper()
	var api *client.APIError
	if !errors.As(err, &api) || api.Status != status {
		t.Fatalf("got %v, want status %d", err, status)
	}
	return fmt.Sprintf("%d %s", api.Status, api.Detail)
}

func TestGameMisuse(t *testing.T) {
	node, others := neighbourhood(t)
	others.Case(t, games, "Send from a goroutine", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "outside", In: "step"})
		got := g.failed(t, node, 5*time.Second)
		if !strings.Contains(node.Output(), "harms.go:") {
			t.Error("the log does not name the line")
		}
		return got + "; the log names the line"
	})
	others.Case(t, games, "events to nobody", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "events", In: "step"})
		g.plays(t)
		return "nothing is sent; the room goes on"
	})
	others.Case(t, games, "100,000 entities in View", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "crowd", In: "view", N: 100_000})
		return g.failed(t, node, 5*time.Second)
	})
	others.Case(t, games, "State grows 16 MiB a tick", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "grow", In: "step", N: 16 << 20})
		return g.failed(t, node, 10*time.Second)
	})
	others.Case(t, games, "64 MiB of garbage a tick", func(t *testing.T) string {
		g, _ := visit(t, node, rogue.Options{Harm: "garbage", In: "step", N: 64 << 20})
		g.plays(t)
		g.Close()
		return "the room goes on"
	})
}
