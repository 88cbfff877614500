package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A ledger is a disk that outlives hosts.
type ledger struct {
	mu    sync.Mutex
	rooms map[string]Saved
}

func newLedger() *ledger { return &ledger{rooms: map[string]Saved{}} }

func (l *ledger) Saved(id string) (Saved, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.rooms[id]
	return s, ok
}

func (l *ledger) Begin(id string, epoch uint32) RoomJournal { return &page{l, id, epoch} }

// copyOf is the disk as it is now: what a kill leaves.
func (l *ledger) copyOf() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{rooms: maps.Clone(l.rooms)}
}

type page struct {
	l     *ledger
	room  string
	epoch uint32
}

func (p *page) Ticked(tick, base uint32, checkpoint, records []byte) {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	p.l.rooms[p.room] = Saved{Epoch: p.epoch, Base: base, Tick: tick, Checkpoint: bytes.Clone(checkpoint), Records: bytes.Clone(records)}
}

func (p *page) End() {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	delete(p.l.rooms, p.room)
}

// again is a host that starts where another one ended.
func (r *rig) again(b Backend, l *ledger, taken ...uint64) *rig {
	next := newRig(r.tb, b, func(c *Config) { c.Journal, c.Games = l, []*room.Program{r.host.games["dots"]} })
	next.assign(Assignment{Room: "a", Game: "dots", Seed: 1, Epoch: 2, Restore: true, Taken: taken})
	return next
}

func (r *rig) close() {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.host.Close(ctx); err != nil {
		r.tb.Fatal(err)
	}
}

// move sends inputs and waits for their states.
func (c *client) move(n int) {
	c.tb.Helper()
	for range n {
		c.input(1, 0)
		seq := c.seq
		c.until("the input's state", func() bool { return c.inSeq >= seq })
	}
}

// A node that starts anew goes on with its rooms: at the tick at which they were told goodbye, with every input that was used.
func TestRoomOutlivesItsProcess(t *testing.T) {
	for _, volatile := range []bool{false, true} {
		t.Run(fmt.Sprint("volatile ", volatile), func(t *testing.T) {
			eachBackend(t, func(t *testing.T, b Backend) {
				l := newLedger()
				games := []*room.Program{dotProgram(t, "dots", func(d *room.Definition) { d.Volatile = volatile })}
				first := newRig(t, b, func(c *Config) { c.Journal, c.Games = l, games })
				first.open("a")
				one := first.join("a", 0)
				one.move(30)
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					first.close()
				}()
				if got := one.untilClosed(); got != wire.CloseRestored {
					t.Fatalf("closed with %d, want %d", got, wire.CloseRestored)
				}
				<-closed
				last := *one.cur()

				second := first.again(b, l, 1)
				two := second.back(one, one.welcome.Key)
				two.untilWelcome()
				second.town.await(t, "restored a 2 []", 1)
				if w := two.welcome; w.Epoch != 2 || w.Resumed == wire.ResumedNew || w.InSeq != 30 || w.Tick < last.Tick || w.Tick > last.Tick+10 {
					t.Errorf("welcome %+v after tick %d of epoch %d", w, last.Tick, last.Epoch)
				}
				two.seq = two.welcome.InSeq
				two.move(3)
				if x, _, _ := two.dot(0); x != 33 {
					t.Errorf("after 33 inputs x is %d", x)
				}
			})
		})
	}
}

// A process that was killed leaves what it wrote: the room goes on from there, and its players have seen states that did not
// happen.
func TestKilledRoomGoesOn(t *testing.T) {
	l := newLedger()
	first := newRig(t, "", func(c *Config) { c.Journal = l })
	first.open("a")
	one := first.join("a", 0)
	one.move(25)
	killed := l.copyOf()
	if s := killed.rooms["a"]; len(s.Records) == 0 || len(s.Checkpoint) == 0 {
		t.Fatalf("kept %d bytes of checkpoint, %d of records", len(s.Checkpoint), len(s.Records))
	}
	one.move(5)

	second := first.again("", killed, 1)
	two := second.back(one, one.welcome.Key)
	two.untilWelcome()
	if w := two.welcome; w.Epoch != 2 || w.Resumed != wire.ResumedSnapshot || w.InSeq < 25 || w.InSeq > 30 {
		t.Errorf("welcome %+v", w)
	}
	for two.seq = two.welcome.InSeq; two.seq < 30; { // again, what the room has forgotten
		two.move(1)
	}
	two.until("every input's state", func() bool { x, _, _ := two.dot(0); return x == 30 })
}

