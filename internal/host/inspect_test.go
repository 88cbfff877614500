package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

func TestRoomDetail(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		d, err := r.host.Room(t.Context(), "a")
		if err != nil || d.State != "running" || !d.Asleep || len(d.Players) != 0 {
			t.Fatalf("an empty room is %+v, %v", d, err)
		}
		one := r.join("a", 3)
		for range 5 {
			one.input(1, 0)
			n := one.seq
			one.until("the input's state", func() bool { return one.inSeq >= n })
		}
		d, err = r.host.Room(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if d.Game != "dots" || d.Asleep || d.People != 1 || d.Entities != 1 || d.TickHz != 20 || d.Tick < 5 || d.StateBytes == 0 || d.Records+d.Checkpoint == 0 {
			t.Errorf("room %+v", d)
		}
		if l := d.Load; l.StepMax <= 0 || l.StepP50 > l.StepP99 || l.Ticks <= 0 || l.Sent <= 0 || l.Received <= 0 || l.Out <= 0 || l.In <= 0 {
			t.Errorf("load %+v", l)
		}
		if len(d.Players) != 1 {
			t.Fatalf("players %+v", d.Players)
		}
		p := d.Players[0]
		if p.Slot != 3 || p.Seat != 4 || p.Name != "Player 3" || p.Role != "player" || p.Away || p.Connected <= 0 || p.States == 0 {
			t.Errorf("player %+v", p)
		}
		if p.RTT <= 0 && b == Epoll {
			t.Errorf("RTT %v", p.RTT)
		}
		one.conn.Close()
		eventually(t, "away", func() bool {
			d, err = r.host.Room(t.Context(), "a")
			return err == nil && len(d.Players) == 1 && d.Players[0].Away
		})
		if d.Players[0].Connected != 0 {
			t.Errorf("away and connected: %+v", d.Players[0])
		}
		if _, err := r.host.Room(t.Context(), "b"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("no such room: %v", err)
		}
	})
}

func TestOperatorKicks(t *testing.T) {
	r := newRig(t, "", nil)
	r.open("a")
	one, two := r.join("a", 0), r.join("a", 1)
	if _, err := r.host.Kick(t.Context(), "a", 7, ""); !errors.Is(err, ErrNoSeat) {
		t.Errorf("an empty slot: %v", err)
	}
	slot, err := r.host.SlotOf(t.Context(), "a", 1)
	if err != nil || slot != 0 {
		t.Fatalf("seat 1 is in slot %d, %v", slot, err)
	}
	if seat, err := r.host.Kick(t.Context(), "a", slot, "enough"); err != nil || seat != 1 {
		t.Fatalf("kicked seat %d, %v", seat, err)
	}
	if got := one.untilClosed(); got != wire.CloseKicked || one.reason != "enough" {
		t.Errorf("closed with %d %q", got, one.reason)
	}
	r.town.await(t, "freed a 1 1", 1)
	n := two.cur().Tick
	two.until("the other to play on", func() bool { return two.cur().Tick > n+3 })
}

func TestOperatorCloses(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a", "b")
		one := r.join("a", 0)
		for _, id := range []string{"a", "b"} { // one that plays, one that sleeps
			if err := r.host.CloseRoom(t.Context(), id, "maintenance"); err != nil {
				t.Fatal(err)
			}
			r.town.await(t, "ended "+id+" 1 4009", 1)
		}
		if got := one.untilClosed(); got != wire.CloseEnded || one.end == nil || one.end.Reason != "maintenance" {
			t.Errorf("closed with %d, END %+v", got, one.end)
		}
		if err := r.host.CloseRoom(t.Context(), "a", ""); !errors.Is(err, ErrNotRunning) {
			t.Errorf("closed again: %v", err)
		}
		if d, err := r.host.Room(t.Context(), "a"); err != nil || d.State != "ended" || d.Text != "maintenance" {
			t.Errorf("the room is %+v, %v", d, err)
		}
	})
}

