package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever callers do at the same time, a seat is sold once.
func TestNoSeatIsSoldTwice(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	var mu sync.Mutex
	slots, full := map[int]string{}, 0
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			id := fmt.Sprint("p", i)
			grants, err := f.Reserve(testContext(t), room.ID, []Player{{ID: id}})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrRoomFull):
				full++
			case err != nil:
				t.Errorf("reserve: %v", err)
			case slots[grants[0].Seat.Slot] != "":
				t.Errorf("slot %d was sold to %s and %s", grants[0].Seat.Slot, slots[grants[0].Seat.Slot], id)
			default:
				slots[grants[0].Seat.Slot] = id
			}
		})
	}
	wg.Wait()
	if len(slots) != 8 || full != 24 {
		t.Errorf("%d seats sold and %d refused, want 8 and 24", len(slots), full)
	}
}

// Seats expire and keys rotate by themselves, and an idle server proposes
// nothing.
func TestBackgroundWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := NewDirectory()
		log := &memoryLog{dir: dir}
		m, err := New(Config{}, dir, log)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		f := &fixture{m, log, nil}
		f.register(t, 1)
		owner, stop := context.WithCancel(context.Background())
		defer stop()
		changed := dir.Changed()
		go func() { // starts the only room
			<-changed
			_, list := dir.Assignments("a")
			if err := f.RoomStarted(owner, list[0].Room, 1); err != nil {
				t.Errorf("start: %v", err)
			}
		}()
		room := f.mustCreate(t, Creation{Game: "arena"})
		grants, err := f.Reserve(context.Background(), room.ID, []Player{{}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(39 * time.Second)
		if st := f.Stats(); st.Reserved != 1 {
			t.Errorf("after 39s: %+v, want the seat reserved", st)
		}
		time.Sleep(3 * time.Second)
		if st := f.Stats(); st.Reserved != 0 {
			t.Errorf("after 42s: %+v, want the seat free", st)
		}
		if err := f.Confirm(context.Background(), room.ID, 1, grants[0].Seat.ID); !errors.Is(err, ErrSeatExpired) {
			t.Errorf("confirm: %v, want ErrSeatExpired", err)
		}
		before := f.Stats().Applied
		time.Sleep(time.Hour)
		if got := f.Stats().Applied; got != before {
			t.Errorf("an idle hour wrote %d commands", got-before)
		}
		// Three days later there are three keys and the first is gone.
		time.Sleep(72 * time.Hour)
		if _, err := f.VerifyToken(grants[0].Token, time.UnixMilli(0)); !errors.Is(err, ErrToken) {
			t.Errorf("token of a key from three days ago: %v, want ErrToken", err)
		}
		newest, _ := dir.key(0)
		_, oldest := dir.key(newest.ID - tokenKeys + 1)
		_, gone := dir.key(newest.ID - tokenKeys)
		if newest.ID != 4 || !oldest || gone {
			t.Errorf("newest key %d, want 4; %d is there: %v; %d is there: %v", newest.ID, newest.ID-2, oldest, newest.ID-3, gone)
		}
	})
}

func TestConfigBounds(t *testing.T) {
	for _, cfg := range []Config{
		{TokenTTL: time.Millisecond}, {StartTimeout: -1}, {MaxRooms: -1}, {MaxSpectators: -2}, {KeyRotation: time.Second},
	} {
		if m, err := New(cfg, NewDirectory(), &memoryLog{}); err == nil {
			m.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

// What the fields cannot hold is refused before it gets into the log.
func TestReportBounds(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	ctx := testContext(t)
	before := f.Stats().Applied
	for name, err := range map[string]error{
		"game without players": f.RegisterNode(ctx, Node{Name: "b", Games: []Game{{Name: "x"}}}),
		"weight":               f.RegisterNode(ctx, Node{Name: "b", Weight: 17, Games: testGames}),
		"large result":         f.RoomEnded(ctx, room.ID, 1, Ending{Result: make([]byte, maxResultBytes+1)}),
		"close code":           f.RoomEnded(ctx, room.ID, 1, Ending{Code: 70_000}),
		"metadata":             f.UpdateRoom(ctx, room.ID, 1, RoomUpdate{Metadata: map[string]string{"": "x"}}),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if got := f.Stats().Applied; got != before {
		t.Errorf("%d commands were proposed", got-before)
	}
}

// A game that sets one key keeps the others: what a room was joined by must stay, or no later join finds it.
func TestMetadataIsMerged(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena", Metadata: map[string]string{"mode": "ranked", "map": "sun"}})
	for _, m := range []map[string]string{{"map": "moon", "extra": "1"}, {"extra": ""}} {
		if err := f.UpdateRoom(t.Context(), room.ID, 1, RoomUpdate{Metadata: m}); err != nil {
			t.Fatal(err)
		}
	}
	got := pairMap(f.dir.Room(room.ID).Metadata)
	if len(got) != 2 || got["mode"] != "ranked" || got["map"] != "moon" {
		t.Errorf("metadata %v, want mode ranked and map moon", got)
	}
}
