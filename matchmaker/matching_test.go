package matchmaker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// queueFixture is a fixture with queues: duel (1 against 1) and pairs (2
// against 2, bots after 30 s), ended by the test's end.
func queueConfig() Config {
	return Config{Queues: []Queue{
		{Name: "duel", Game: "arena", TeamSize: 1, MaxWait: 60 * time.Second, Metadata: map[string]string{"mode": "duel"}},
		{Name: "pairs", Game: "arena", TeamSize: 2, FillWithBotsAfter: 30 * time.Second},
		{Name: "crowd", Game: "cards", TeamSize: 3},
		{Name: "later", Game: "chess", TeamSize: 1, MaxWait: 10 * time.Second},
	}}
}

// inBubble runs a test with virtual time and a fixture that ends with it.
func inBubble(t *testing.T, cfg Config, test func(t *testing.T, f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, cfg)
		f.own(t)
		test(t, f)
	})
}

func (f *fixture) ticket(t testing.TB, queue string, ids ...string) *Ticket {
	t.Helper()
	var party []TicketPlayer
	for _, id := range ids {
		party = append(party, TicketPlayer{ID: id, Rating: 1500 * ratingPoint})
	}
	ticket, err := f.CreateTicket(context.Background(), queue, "", party)
	if err != nil {
		t.Fatalf("ticket of %v in %s: %v", ids, queue, err)
	}
	return ticket
}

func TestPassMatches(t *testing.T) {
	inBubble(t, queueConfig(), func(t *testing.T, f *fixture) {
		a := f.ticket(t, "duel", "ann")
		time.Sleep(3 * time.Second)
		if got := f.dir.Ticket(a.ID); got.State != TicketWaiting {
			t.Fatalf("alone: %+v", got)
		}
		b := f.ticket(t, "duel", "bob")
		time.Sleep(2 * passInterval)
		got, other := f.dir.Ticket(a.ID), f.dir.Ticket(b.ID)
		if got.State != TicketMatched || other.State != TicketMatched || got.Room != other.Room || got.Team == other.Team {
			t.Fatalf("two: %+v and %+v", got, other)
		}
		room := f.dir.Room(got.Room)
		if !room.Private || room.MaxPlayers != 2 || *room.Bots != 0 || pairMap(room.Metadata)["mode"] != "duel" || len(room.Seats) != 2 {
			t.Errorf("room %+v", room)
		}
		st := f.TicketStats()
		if st.Created != 2 || st.Matched != 2 || st.Waiting != 0 || st.Live != 2 || st.Passes == 0 || st.MedianWait > time.Second {
			t.Errorf("stats %+v", st)
		}
		// While nobody waits, nothing runs.
		time.Sleep(time.Minute)
		passes, applied := f.TicketStats().Passes, f.Stats().Applied
		time.Sleep(time.Hour)
		if st := f.TicketStats(); st.Passes != passes || f.Stats().Applied > applied+1 {
			t.Errorf("an idle hour made %d passes and %d commands", st.Passes-passes, f.Stats().Applied-applied)
		}
		if st := f.TicketStats(); st.Settled != 0 || st.Live != 0 {
			t.Errorf("after an hour %+v, want nothing left", st)
		}
	})
}

func TestPassFillsWithBots(t *testing.T) {
	inBubble(t, queueConfig(), func(t *testing.T, f *fixture) {
		a := f.ticket(t, "pairs", "ann", "bob")
		time.Sleep(29 * time.Second)
		b := f.ticket(t, "pairs", "cid")
		time.Sleep(2 * time.Second)
		got := f.dir.Ticket(a.ID)
		if got.State != TicketMatched || f.dir.Ticket(b.ID).Room != got.Room || *f.dir.Room(got.Room).Bots != 4 {
			t.Fatalf("after 31 s: %+v and %+v", got, f.dir.Ticket(b.ID))
		}
	})
}

