package host

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// never keeps rooms where they are: tests move them by hand.
var never = balancing{every: time.Hour, rest: time.Hour}

// shove has a room moved to another worker, or within its own to a slot, behind the wake in which its worker hears of it.
func (r *rig) shove(id string, to *worker) error {
	h := r.host.lookup(id)
	if h == nil {
		return ErrNoRoom
	}
	_, err := ask(r.tb.Context(), h, func(w *worker) (struct{}, error) {
		m := move{room: h, worker: to}
		if w == to { // the slot after its own
			i := slices.Index(w.slots, h.slot)
			m = move{room: h, slot: w.slots[(i+1)%len(w.slots)]}
		}
		w.moves = append(w.moves, m)
		return struct{}{}, nil
	})
	return err
}

// mayLack reports whether a state may be missing: a socket was full, or a worker woke up so late that it made two ticks at once.
func (r *rig) mayLack() bool {
	late := uint64(0)
	for why := range r.host.stats.Late {
		for i := range lateBounds {
			if lateBounds[i] >= 50e6 { // what is counted above it was over a period late
				late += r.host.stats.Late[why].buckets[i+1].Load()
			}
		}
	}
	return late > 0 || r.host.stats.FramesSkipped.Load() > 0
}

// follow reads until cond holds and fails at a state that is missing or comes twice.
func (c *client) follow(r *rig, what string, cond func() bool) {
	c.tb.Helper()
	last := c.cur().Tick
	c.until(what, func() bool {
		if now := c.cur().Tick; now != last {
			if now <= last || now != last+1 && !r.mayLack() {
				c.tb.Fatalf("tick %d comes after %d", now, last)
			}
			last = now
		}
		return cond()
	})
}

// Players of a room that is moved again and again, to the other worker and between slots, notice nothing.
func TestMoveKeepsPlayers(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, func(c *Config) { c.Workers, c.balance = 2, never })
		r.open("a", "b")
		one, two, beside := r.join("a", 0), r.join("a", 1), r.join("b", 0)
		for i := range 40 {
			for _, c := range []*client{one, two} {
				c.input(1, int32(1-2*(i%2)))
			}
			if i%2 == 0 {
				if err := r.shove("a", r.host.workers[i/2%2]); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range []*client{one, two} {
				n := c.seq
				c.follow(r, "the input's state", func() bool { return c.inSeq >= n })
			}
			beside.follow(r, "the room beside to go on", func() bool { return beside.cur().Tick+2 >= one.cur().Tick })
		}
		one.follow(r, "both dots where they belong", func() bool {
			x, y, _ := one.dot(0)
			x2, y2, _ := one.dot(1)
			return x == 40 && y == 0 && x2 == 40 && y2 == 0
		})
		one.follow(r, "a hash", func() bool { return one.hashes > 0 })
		two.follow(r, "a hash", func() bool { return two.hashes > 0 })
		if moved := r.host.stats.RoomsMoved.Load(); moved < 10 {
			t.Errorf("only %d moves", moved)
		}
		one.send(wire.AppendLeave(nil)) // a connection that closes is its old worker's, or its new one's, but somebody's
		if code := one.untilClosed(); code != wire.CloseLeft {
			t.Errorf("closed with %d", code)
		}
	})
}