// The directory and what was kept may differ by what happened last: each side learns what the other knows.
func TestSeatsAfterAKill(t *testing.T) {
	l := newLedger()
	first := newRig(t, "", func(c *Config) { c.Journal = l })
	first.open("a")
	one := first.join("a", 0)
	two := first.join("a", 1)
	one.move(3)
	two.move(3)

	const sold, late = 77, 78
	second := first.again("", l.copyOf(), 1, late) // player 1 left after all, and somebody came whom nobody wrote down
	second.town.await(t, fmt.Sprintf("restored a 2 [%d]", late), 1)
	second.town.await(t, "freed a 2 2", 1)
	back := second.back(one, one.welcome.Key)
	back.untilWelcome()
	gone := second.back(two, two.welcome.Key)
	if got := gone.untilClosed(); got != wire.CloseResumeUnknown {
		t.Errorf("the player whose seat was free closes with %d", got)
	}
	other := second.dial("a")
	other.hello(seatToken("a", 1, sold), nil)
	other.untilWelcome()
}

func TestWhatCannotBeRestored(t *testing.T) {
	kept := func(t *testing.T, change func(*room.Definition), play func(*client)) (*rig, *ledger) {
		l := newLedger()
		games := []*room.Program{dotProgram(t, "dots", change)}
		first := newRig(t, "", func(c *Config) { c.Journal, c.Games = l, games })
		first.open("a")
		c := first.join("a", 0)
		c.move(25)
		play(c)
		return first, l.copyOf()
	}
	nothing := func(*client) {}
	for _, tt := range []struct {
		name   string
		before func(*room.Definition)
		play   func(*client)
		after  func(*room.Definition)
		harm   func(*Saved)
		want   string
	}{
		{name: "not kept", play: nothing, want: "ended a 2 4200 nothing was kept"},
		{name: "volatile", before: func(d *room.Definition) { d.Volatile = true }, play: nothing, want: "ended a 2 4200 nothing was kept"},
		{
			name: "another layout", play: nothing, after: func(d *room.Definition) { d.StateVersion = 9 },
			want: "ended a 2 4200 the game was changed",
		},
		{name: "torn", play: nothing, harm: func(s *Saved) { s.Checkpoint = s.Checkpoint[:9] }, want: "ended a 2 4200 what was kept of the room cannot be read"},
		{
			name: "the game panics", play: nothing, want: "ended a 2 4200 the game failed to restore",
			after: func(d *room.Definition) {
				d.New = func(*room.Room, json.RawMessage) (room.Game, error) { panic("not today") }
			},
		},
		{
			name: "over already", want: `ended a 2 4009 {"winner":0}`,
			play: func(c *client) {
				c.order(orderEnd)
				c.untilClosed()
			},
		},
		{
			name: "failed already", want: "ended a 2 4012",
			play: func(c *client) {
				c.order(orderPanic)
				c.untilClosed()
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, l := kept(t, tt.before, tt.play)
			if s, ok := l.rooms["a"]; ok && tt.harm != nil {
				tt.harm(&s)
				l.rooms["a"] = s
			}
			if tt.name == "not kept" {
				clear(l.rooms)
			}
			if tt.after != nil {
				first.host.games["dots"] = dotProgram(t, "dots", tt.after)
			}
			second := first.again("", l, 1)
			line := second.town.await(t, "ended a", 1)
			if !strings.HasPrefix(line, tt.want) {
				t.Errorf("the directory heard %q, want %q", line, tt.want)
			}
			late := second.dial("a")
			late.hello(token("a", 0), nil)
			if got := late.untilClosed(); !slices.Contains([]wire.CloseCode{wire.CloseLost, wire.CloseEnded, wire.CloseFault}, got) {
				t.Errorf("a player who comes is told %d", got)
			}
		})
	}
}

