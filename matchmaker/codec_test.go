package matchmaker

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
)

// sampleCommands has one command of every kind with every field set.
func sampleCommands() []command {
	o := origin{Time: 5, Principal: "admin", Key: "k1"}
	three, yes := 3, true
	c := creation{Game: "arena", Options: []byte(`{"map":1}`), Metadata: []Pair{{"a", "b"}}, Private: true, Bots: &three,
		MaxPlayers: 4, MaxSpectators: 2, MaxLive: 10, Random: bytes.Repeat([]byte{7}, randomBytes)}
	f := fenced{"abcdefghjk", 2}
	hash, code := once{bytes.Repeat([]byte{9}, replayHashBytes)}, bytes.Repeat([]byte{8}, codeBytes)
	p := Player{"id", "Ann", 3, RoleSpectator}
	return []command{
		&nodeUp{o, Node{"a", 3, "127.0.0.1:1", 2, testGames}},
		&createRoom{o, c, hash, code},
		&roomStarted{o, f},
		&roomRefused{o, f, "no"},
		&reserve{o, "abcdefghjk", []Player{p, p}, 9, hash},
		&joinOrCreate{o, c, p, 9, hash},
		&confirm{o, f, 4},
		&release{o, f, 4},
		&expire{o},
		&endRoom{o, f, Ending{"finished", "bye", 4009, 7, []byte("result")}},
		&endIfIdle{o, f},
		&addKey{o, signingKey{2, bytes.Repeat([]byte{1}, 32), 4}, 1},
		&updateRoom{o, f, RoomUpdate{&yes, nil, map[string]string{"x": "y"}}, code},
		&roomRestored{o, f, []uint64{1, 7}},
		&patchRoom{o, "abcdefghjk", true, []uint64{3, 4}, &yes, &yes, []Pair{{"a", "b"}}, []string{"c"}, code},
		&freeSeat{o, "abcdefghjk", 7},
		&setWebhook{o, true},
		&acknowledge{o, []string{"abcdefghjk.1"}},
		&createTicket{o, "arena-2v2", "ann", []TicketPlayer{{"ann", "Ann", 1500_500}, {"bob", "Bob", -7}}, 9, 10, bytes.Repeat([]byte{7}, ticketRandom), hash},
		&cancelTicket{o, "ticket"},
		&matchTickets{o, c, "arena-2v2", []matchParty{{"ticket", 3, 1}, {"other", 1, 2}}, 9},
		&failTickets{o, []matchParty{{"ticket", 3, 0}}, "no"},
	}
}

func TestCommandsComeBack(t *testing.T) {
	sampled := map[byte]bool{}
	for _, cmd := range sampleCommands() {
		if fresh := newCommand(cmd.kind()); reflect.TypeOf(fresh) != reflect.TypeOf(cmd) || sampled[cmd.kind()] {
			t.Errorf("%T has kind %d, which is %T or has a sample already", cmd, cmd.kind(), fresh)
		}
		sampled[cmd.kind()] = true
		got, err := decodeCommand(encodeCommand(cmd))
		if err != nil || !reflect.DeepEqual(got, cmd) {
			t.Errorf("%T came back as %+v (%v), want %+v", cmd, got, err, cmd)
		}
		b := encodeCommand(cmd)
		for cut := range len(b) {
			if _, err := decodeCommand(b[:cut]); err == nil {
				t.Errorf("%T cut to %d of %d bytes was accepted", cmd, cut, len(b))
			}
		}
	}
	for kind := range 256 {
		if newCommand(byte(kind)) != nil && !sampled[byte(kind)] {
			t.Errorf("kind %d has no sample", kind)
		}
	}
}

func TestCorruptCommandChangesNothing(t *testing.T) {
	m := newMachine()
	before := m.dir.Stats()
	for _, b := range [][]byte{nil, {9}, {1, 99}, {1, 1, 0xdd, 0xff, 0xff, 0xff, 0xff}, {1, 2, 0x9f, 0xc6, 0xff, 0xff, 0xff, 0xff}} {
		if res := m.dir.Apply(7, b).(result); !errors.Is(res.err, ErrCommandCorrupt) {
			t.Errorf("%x: %v, want ErrCommandCorrupt", b, res.err)
		}
	}
	after := m.dir.Stats()
	if before.Hash == after.Hash {
		t.Error("corrupt commands are not in the hash")
	}
	before.Hash, before.Applied = after.Hash, after.Applied
	if before != after {
		t.Errorf("stats %+v, want %+v", after, before)
	}
}

func FuzzCommand(f *testing.F) {
	for _, cmd := range sampleCommands() {
		f.Add(encodeCommand(cmd))
	}
	f.Add([]byte{1, 1, 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		cmd, err := decodeCommand(b)
		if err != nil {
			return
		}
		again, err := decodeCommand(encodeCommand(cmd))
		if err != nil || !reflect.DeepEqual(again, cmd) {
			t.Fatalf("%+v came back as %+v (%v)", cmd, again, err)
		}
		m := newMachine()
		m.dir.Apply(2, b)
		checkDirectory(t, m.dir)
	})
}

func FuzzRestore(f *testing.F) {
	m := newMachine()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		m.do(randomCommand(rng, m))
		m.do(randomTicketCommand(rng, m))
	}
	m.do(sampleCommands()[11])
	f.Add(snapshotBytes(f, m.dir))
	f.Add([]byte(snapshotMagic + "\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDirectory()
		if d.Restore(bytes.NewReader(b)) != nil {
			return
		}
		checkDirectory(t, d)
		restored(t, d)
	})
}

func TestRestoreRefuses(t *testing.T) {
	m := newMachine()
	m.reserve(m.room(t, creation{}).ID, "ann")
	good := snapshotBytes(t, m.dir)
	for _, tc := range []struct {
		name string
		in   []byte
	}{
		{name: "empty"},
		{name: "another version", in: append([]byte("RSDIR\x02"), good[6:]...)},
		{name: "trailing byte", in: append(bytes.Clone(good), 0)},
		{name: "cut", in: good[:len(good)-1]},
		{name: "huge record", in: []byte(snapshotMagic + "\xff\xff\xff\xff\x0f")},
	} {
		d := restored(t, m.dir)
		if err := d.Restore(bytes.NewReader(tc.in)); err == nil {
			t.Errorf("%s: accepted", tc.name)
		}
		if !bytes.Equal(snapshotBytes(t, d), good) {
			t.Errorf("%s: the refused snapshot changed the directory", tc.name)
		}
	}
}

// An idle room with two pairs of metadata must not take more than about a
// kilobyte: 10,000 of them are 10 MB.
func TestRoomMemory(t *testing.T) {
	const rooms = 10_000
	m := newMachine()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range rooms {
		m.room(t, creation{Options: []byte(`{"map":"dust"}`), Metadata: []Pair{{"mode", "ctf"}, {"region", "eu"}}})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / rooms
	t.Logf("%d bytes of heap for an idle room", each)
	if each > 1200 {
		t.Errorf("%d bytes of heap for an idle room, want at most 1200", each)
	}
	runtime.KeepAlive(m)
}