// A dump is the room: played on a desk it is at the same tick with the same view.
func TestDump(t *testing.T) {
	r := newRig(t, "", nil)
	bots := 0
	r.assign(Assignment{Room: "a", Game: "dots", Seed: 9, Bots: &bots, MaxPlayers: 6})
	r.town.await(t, "started a", 1)
	one := r.join("a", 0)
	for range 25 {
		one.input(1, 0)
		n := one.seq
		one.until("the input's state", func() bool { return one.inSeq >= n })
	}
	dump, err := r.host.Dump(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFault(dump.Append(nil))
	if err != nil || f.Room != "a" || f.Panic != "" || f.Places != 6 || f.Bots == nil || len(f.Checkpoint) == 0 || f.Base == 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	cfg := engine.Config{ID: f.Room, Program: r.host.games["dots"], Seed: f.Seed, Epoch: f.Epoch, Bots: f.Bots, Places: f.Places}
	copyOf, err := engine.Restore(cfg, f.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := copyOf.Replay(f.Records); err != nil || copyOf.TickNow() != f.Tick {
		t.Errorf("the copy is at %d of %d, %v", copyOf.TickNow(), f.Tick, err)
	}
}

// A game that does not come back is said to be what keeps the answer.
func TestHungWorker(t *testing.T) {
	r := newRig(t, Goroutine, nil)
	r.open("a")
	one := r.join("a", 0)
	one.order(orderNap)
	eventually(t, "the nap", func() bool { return r.host.lookup("a").aloft.Load() != 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	d, err := r.host.Room(ctx, "a")
	if !errors.Is(err, ErrHung) || !strings.Contains(err.Error(), `in the tick of room "a" (dots)`) || d.ID != "a" || d.State != "running" || !d.Detached {
		t.Errorf("%+v, %v", d, err)
	}
	for range maxAsks {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err = r.host.Room(ctx, "a"); err == nil {
			return // the nap is over
		}
	}
	if !errors.Is(err, ErrHung) {
		t.Errorf("question %d: %v", maxAsks+2, err)
	}
}

// lockedLog keeps lines that a host's goroutines log.
type lockedLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// lines are those logged with a message.
func (l *lockedLog) lines(tb testing.TB, message string) (found []map[string]any) {
	tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			tb.Fatalf("log line %q: %v", line, err)
		}
		if fields["message"] == message {
			found = append(found, fields)
		}
	}
	return found
}

// Each session leaves one line, however often it reconnected.
func TestSessionsAreLogged(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		log := new(lockedLog)
		r := newRig(t, b, func(c *Config) { c.Log = zerolog.New(log) })
		r.open("a")
		left, kicked, stays := r.join("a", 0), r.join("a", 1), r.join("a", 2)
		left.input(1, 0)
		left.until("the input's state", func() bool { return left.inSeq >= 1 })
		left.send(wire.AppendLeave(nil))
		left.untilClosed()
		kicked.order(orderKick)
		kicked.untilClosed()
		eventually(t, "two lines", func() bool { return len(log.lines(t, "session ended")) == 2 })
		for i, want := range []struct {
			why    string
			player string
		}{{"left", "p0"}, {"kicked", "p1"}} {
			l := log.lines(t, "session ended")[i]
			if l["why"] != want.why || l["player"] != want.player || l["room"] != "a" || l["game"] != "dots" || l["states_sent"].(float64) < 1 ||
				l["bytes_sent"].(float64) < 100 || l["duration"].(float64) <= 0 || l["level"] != "info" {
				t.Errorf("line %d is %v, want %+v", i, l, want)
			}
		}
		if err := r.host.CloseRoom(t.Context(), "a", "enough"); err != nil {
			t.Fatal(err)
		}
		stays.untilClosed()
		eventually(t, "the third line", func() bool { return len(log.lines(t, "session ended")) == 3 })
		if l := log.lines(t, "session ended")[2]; l["why"] != "ended" || l["slot"] != 2.0 {
			t.Errorf("line %v", l)
		}
	})
}

// More ends than anybody reads are not logged, and cost nobody a tick.
func TestSessionLinesAreSampled(t *testing.T) {
	log := new(lockedLog)
	s := newScribe(zerolog.New(log))
	for range maxFarewells + 10 {
		s.write(farewell{room: "a", code: wire.CloseLeft})
	}
	go s.run()
	if err := s.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(log.lines(t, "session ended")); n < farewellsLogged || n > 3*farewellsLogged {
		t.Errorf("%d lines of %d ends", n, maxFarewells+10)
	}
}

func TestPanicIsLoggedWithTheGamesLine(t *testing.T) {
	log := new(lockedLog)
	r := newRig(t, "", func(c *Config) { c.Log = zerolog.New(log) })
	r.open("a")
	one := r.join("a", 0)
	one.order(orderPanic)
	one.untilClosed()
	eventually(t, "the line", func() bool { return len(log.lines(t, "game failed")) == 1 })
	if at := log.lines(t, "game failed")[0]["at"]; !strings.Contains(at.(string), "(*dotGame).order at game_test.go:") {
		t.Errorf("at %v", at)
	}
}

func TestLateQuantile(t *testing.T) {
	var before, after LateCounts
	before[0], after[0], after[4], after[len(after)-1] = 5, 95, 9, 1
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0.5, 100 * time.Microsecond}, {0.95, 2500 * time.Microsecond}, {1, time.Second}} {
		if got := after.Quantile(&before, tt.q); got != tt.want {
			t.Errorf("q %v: %v, want %v", tt.q, got, tt.want)
		}
	}
	if got := before.Quantile(&before, 0.5); got != 0 {
		t.Errorf("nothing: %v", got)
	}
}