// A new version of a game has other Steps: records of the old one are not replayed, the checkpoint is taken.
func TestNewVersionGoesOnFromTheCheckpoint(t *testing.T) {
	l := newLedger()
	first := newRig(t, "", func(c *Config) { c.Journal = l })
	first.open("a")
	one := first.join("a", 0)
	one.move(25)
	first.host.games["dots"] = dotProgram(t, "dots", func(d *room.Definition) { d.Version = 2 })
	copied := l.copyOf()
	base := copied.rooms["a"].Base
	second := first.again("", copied, 1)
	two := second.back(one, one.welcome.Key)
	two.untilWelcome()
	if two.welcome.Tick < base || two.welcome.InSeq > 25 || two.welcome.Resumed != wire.ResumedSnapshot {
		t.Errorf("welcome %+v, the checkpoint was of tick %d", two.welcome, base)
	}
}

// Players are back sooner than their room: they wait for it.
func TestPlayerWaitsForTheRoom(t *testing.T) {
	begin, begun := make(chan struct{}), make(chan struct{})
	slow := dotProgram(t, "dots", func(d *room.Definition) {
		start := d.New
		d.New = func(r *room.Room, options json.RawMessage) (room.Game, error) {
			close(begun)
			<-begin
			return start(r, options)
		}
	})
	r := newRig(t, "", func(c *Config) { c.Games = []*room.Program{slow} })
	r.assign(Assignment{Room: "a", Game: "dots", Seed: 1})
	<-begun
	in := make(chan *client)
	go func() { in <- r.dial("a") }()
	close(begin)
	c := <-in
	c.hello(token("a", 0), nil)
	c.untilWelcome()
}