// Everything that is posted for a room finds it, wherever it goes meanwhile: joins, resumes, questions, calls, its end.
func TestMoveAmongEverything(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, func(c *Config) { c.Workers, c.balance = 3, never })
		ids := []string{"a", "b", "c", "d"}
		r.open(ids...)
		stays := r.join("a", 63)
		stop := make(chan struct{})
		var movers, players sync.WaitGroup
		for k, id := range ids {
			movers.Go(func() {
				for i := k; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := r.shove(id, r.host.workers[i%3]); err != nil && !errors.Is(err, ErrNotRunning) {
						t.Error(err)
						return
					}
					if _, err := r.host.Room(t.Context(), id); err != nil && !errors.Is(err, ErrNotRunning) {
						t.Error(err)
						return
					}
				}
			})
		}
		for _, id := range ids {
			for slot := range 6 {
				players.Go(func() { comeAndGo(r, id, slot) })
			}
		}
		players.Wait()
		if err := r.host.CloseRoom(t.Context(), "d", "enough"); err != nil {
			t.Error(err)
		}
		stays.input(1, 0)
		stays.until("play goes on", func() bool { return stays.inSeq == 1 })
		close(stop)
		movers.Wait()
		r.town.await(t, "ended d 1", 1)
		eventually(t, "all connections but one are gone", func() bool { return r.host.stats.Connections.Load() == 1 })
		rooms, load := 0, int64(0)
		for _, w := range r.host.workers {
			rooms, load = rooms+int(w.rooms.Load()), load+w.load.Load()
		}
		if rooms != 3 || load != 3*assumedCost {
			t.Errorf("%d rooms with a load of %d are counted, want 3 of %d each", rooms, load, assumedCost)
		}
	})
}

// comeAndGo joins, plays, loses the socket, comes back by its key, and leaves.
func comeAndGo(r *rig, id string, slot int) {
	c := r.dial(id)
	c.hello(token(id, slot), nil)
	c.untilWelcome()
	c.input(1, 0)
	c.until("the input's state", func() bool { return c.inSeq >= 1 })
	c.conn.Close()
	d := r.dial(id)
	d.states, d.seq, d.inSeq, d.layout = c.states, c.seq, c.inSeq, c.layout
	d.hello(c.welcome.Key, c.holds())
	d.until("the session again", func() bool { return d.welcomed && d.newest != 0 })
	d.input(1, 0)
	d.until("the second input's state", func() bool { return d.inSeq >= 2 })
	if x, _, _ := d.dot(uint32(slot)); x != 2 {
		r.tb.Errorf("room %s, slot %d: at %d after two inputs", id, slot, x)
	}
	d.send(wire.AppendLeave(nil))
	d.untilClosed()
}

// Rooms that are heavy and all began on one worker end up on both, and their players lose nothing.
func TestHeavyRoomsAreMoved(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		trap := newTrap(t, block)
		trap.snooze.Store(int64(time.Millisecond))
		r := newRig(t, b, func(c *Config) {
			c.Games = append(c.Games, trapProgram(t, trap, nil))
			c.Workers, c.balance = 2, balanced
			c.balance.every, c.balance.rest = 200*time.Millisecond, 200*time.Millisecond
			c.balance.full, c.balance.least = 0.01, 0.005 // a busy machine takes ticks away from their worker, which then has little to do
		})
		first, other := r.host.workers[0], r.host.workers[1]
		other.load.Add(1e12)
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for _, id := range ids {
			r.assign(Assignment{Room: id, Game: "traps"})
		}
		var players []*client
		for _, id := range ids {
			r.town.await(t, "started "+id, 1)
			players = append(players, r.join(id, 0))
		}
		if n := first.rooms.Load(); int(n) != len(ids) {
			t.Fatalf("%d of %d rooms began on the first worker", n, len(ids))
		}
		other.load.Add(-1e12)
		deadline := time.Now().Add(3 * patience)
		for other.rooms.Load() < 3 {
			if time.Now().After(deadline) {
				t.Fatalf("only %d rooms were moved; loads %d and %d", other.rooms.Load(), first.load.Load(), other.load.Load())
			}
			for _, c := range players {
				c.input(1, 0)
				n := c.seq
				c.follow(r, "the input's state", func() bool { return c.inSeq >= n })
			}
		}
		for _, c := range players {
			c.follow(r, "every input once", func() bool { x, _, _ := c.dot(0); return x == int32(c.seq) })
			c.follow(r, "a hash", func() bool { return c.hashes > 0 })
		}
		if first.rooms.Load() < 2 {
			t.Errorf("%d rooms are left on the first worker", first.rooms.Load())
		}
	})
}