func TestTicketsThatCannotBeMatched(t *testing.T) {
	inBubble(t, queueConfig(), func(t *testing.T, f *fixture) {
		crowd, later := f.ticket(t, "crowd", "ann"), f.ticket(t, "later", "ann")
		time.Sleep(2 * passInterval)
		if got := f.dir.Ticket(crowd.ID); got.State != TicketFailed || got.Text != `the queue needs 6 players in a room, game "cards" has at most 4` {
			t.Errorf("queue for more than the game has: %+v", got)
		}
		second := f.ticket(t, "later", "bob")
		time.Sleep(2 * time.Second)
		if got := f.dir.Ticket(later.ID); got.State != TicketWaiting {
			t.Errorf("ticket for a game that no node offers: %+v", got)
		}
		chess := Node{Name: "b", Incarnation: 1, Games: []Game{{Name: "chess", MaxPlayers: 2}}}
		if err := f.RegisterNode(context.Background(), chess); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * passInterval)
		if got := f.dir.Ticket(second.ID); got.State != TicketStarting {
			t.Errorf("when a node offers it: %+v", got)
		}
		alone := f.ticket(t, "later", "cid")
		time.Sleep(12 * time.Second)
		if got := f.dir.Ticket(alone.ID); got.State != TicketExpired {
			t.Errorf("ticket that waited for too long: %+v", got)
		}
		// Node b never starts the room: the seats expire, and the tickets wait
		// again with the time that they had left.
		time.Sleep(30 * time.Second)
		if got := f.dir.Ticket(second.ID); got.Tries != 2 {
			t.Errorf("ticket whose room never started: %+v, want the second try", got)
		}
	})
}

// A game that refuses the rooms of its matches: three tries, then the tickets
// have failed.
func TestRefusedRoomsFailTickets(t *testing.T) {
	cfg := queueConfig()
	cfg.Queues[0].Options = []byte(`"refuse me"`)
	inBubble(t, cfg, func(t *testing.T, f *fixture) {
		a, b := f.ticket(t, "duel", "ann"), f.ticket(t, "duel", "bob")
		time.Sleep(5 * time.Second)
		for _, id := range []string{a.ID, b.ID} {
			if got := f.dir.Ticket(id); got.State != TicketFailed || got.Tries != maxTries || got.Text == "" {
				t.Errorf("ticket %+v, want failed after %d tries", got, maxTries)
			}
		}
		if st := f.TicketStats(); st.Failed != 2 || st.Requeued != 2*(maxTries-1) {
			t.Errorf("stats %+v", st)
		}
	})
}

// More matches than there is room for: the others wait, and nothing is
// proposed in vain.
func TestMatchesWaitForRooms(t *testing.T) {
	cfg := queueConfig()
	cfg.MaxRooms = 1
	quick := cfg.Queues[0]
	quick.Name = "quick" // behind duel in the file, and its tickets wait longer
	cfg.Queues = append(cfg.Queues, quick)
	inBubble(t, cfg, func(t *testing.T, f *fixture) {
		var all []*Ticket
		for i := range 4 {
			all = append(all, f.ticket(t, []string{"quick", "duel"}[i/2], fmt.Sprint("p", i)))
		}
		time.Sleep(time.Second)
		applied := f.Stats().Applied
		time.Sleep(5 * time.Second)
		if st := f.TicketStats(); st.Matched != 2 || st.Waiting != 2 || f.Stats().Applied != applied {
			t.Fatalf("one room: %+v, %d commands meanwhile", st, f.Stats().Applied-applied)
		}
		if got := f.dir.Ticket(all[1].ID); got.State != TicketMatched {
			t.Errorf("one of those who wait longest: %+v, want it matched", got)
		}
		if err := f.RoomEnded(context.Background(), f.dir.Ticket(all[0].ID).Room, 1, Ending{Reason: "finished"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if st := f.TicketStats(); st.Matched != 4 || st.Waiting != 0 {
			t.Errorf("when it has ended: %+v", st)
		}
	})
}

// A cancellation that comes while the room starts waits for it: the answer is
// true, whichever it is.
func TestCancelWhileTheRoomStarts(t *testing.T) {
	for _, refused := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, queueConfig()) // nobody starts the room
			a := f.ticket(t, "duel", "ann")
			f.ticket(t, "duel", "bob")
			time.Sleep(passInterval + time.Millisecond)
			starting := f.dir.Ticket(a.ID)
			if starting.State != TicketStarting {
				t.Fatalf("ticket %+v, want its room starting", starting)
			}
			var got *Ticket
			var err error
			done := make(chan struct{})
			go func() {
				defer close(done)
				got, err = f.CancelTicket(context.Background(), a.ID)
			}()
			synctest.Wait()
			select {
			case <-done:
				t.Fatalf("answered %+v, %v while the room starts", got, err)
			default:
			}
			if refused {
				_ = f.RoomRefused(context.Background(), starting.Room, 1, "no")
				<-done
				if err != nil || got.State != TicketCancelled {
					t.Errorf("refused: %+v, %v, want it cancelled", got, err)
				}
				return
			}
			_ = f.RoomStarted(context.Background(), starting.Room, 1)
			<-done
			if !errors.Is(err, ErrTicketMatched) || got.State != TicketMatched {
				t.Errorf("started: %+v, %v, want ErrTicketMatched", got, err)
			}
		})
	}
}

