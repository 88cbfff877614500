package matchmaker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomCommand makes a command that often fits the state.
func randomCommand(rng *rand.Rand, m *machine) command {
	var id string
	var seat uint64
	if rooms := m.dir.t.idx.listed; rooms.len > 0 {
		at := fmt.Sprintf("%c", crockford[rng.IntN(32)])
		rooms.ascend(orderedKey{id: at}, func(k orderedKey) bool { id = k.id; return false })
		if r := m.dir.Room(id); r != nil {
			seat = rng.Uint64N(r.NextSeat + 1)
		}
	}
	f := fenced{id, 1 + uint64(rng.IntN(8)/7)}
	bytes16 := make([]byte, randomBytes)
	for i := range bytes16 {
		bytes16[i] = byte(rng.Uint32())
	}
	player := func() Player {
		return Player{ID: fmt.Sprint("p", rng.IntN(40)), Role: Role(rng.IntN(6) / 5)}
	}
	c := creation{Game: testGames[rng.IntN(2)].Name, MaxLive: 12, MaxSpectators: 2, Random: bytes16,
		Metadata: []Pair{{"k", fmt.Sprint(rng.IntN(2))}}}
	expires := m.now + int64(rng.IntN(30_000)) + 1
	locked := rng.IntN(4) == 0
	switch rng.IntN(16) {
	case 0:
		return &createRoom{creation: c}
	case 1, 2:
		return &roomStarted{fenced: f}
	case 3, 4, 5:
		return &reserve{Room: id, Players: []Player{player(), player()}[:1+rng.IntN(2)], Expires: expires}
	case 6, 7, 8:
		p := player()
		p.Role = RolePlayer
		return &joinOrCreate{creation: c, Player: p, Expires: expires}
	case 9, 10, 11:
		return &confirm{fenced: f, Seat: seat}
	case 12:
		return &release{fenced: f, Seat: seat}
	case 13:
		return &expire{}
	case 14:
		return &updateRoom{fenced: f, RoomUpdate: RoomUpdate{Locked: &locked, Metadata: map[string]string{"k": "1"}}}
	default:
		if rng.IntN(40) == 0 {
			return &nodeUp{Node: Node{Name: "a", Incarnation: m.index, Games: testGames}}
		}
		switch rng.IntN(3) {
		case 0:
			return &endIfIdle{fenced: f}
		case 1:
			return &roomRestored{fenced: f, Gone: []uint64{1, 2, uint64(rng.IntN(9))}}
		}
		return &endRoom{fenced: f, Ending: Ending{Reason: "finished"}}
	}
}

// Random commands never break an invariant; a snapshot at any point behaves
// like the directory it was taken from.
func TestRandomCommands(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := newMachine()
		var twin *machine
		for step := range 1500 {
			if step%500 == 250 {
				twin = &machine{dir: restored(t, m.dir), index: m.index}
			}
			m.now += int64(rng.IntN(3000))
			cmd := randomCommand(rng, m)
			before := m.dir.Room(roomOf(cmd))
			res := m.do(cmd)
			checkStep(t, cmd, before, m.dir.Room(roomOf(cmd)), res)
			checkDirectory(t, m.dir)
			if twin == nil {
				continue
			}
			twin.now = m.now
			if got, want := describeResult(twin.do(cmd)), describeResult(res); got != want {
				t.Fatalf("seed %d step %d %T: restored directory answered %s, want %s", seed, step, cmd, got, want)
			}
		}
		if a, b := m.dir.Stats(), twin.dir.Stats(); a != b {
			t.Fatalf("seed %d: stats of the restored directory %+v, want %+v", seed, b, a)
		}
		if !bytes.Equal(snapshotBytes(t, m.dir), snapshotBytes(t, twin.dir)) {
			t.Fatalf("seed %d: snapshots differ", seed)
		}
	}
}

// describeResult writes a result in a comparable form.
func describeResult(res result) string {
	var room []byte
	if res.room != nil {
		room = encodeFields(nil, res.room.fields)
	}
	return fmt.Sprintf("%v %x %v %v %v", res.err, room, res.seats, res.created, res.ended)
}

func roomOf(cmd command) string {
	switch c := cmd.(type) {
	case *confirm:
		return c.Room
	case *release:
		return c.Room
	case *reserve:
		return c.Room
	}
	return ""
}

// checkStep checks what one command may do to the room it names.
func checkStep(t *testing.T, cmd command, before, after *Room, res result) {
	t.Helper()
	if before == nil || after == nil {
		return
	}
	if res.err != nil && before != after {
		t.Fatalf("%T was refused (%v) and changed the room", cmd, res.err)
	}
	if c, ok := cmd.(*release); ok && res.err == nil && after.seat(c.Seat) != nil {
		t.Fatalf("seat %d is still there after its release", c.Seat)
	}
	if c, ok := cmd.(*confirm); ok && res.err == nil && after.seat(c.Seat).State != SeatTaken {
		t.Fatalf("seat %d is not taken after its confirmation", c.Seat)
	}
}

// checkDirectory checks every room and that the indexes agree with them.
func checkDirectory(t *testing.T, d *Directory) {
	t.Helper()
	fresh := newIndex()
	for _, r := range d.t.rooms {
		if err := r.check(); err != nil {
			t.Fatal(err)
		}
		if r.count(RolePlayer) > r.MaxPlayers || r.count(RoleSpectator) > r.MaxSpectators {
			t.Fatalf("room %q is over its limit: %+v", r.ID, r)
		}
		fresh.replace(nil, r)
	}
	if got, want := describe(&d.t.idx), describe(&fresh); got != want {
		t.Fatalf("indexes %s, want %s", got, want)
	}
}

// describe lists an index in a comparable form.
func describe(x *index) string {
	keys := func(s *orderedSet) (out []orderedKey) {
		s.ascend(orderedKey{}, func(k orderedKey) bool { out = append(out, k); return true })
		if len(out) != s.len {
			panic(fmt.Sprintf("set has %d keys, len %d", len(out), s.len))
		}
		return out
	}
	open, owned := map[openKey][]orderedKey{}, map[string][]orderedKey{}
	for k, s := range x.open {
		open[k] = keys(s)
	}
	for k, s := range x.owned {
		owned[k] = keys(s)
	}
	// fmt sorts the maps.
	return fmt.Sprint(open, owned, keys(&x.listed), keys(&x.due), keys(&x.ended), x.states, x.seats, x.endedBytes)
}

func snapshotBytes(t testing.TB, d *Directory) []byte {
	t.Helper()
	write, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restored(t testing.TB, d *Directory) *Directory {
	t.Helper()
	out := NewDirectory()
	if err := out.Restore(bytes.NewReader(snapshotBytes(t, d))); err != nil {
		t.Fatal(err)
	}
	return out
}
