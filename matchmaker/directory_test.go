package matchmaker

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func TestSeatLife(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	first := m.reserve(r.ID, "ann", "bob")
	if first.err != nil || first.seats[0].Slot != 0 || first.seats[1].Slot != 1 {
		t.Fatalf("reserve: %+v", first)
	}
	ann := first.seats[0].ID

	m.now += 1000
	again := m.reserve(r.ID, "ann")
	if again.err != nil || again.seats[0].ID != ann || again.seats[0].Expires != m.now+30_000 {
		t.Errorf("reserve again: %+v, want seat %d with a later expiry", again, ann)
	}
	for range 2 { // idempotent
		if res := m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: ann}); res.err != nil {
			t.Errorf("confirm: %v", res.err)
		}
	}
	if res := m.reserve(r.ID, "ann"); !errors.Is(res.err, ErrAlreadySeated) {
		t.Errorf("reserve while taken: %v, want ErrAlreadySeated", res.err)
	}
	if res := m.do(&release{fenced: fenced{r.ID, 1}, Seat: ann}); res.err != nil {
		t.Errorf("release: %v", res.err)
	}
	if res := m.do(&release{fenced: fenced{r.ID, 1}, Seat: ann}); res.err != nil {
		t.Errorf("release again: %v", res.err)
	}
	if res := m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: ann}); !errors.Is(res.err, ErrSeatExpired) {
		t.Errorf("confirm a released seat: %v, want ErrSeatExpired", res.err)
	}
	if res := m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: 99}); !errors.Is(res.err, ErrSeatUnknown) {
		t.Errorf("confirm an unknown seat: %v, want ErrSeatUnknown", res.err)
	}
	// The lowest slot is free again; the seat id is a new one.
	next := m.reserve(r.ID, "cid")
	if next.err != nil || next.seats[0].Slot != 0 || next.seats[0].ID == ann {
		t.Errorf("reserve after release: %+v", next)
	}
}

func TestReserveAllOrNone(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{Game: "cards"})
	m.reserve(r.ID, "a", "b", "c")
	before := *m.dir.Room(r.ID)
	if res := m.reserve(r.ID, "d", "e"); !errors.Is(res.err, ErrRoomFull) {
		t.Fatalf("reserve two of one: %v, want ErrRoomFull", res.err)
	}
	if !reflect.DeepEqual(*m.dir.Room(r.ID), before) {
		t.Error("a refused reservation changed the room")
	}
	if res := m.reserve(r.ID, "d", "d"); !errors.Is(res.err, ErrInvalid) {
		t.Errorf("reserve the same player twice: %v, want ErrInvalid", res.err)
	}
}

func TestSpectatorsHaveTheirOwnSlots(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{Game: "cards", MaxSpectators: 2})
	watch := func(id string) result {
		return m.do(&reserve{Room: r.ID, Players: []Player{{ID: id, Role: RoleSpectator}}, Expires: m.now + 1})
	}
	if res := watch("s1"); res.err != nil || res.seats[0].Slot != 4 {
		t.Fatalf("first spectator: %+v, want slot 4", res)
	}
	if res := m.reserve(r.ID, "a", "b", "c", "d"); res.err != nil {
		t.Errorf("players beside a spectator: %v", res.err)
	}
	if res := watch("s2"); res.err != nil || res.seats[0].Slot != 5 {
		t.Errorf("second spectator: %+v, want slot 5", res)
	}
	if res := watch("s3"); !errors.Is(res.err, ErrRoomFull) {
		t.Errorf("third spectator: %v, want ErrRoomFull", res.err)
	}
}

func TestFencing(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	seat := m.reserve(r.ID, "ann").seats[0].ID
	for _, epoch := range []uint64{0, 2} {
		f := fenced{r.ID, epoch}
		for _, cmd := range []command{
			&roomStarted{fenced: f}, &roomRefused{fenced: f}, &confirm{fenced: f, Seat: seat}, &release{fenced: f, Seat: seat},
			&endRoom{fenced: f}, &endIfIdle{fenced: f}, &updateRoom{fenced: f},
		} {
			if res := m.do(cmd); !errors.Is(res.err, ErrStaleEpoch) {
				t.Errorf("%T with epoch %d: %v, want ErrStaleEpoch", cmd, epoch, res.err)
			}
		}
	}
}