// Rooms are started, and fail, while somebody waits until all are settled.
func TestSettleWhileRoomsStart(t *testing.T) {
	r := newRig(t, "", nil)
	stop, done := make(chan struct{}), make(chan error)
	for range 4 {
		go func() {
			for {
				if err := r.host.Settle(t.Context()); err != nil {
					done <- err
					return
				}
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
			}
		}()
	}
	for i := range 100 {
		id := fmt.Sprint("r", i)
		r.host.Assign([]Assignment{{Room: id, Game: "dots", Seed: 1}}, nil)
		if err := r.host.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.host.Assign(nil, []string{id})
	}
	close(stop)
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Settle gives up with its context, and waits for the room and not only for a moment.
func TestSettleWaitsForARoom(t *testing.T) {
	begin := make(chan struct{})
	slow := dotProgram(t, "dots", func(d *room.Definition) {
		start := d.New
		d.New = func(r *room.Room, options json.RawMessage) (room.Game, error) {
			<-begin
			return start(r, options)
		}
	})
	r := newRig(t, "", func(c *Config) { c.Games = []*room.Program{slow} })
	r.assign(Assignment{Room: "a", Game: "dots", Seed: 1})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.host.Settle(ended); err == nil {
		t.Error("settled while a room is being started")
	}
	close(begin)
	if err := r.host.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.host.Rooms()[0].State; got != "running" {
		t.Errorf("settled, and the room is %s", got)
	}
}

// A room that an operator has closed has ended for the next process, too, if this one is killed before the directory has heard.
func TestClosedRoomDoesNotComeBack(t *testing.T) {
	l := newLedger()
	first := newRig(t, "", func(c *Config) { c.Journal = l })
	first.open("a")
	one := first.join("a", 0)
	one.move(3)
	if err := first.host.CloseRoom(t.Context(), "a", "enough"); err != nil {
		t.Fatal(err)
	}
	second := first.again("", l.copyOf(), 1)
	if err := second.host.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := second.host.Rooms()[0]; s.State != "ended" || s.Text != "enough" {
		t.Errorf("the room that was closed is %s %q", s.State, s.Text)
	}
}

// A seat that the directory is told to be free is nobody's, also while the directory does not know yet.
func TestUnknownSeatIsNotTaken(t *testing.T) {
	l := newLedger()
	first := newRig(t, "", func(c *Config) { c.Journal = l })
	first.open("a")
	first.join("a", 0).move(3)
	const late = 77
	second := first.again("", l.copyOf(), 1, late)
	second.town.await(t, fmt.Sprintf("restored a 2 [%d]", late), 1)
	c := second.dial("a")
	c.hello(seatToken("a", 1, late), nil) // confirmed by a directory that has not applied it
	if got := c.untilClosed(); got != wire.CloseToken {
		t.Errorf("closed with %d, want %d", got, wire.CloseToken)
	}
}

// What was kept of a room that turns out to be over goes when the directory has taken it off the list, and not before.
func TestEndedRoomIsKeptUntilHeard(t *testing.T) {
	l := newLedger()
	first := newRig(t, "", func(c *Config) { c.Journal = l })
	first.open("a")
	one := first.join("a", 0)
	one.order(orderEnd)
	one.untilClosed()
	kept := l.copyOf()
	second := first.again("", kept, 1)
	second.town.await(t, "ended a 2 4009", 1)
	if _, ok := kept.Saved("a"); !ok {
		t.Error("forgotten while the room is still assigned")
	}
	second.host.Reconcile(nil)
	if _, ok := kept.Saved("a"); ok {
		t.Error("kept after the directory had heard of the end")
	}
}

// A process that is told to end while it makes its rooms anew loses none: of one that is kept at the end of a process only,
// nothing else is left by then.
func TestEndDuringRestoreKeepsVolatileRooms(t *testing.T) {
	l := newLedger()
	volatile := dotProgram(t, "dots", func(d *room.Definition) { d.Volatile = true })
	first := newRig(t, "", func(c *Config) { c.Journal, c.Games = l, []*room.Program{volatile} })
	first.open("a")
	first.join("a", 0).move(3)
	first.close()
	was, ok := l.Saved("a")
	if !ok {
		t.Fatal("the first process has not written the room down")
	}

	begun, begin := make(chan struct{}), make(chan struct{})
	slow := dotProgram(t, "dots", func(d *room.Definition) {
		d.Volatile = true
		start := d.New
		d.New = func(r *room.Room, options json.RawMessage) (room.Game, error) {
			close(begun)
			<-begin
			return start(r, options)
		}
	})
	second := newRig(t, "", func(c *Config) { c.Journal, c.Games = l, []*room.Program{slow} })
	second.assign(Assignment{Room: "a", Game: "dots", Seed: 1, Epoch: 2, Restore: true, Taken: []uint64{1}})
	<-begun
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		second.close()
	}()
	<-second.host.ctx.Done()
	close(begin)
	<-ended
	if now, ok := l.Saved("a"); !ok || now.Tick < was.Tick || len(now.Checkpoint) == 0 {
		t.Fatalf("after the second process there is %+v (%v), before tick %d", now, ok, was.Tick)
	}
	third := newRig(t, "", func(c *Config) { c.Journal, c.Games = l, []*room.Program{volatile} })
	third.assign(Assignment{Room: "a", Game: "dots", Seed: 1, Epoch: 3, Restore: true, Taken: []uint64{1}})
	third.town.await(t, "restored a 3 []", 1)
}

// Requests that wait for a room are bounded: anybody who knows its id may ask.
func TestRequestsThatWaitForARoomAreBounded(t *testing.T) {
	begin := make(chan struct{})
	slow := dotProgram(t, "dots", func(d *room.Definition) {
		start := d.New
		d.New = func(r *room.Room, options json.RawMessage) (room.Game, error) {
			<-begin
			return start(r, options)
		}
	})
	var limited atomic.Int32
	r := newRig(t, "", func(c *Config) {
		c.Games, c.MaxHandshakes = []*room.Program{slow}, 2
		c.Limited = func(limit string) {
			if limit == "max-handshakes" {
				limited.Add(1)
			}
		}
	})
	r.assign(Assignment{Room: "a", Game: "dots", Seed: 1})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() { r.host.enter(ctx, "a") })
	}
	eventually(t, "two wait", func() bool {
		r.host.mu.RLock()
		defer r.host.mu.RUnlock()
		return r.host.waiting == 2
	})
	if _, status, _ := r.host.enter(t.Context(), "a"); status != http.StatusServiceUnavailable || limited.Load() != 1 {
		t.Errorf("a third request is answered %d, %d are counted", status, limited.Load())
	}
	cancel()
	waiting.Wait()
	close(begin)
	r.town.await(t, "started a", 1)
	r.join("a", 0)
	if r.host.waiting != 0 {
		t.Errorf("%d wait", r.host.waiting)
	}
}
