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
	rooms := m.dir.t.idx.listed
	if rng.IntN(6) == 0 {
		rooms = m.dir.t.idx.hidden
	}
	if rooms.len > 0 {
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
	code := make([]byte, codeBytes) // few distinct codes, so that they meet
	code[3], code[7] = byte(rng.IntN(4)), byte(rng.IntN(4))
	by, again := origin{}, once{}
	if rng.IntN(2) == 0 {
		by = origin{Principal: fmt.Sprint(rng.IntN(2)), Key: fmt.Sprint(rng.IntN(12))}
		again = once{[]byte{byte(rng.IntN(2))}}
	}
	switch rng.IntN(20) {
	case 0:
		c.Private = rng.IntN(2) == 0
		return &createRoom{origin: by, creation: c, once: again, Code: code}
	case 16:
		return &patchRoom{
			Room: id, Any: rng.IntN(2) == 0, Versions: []uint64{uint64(rng.IntN(9))}, Locked: &locked, Private: &locked,
			Set: []Pair{{"k", fmt.Sprint(rng.IntN(2))}}, Remove: []string{"x"}, Code: code,
		}
	case 17:
		return &freeSeat{Room: id, Seat: seat}
	case 18:
		return &setWebhook{On: rng.IntN(8) > 0}
	case 19:
		if oldest, ok := m.dir.t.outbox.queue.oldest(); ok {
			return &acknowledge{Events: []string{"none", oldest.event()}}
		}
		return &acknowledge{}
	case 1, 2:
		return &roomStarted{fenced: f}
	case 3, 4, 5:
		return &reserve{origin: by, once: again, Room: id, Players: []Player{player(), player()}[:1+rng.IntN(2)], Expires: expires}
	case 6, 7, 8:
		p := player()
		p.Role = RolePlayer
		return &joinOrCreate{origin: by, once: again, creation: c, Player: p, Expires: expires}
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
		replays := 0
		for step := range 1500 {
			if step%500 == 250 {
				twin = &machine{dir: restored(t, m.dir), index: m.index}
			}
			m.now += int64(rng.IntN(3000))
			cmd := randomCommand(rng, m)
			before, counts := m.dir.Room(roomOf(cmd)), m.dir.Stats()
			res := m.do(cmd)
			if res.replayed {
				replays++
				checkReplay(t, counts, m.dir.Stats())
			}
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
		if replays == 0 {
			t.Errorf("seed %d: no idempotency key came twice", seed)
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
	return fmt.Sprintf("%v %x %v %v %v %v", res.err, room, res.seats, res.created, res.ended, res.replayed)
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

// checkReplay checks that a replay sold nothing and made nothing.
func checkReplay(t *testing.T, before, after Stats) {
	t.Helper()
	before.Hash, before.Applied = after.Hash, after.Applied
	if before != after {
		t.Fatalf("a replay changed the counts from %+v to %+v", before, after)
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
	checkReplays(t, &d.t.replays)
	size := 0
	for _, n := range d.t.outbox.queue.values() {
		size += n.bytes()
	}
	if o := &d.t.outbox; size != o.bytes || size > outboxKeptBytes || o.queue.len() != o.queue.order.Len() {
		t.Fatalf("the outbox counts %d bytes, want %d; %d notices, %d in order", o.bytes, size, o.queue.len(), o.queue.order.Len())
	}
	checkTickets(t, d)
	if got, want := describe(&d.t.idx), describe(&fresh); got != want {
		t.Fatalf("indexes %s, want %s", got, want)
	}
}

func checkReplays(t *testing.T, s *replays) {
	t.Helper()
	sum := 0
	for principal, own := range s.of {
		sum += own.len()
		if own.len() == 0 {
			t.Fatalf("principal %q has no keys and is kept", principal)
		}
	}
	if sum != s.all.len() || s.all.order.Len() != sum || s.size.len != len(s.of) {
		t.Fatalf("%d idempotency keys of %d principals, want %d of %d", sum, s.size.len, s.all.len(), len(s.of))
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
	open, owned, games := map[openKey][]orderedKey{}, map[string][]orderedKey{}, map[string][]orderedKey{}
	for k, s := range x.games {
		games[k] = keys(s)
	}
	for k, s := range x.open {
		open[k] = keys(s)
	}
	for k, s := range x.owned {
		owned[k] = keys(s)
	}
	// fmt sorts the maps.
	return fmt.Sprint(open, owned, games, keys(&x.listed), keys(&x.hidden), x.codes, keys(&x.due), keys(&x.ended), x.states, x.seats, x.endedBytes)
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
