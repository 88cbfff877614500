package ringside

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

// A wrist is a wall clock that a test sets.
type wrist struct{ shift atomic.Int64 }

func (w *wrist) now() time.Time          { return time.Now().Add(time.Duration(w.shift.Load())) }
func (w *wrist) set(shift time.Duration) { w.shift.Store(int64(shift)) }

func sell(t *testing.T, n *Node, name string) client.Seat {
	t.Helper()
	seat, err := client.Join(t.Context(), "http://"+n.Addr(), client.JoinRequest{Game: "walk", Player: client.JoinPlayer{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	return seat
}

func sitDown(t *testing.T, seat client.Seat) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
	if err != nil {
		t.Fatalf("a seat that was sold is gone: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// Somebody who has bought a seat takes it, and somebody who plays goes on playing, whatever happens to the machine's clock.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"an hour forward": time.Hour, "an hour back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w wrist
			n := startWalk(t, Config{wall: w.now})
			plays, onTheWay := sitDown(t, sell(t, n, "Ada")), sell(t, n, "Bob")
			w.set(jump)
			from := tickOf(plays)
			waitFor(t, "two looks at what has expired", func() bool { return tickOf(plays) > from+50 }) // there is one a second
			if _, err := n.matcher.VerifyToken(onTheWay.Token, n.clock.Now()); err != nil {
				t.Errorf("a token that was made before: %v", err)
			}
			sitDown(t, onTheWay)
			later := sell(t, n, "Cleo")
			if left := time.Until(later.ExpiresAt); left < 25*time.Second || left > 35*time.Second {
				t.Errorf("a seat sold after the jump is held for %v, want 30 s", left)
			}
			sitDown(t, later)
			if st := n.dir.Stats(); st.Running != 1 || st.Taken != 3 || st.Reserved != 0 {
				t.Errorf("the directory has %d rooms, %d seats taken and %d sold; want 1, 3, 0", st.Running, st.Taken, st.Reserved)
			}
			if err := plays.Err(); err != nil {
				t.Errorf("who played before: %v", err)
			}
		})
	}
}

// A node starts at once when the clock was set back while it was down, seats that are held are still held, and they expire in
// time that passes.
func TestRestartWithAClockThatWasSetBack(t *testing.T) {
	var w wrist
	dir := t.TempDir()
	n := startWalk(t, Config{Data: dir, wall: w.now})
	before := incarnation(t, n)
	sitDown(t, sell(t, n, "Ada")).Close()
	reserved := sell(t, n, "Bob")
	closeNode(t, n)
	for _, shift := range []time.Duration{-time.Hour, -48 * time.Hour} {
		w.set(shift)
		began := time.Now()
		n = startWalk(t, Config{Data: dir, wall: w.now})
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the start took %v", took)
		}
		now := incarnation(t, n)
		if now <= before {
			t.Errorf("incarnation %d after %d: the log would refuse it", now, before)
		}
		before = now
		if _, err := n.matcher.VerifyToken(reserved.Token, n.clock.Now()); err != nil {
			t.Errorf("a token of the process before: %v", err)
		}
		if gap := n.clock.Gap(); gap > shift+time.Hour/2 {
			t.Errorf("the node's clock is %v from the machine's, want it where the log has got to", gap)
		}
		closeNode(t, n)
	}
}

func incarnation(t *testing.T, n *Node) uint64 {
	t.Helper()
	return n.dir.Incarnation(n.cfg.Node)
}

// What others can check goes by the machine's clock: accounts' tokens expire when their maker says.
func TestAccountsGoByTheWallClock(t *testing.T) {
	var w wrist
	cfg := Config{JWTSecret: strings.Repeat("s", 32), wall: w.now}
	cfg.fillDefaults()
	tokens, _, err := cfg.tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.set(time.Hour)
	if got := tokens.Now(); time.Until(got) < 59*time.Minute {
		t.Errorf("accounts' tokens are checked at %v, want the machine's clock", got)
	}
}

func tickOf(c *client.Client) (tick uint32) {
	c.Do(func(core *client.Core, _ time.Duration) {
		if cur := core.Cur(); cur != nil {
			tick = cur.Tick
		}
	})
	return tick
}