// Confirm and Expire are ordered by the log, not by a clock.
func TestConfirmAgainstExpire(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	seats := m.reserve(r.ID, "ann", "bob").seats
	m.now += 30_000 + expiryGraceMs - 1
	m.do(&expire{})
	if got := len(m.dir.Room(r.ID).Seats); got != 2 {
		t.Fatalf("%d seats before the grace has passed, want 2", got)
	}
	m.now += 1000
	if res := m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: seats[0].ID}); res.err != nil {
		t.Errorf("confirm ahead of expire: %v", res.err)
	}
	if !m.dir.due(m.now) {
		t.Error("nothing is due")
	}
	m.do(&expire{})
	if res := m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: seats[1].ID}); !errors.Is(res.err, ErrSeatExpired) {
		t.Errorf("confirm behind expire: %v, want ErrSeatExpired", res.err)
	}
	m.now += 1 << 40
	m.do(&expire{})
	if got := m.dir.Room(r.ID).Seats; len(got) != 1 || got[0].State != SeatTaken {
		t.Errorf("seats after all expired: %+v, want the taken one", got)
	}
	if m.dir.due(m.now) {
		t.Error("something is due though nothing is reserved")
	}
}

func TestEndIfIdleAgainstReserve(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	seat := m.reserve(r.ID, "ann").seats[0].ID
	if res := m.do(&endIfIdle{fenced: fenced{r.ID, 1}}); res.err != nil || res.ended {
		t.Errorf("end with a reserved seat: %+v, want not ended", res)
	}
	m.do(&release{fenced: fenced{r.ID, 1}, Seat: seat})
	for range 2 {
		if res := m.do(&endIfIdle{fenced: fenced{r.ID, 1}}); res.err != nil || !res.ended {
			t.Errorf("end without seats: %+v, want ended", res)
		}
	}
	if res := m.reserve(r.ID, "bob"); !errors.Is(res.err, ErrRoomEnded) {
		t.Errorf("reserve behind the end: %v, want ErrRoomEnded", res.err)
	}
}

func TestNewIncarnationGetsTheRooms(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	unborn := m.do(&createRoom{creation: creation{Game: "arena", MaxLive: 10, Random: []byte("fedcba9876543210")}}).room
	m.reserve(r.ID, "stays", "came late", "not here yet")
	m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: 1})
	m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: 2})
	changed := m.dir.Changed()
	if res := m.do(&nodeUp{Node: Node{Name: "a", Incarnation: 2, Games: testGames}}); res.err != nil {
		t.Fatal(res.err)
	}
	<-changed
	_, list := m.dir.Assignments("a")
	if len(list) != 2 {
		t.Fatalf("assignments after restart: %+v", list)
	}
	for _, a := range list {
		ran := a.Room == r.ID
		if a.Epoch != 2 || a.Started || a.Restore != ran || ran != slices.Equal(a.Taken, []uint64{1, 2}) {
			t.Errorf("assignment after restart: %+v (the one that never ran is %s)", a, unborn.ID)
		}
	}
	if res := m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: 3}); !errors.Is(res.err, ErrStaleEpoch) {
		t.Errorf("confirm in the old epoch: %v", res.err)
	}
	if res := m.do(&roomRestored{fenced: fenced{r.ID, 2}, Gone: []uint64{2}}); res.err != nil {
		t.Fatal(res.err)
	}
	room := m.dir.Room(r.ID)
	if room.State != RoomRunning || room.seat(1) == nil || room.seat(2) != nil || room.seat(3) == nil {
		t.Errorf("the restored room: %+v", room)
	}
	if res := m.do(&nodeUp{Node: Node{Name: "a", Incarnation: 1, Games: testGames}}); !errors.Is(res.err, ErrStaleIncarnation) {
		t.Errorf("older incarnation: %v, want ErrStaleIncarnation", res.err)
	}
	m.do(&nodeUp{Node: Node{Name: "a", Incarnation: 3, Games: []Game{{Name: "other", MaxPlayers: 2}}}})
	if room := m.dir.Room(r.ID); room.State != RoomEnded || room.End.Reason != "lost" || room.End.Code != 4200 {
		t.Errorf("room of a game that is gone: %+v", room)
	}
}