// Whatever happens at the same time, nobody is told what is not so.
func TestCancelMatchAndExpiryRace(t *testing.T) {
	cfg := queueConfig()
	inBubble(t, cfg, func(t *testing.T, f *fixture) {
		var work sync.WaitGroup
		for i := range 40 {
			work.Go(func() {
				time.Sleep(time.Duration(i%7) * passInterval / 3)
				ticket := f.ticket(t, "duel", fmt.Sprint("p", i))
				time.Sleep(time.Duration(i%5) * passInterval / 2)
				got, err := f.CancelTicket(context.Background(), ticket.ID)
				switch now := f.dir.Ticket(ticket.ID); {
				case err == nil && now.State != TicketCancelled:
					t.Errorf("told cancelled, is %+v", now)
				case err != nil && (!errors.Is(err, ErrTicketMatched) || got.Room == "" || now.State != TicketMatched):
					t.Errorf("told %v with %+v, is %+v", err, got, now)
				}
			})
		}
		work.Wait()
		st := f.TicketStats()
		if st.Matched+st.Cancelled != 40 || st.Matched == 0 || st.Cancelled == 0 {
			t.Errorf("stats %+v, want some of both", st)
		}
		checkDirectory(t, f.dir)
	})
}

// Tickets wait through a restart, and the new process matches them.
func TestTicketsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, queueConfig())
		a := f.ticket(t, "duel", "ann")
		time.Sleep(3 * time.Second)
		f.Close()
		dir := NewDirectory()
		if err := dir.Restore(bytes.NewReader(snapshotBytes(t, f.dir))); err != nil {
			t.Fatal(err)
		}
		log := &memoryLog{dir: dir, index: f.log.index}
		m, err := New(queueConfig(), dir, log)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		g := &fixture{m, log, m.Handler()}
		time.Sleep(time.Second)
		if got := dir.Ticket(a.ID); got.State != TicketWaiting || got.Created != a.Created {
			t.Fatalf("after the restart: %+v", got)
		}
		g.register(t, 2)
		g.ticket(t, "duel", "bob")
		time.Sleep(2 * passInterval)
		if got := dir.Ticket(a.ID); got.State != TicketStarting {
			t.Errorf("after the restart: %+v, want it matched", got)
		}
	})
}

func TestCreateTicketBounds(t *testing.T) {
	f := newFixture(t, queueConfig())
	ctx := testContext(t)
	for name, tc := range map[string]struct {
		queue string
		party []TicketPlayer
		want  error
	}{
		"unknown queue":         {"none", []TicketPlayer{{}}, ErrQueueUnknown},
		"nobody":                {"duel", nil, ErrInvalid},
		"larger than a team":    {"duel", []TicketPlayer{{}, {}}, ErrInvalid},
		"twice":                 {"pairs", []TicketPlayer{{ID: "a"}, {ID: "a"}}, ErrInvalid},
		"id":                    {"duel", []TicketPlayer{{ID: "a\x00"}}, ErrInvalid},
		"rating":                {"duel", []TicketPlayer{{Rating: maxRating + 1}}, ErrInvalid},
		"rating that overflows": {"duel", []TicketPlayer{{Rating: -1 << 63}}, ErrInvalid},
	} {
		if _, err := f.CreateTicket(ctx, tc.queue, "", tc.party); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	got, err := f.CreateTicket(ctx, "duel", "", []TicketPlayer{{Name: " Ann\n"}})
	if err != nil || got.Players[0].Name != "Ann" || len(got.Players[0].ID) != len("anon-00000000") {
		t.Errorf("ticket %+v, %v", got, err)
	}
}