// What waits for a room in its old worker's mailbox is behind it in the new one's, in order.
func TestMailFollows(t *testing.T) {
	h, err := New(Config{Seats: newTown(), Backend: Goroutine, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	w, to := h.workers[1], h.workers[0]
	goes, stays := hostedBy(w, Assignment{Room: "goes"}), hostedBy(w, Assignment{Room: "stays"})
	for _, r := range []*hosted{goes, stays} {
		w.enlist(assumedCost)
		r.cost.weight = assumedCost
		r.post(errand{text: "one"})
		r.remember(7)
		r.post(errand{text: "two"})
		r.deliver(callResult{id: 5})
		r.arrive(arrival{})
	}
	if !w.pass(goes, to) {
		t.Fatal("not passed")
	}
	goes.post(errand{text: "three"})
	var got []string
	for _, e := range to.errands {
		got = append(got, e.text)
	}
	if want := []string{"", "one", "two", "three"}; !slices.Equal(got, want) || !to.errands[0].moved {
		t.Errorf("errands %q, want %q", got, want)
	}
	if len(w.errands) != 2 || len(w.arrivals) != 1 || len(w.results) != 1 || len(w.doubts) != 1 || w.errands[1].room != stays {
		t.Errorf("left behind: %d errands, %d arrivals, %d results, %d doubts", len(w.errands), len(w.arrivals), len(w.results), len(w.doubts))
	}
	if len(to.arrivals) != 1 || len(to.results) != 1 || len(to.doubts) != 1 || to.results[0].room != goes {
		t.Errorf("took along: %d arrivals, %d results, %d doubts", len(to.arrivals), len(to.results), len(to.doubts))
	}
	if w.rooms.Load() != 1 || to.rooms.Load() != 1 || w.load.Load() != assumedCost || to.load.Load() != assumedCost {
		t.Error("rooms or loads are wrong")
	}
	w.stopped = true
	if w.pass(stays, to) {
		t.Error("a worker that ends passed a room on")
	}
}

// A slow room is late by itself: what is late beside it is not called the game's.
func TestCauseOfLateness(t *testing.T) {
	trap := newTrap(t, block)
	r := newRig(t, "", func(c *Config) {
		c.Games = append(c.Games, trapProgram(t, trap, func(d *room.Definition) { d.TickHz = 40 }))
	})
	r.open("good")
	r.assign(Assignment{Room: "slow", Game: "traps"})
	r.town.await(t, "started slow", 1)
	good, slow := r.join("good", 0), r.join("slow", 0)
	late := func(why cause) (ticks, over uint64) {
		for i := range r.host.stats.Late[why].buckets {
			n := r.host.stats.Late[why].buckets[i].Load()
			if ticks += n; i > 5 { // over 5 ms
				over += n
			}
		}
		return ticks, over
	}
	if n, _ := late(causeGame); n != 0 {
		t.Fatalf("%d ticks are the game's before any was slow", n)
	}
	trap.snooze.Store(int64(30 * time.Millisecond)) // the next tick falls due meanwhile
	from, goodFrom := slow.cur().Tick, good.cur().Tick
	slow.until("60 slow ticks", func() bool { return slow.cur().Tick >= from+60 })
	good.until("as long", func() bool { return good.cur().Tick >= goodFrom+30 })
	ofGame, over := late(causeGame)
	if ofGame < 30 || over < ofGame*8/10 {
		t.Errorf("%d ticks of a slow room were late by the game, %d of them by over 5 ms", ofGame, over)
	}
	var all uint64
	for why := range causes {
		n, _ := late(why)
		all += n
	}
	if ticks := r.host.stats.Ticks.Load(); all > ticks+8 || all+8 < ticks { // the two are not published at once
		t.Errorf("%d ticks have a cause, of %d", all, ticks)
	}
	detail, err := r.host.Room(context.Background(), "slow")
	if err != nil || !detail.Detached {
		t.Errorf("slow room: %+v, %v", detail, err)
	}
}