func TestJoinPicksTheFullest(t *testing.T) {
	m := newMachine()
	eu := []Pair{{"mode", "ctf"}, {"region", "eu"}}
	a, b := m.room(t, creation{Metadata: eu}), m.room(t, creation{Metadata: eu})
	m.room(t, creation{Metadata: []Pair{{"region", "us"}}})
	m.room(t, creation{Metadata: eu, Private: true})
	locked, yes := m.room(t, creation{Metadata: eu}), true
	m.reserve(locked.ID, "1", "2", "3", "4")
	m.do(&updateRoom{fenced: fenced{locked.ID, 1}, RoomUpdate: RoomUpdate{Locked: &yes}})
	m.reserve(b.ID, "x")
	join := func(player string, filters ...Pair) result {
		return m.do(&joinOrCreate{creation: creation{Game: "arena", Metadata: filters, MaxLive: 100, Random: random(randomBytes)},
			Player: Player{ID: player}, Expires: m.now + 30_000})
	}
	for i := range 7 {
		if res := join(fmt.Sprint("p", i), Pair{"region", "eu"}); res.err != nil || res.room.ID != b.ID || res.created {
			t.Fatalf("join %d: %+v, want room %s", i, res, b.ID)
		}
	}
	if res := join("p8", Pair{"region", "eu"}); res.room.ID != a.ID {
		t.Errorf("join after b is full: room %s, want %s", res.room.ID, a.ID)
	}
	res := join("p9", Pair{"region", "asia"})
	if res.err != nil || !res.created || res.room.State != RoomStarting {
		t.Fatalf("join without a match: %+v, want a new room", res)
	}
	if second := join("p10", Pair{"region", "asia"}); second.created || second.room.ID != res.room.ID {
		t.Errorf("second join: %+v, want room %s", second, res.room.ID)
	}
	taken := join("p11", Pair{"region", "asia"})
	m.do(&roomStarted{fenced: fenced{res.room.ID, 1}})
	m.do(&confirm{fenced: fenced{res.room.ID, 1}, Seat: taken.seats[0].ID})
	if again := join("p11", Pair{"region", "asia"}); again.err != nil || again.room.ID == res.room.ID {
		t.Errorf("join of a seated player: %+v, want another room", again)
	}
}

func TestEndedRoomsAreForgotten(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Reason: "finished", Code: 4009, Result: []byte("42")}})
	if got := m.dir.Room(r.ID); got.State != RoomEnded || string(got.End.Result) != "42" {
		t.Fatalf("ended room: %+v", got)
	}
	m.now += endedKeptMs
	if !m.dir.due(m.now) {
		t.Error("nothing is due")
	}
	m.do(&expire{})
	if got := m.dir.Room(r.ID); got != nil {
		t.Errorf("room is still there: %+v", got)
	}
	big := make([]byte, maxResultBytes)
	for range endedKeptBytes/maxResultBytes + 3 {
		r := m.room(t, creation{})
		m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Result: big}})
	}
	if got, want := m.dir.Stats().Ended, endedKeptBytes/maxResultBytes; got != want {
		t.Errorf("%d ended rooms with large results are kept, want %d", got, want)
	}
}

func TestRoomLimit(t *testing.T) {
	m := newMachine()
	for i := range 3 {
		res := m.do(&createRoom{creation: creation{Game: "arena", MaxLive: 2, Random: random(randomBytes)}})
		if (i == 2) != errors.Is(res.err, ErrTooManyRooms) {
			t.Errorf("create %d: %v", i, res.err)
		}
	}
}

// A node that follows the changes runs what a node runs that looks at everything, whatever happens.
func TestAssignmentChangesAddUp(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		m := newMachine()
		running, seen, whole := map[string]uint64{}, uint64(0), 0
		for step := range 2000 {
			m.now += int64(rng.IntN(3000))
			m.do(randomCommand(rng, m))
			if step == 1000 {
				m.dir = restored(t, m.dir)
			}
			if rng.IntN(5) > 0 {
				continue
			}
			version, list, ended, all := m.dir.AssignmentChanges("a", seen)
			if seen = version; all {
				whole++
				clear(running)
			}
			for _, id := range ended {
				delete(running, id)
			}
			for _, a := range list {
				running[a.Room] = a.Epoch
			}
			want := map[string]uint64{}
			_, everything := m.dir.Assignments("a")
			for _, a := range everything {
				want[a.Room] = a.Epoch
			}
			if !maps.Equal(running, want) {
				t.Fatalf("seed %d step %d: following the changes runs %v, want %v", seed, step, running, want)
			}
		}
		if whole > 10 {
			t.Errorf("seed %d: everything was listed %d times", seed, whole)
		}
	}
}
