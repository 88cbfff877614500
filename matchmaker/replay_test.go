package matchmaker

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"
)

func keyed(principal, key string, hash byte) (origin, once) {
	return origin{Principal: principal, Key: key}, once{bytes.Repeat([]byte{hash}, replayHashBytes)}
}

func TestIdempotencyKeys(t *testing.T) {
	m := newMachine()
	r := m.room(t, creation{})
	ask := func(principal, key string, hash byte, player string) result {
		by, again := keyed(principal, key, hash)
		return m.do(&reserve{origin: by, once: again, Room: r.ID, Players: []Player{{ID: player}}, Expires: m.now + 30_000})
	}
	first := ask("ann", "k", 1, "anon-1")
	if first.err != nil || first.replayed {
		t.Fatalf("first: %+v", first)
	}
	m.now += 5000
	again := ask("ann", "k", 1, "anon-2") // anonymous players get another id with each request
	if again.err != nil || !again.replayed || again.seats[0].ID != first.seats[0].ID || again.seats[0].Player != "anon-1" || again.seats[0].Expires != m.now+30_000 {
		t.Errorf("again: %+v, want the first seat with a later expiry", again)
	}
	if res := ask("ann", "k", 2, "anon-2"); !errors.Is(res.err, ErrKeyReused) {
		t.Errorf("another request: %v, want ErrKeyReused", res.err)
	}
	if res := ask("bob", "k", 1, "bob"); res.err != nil || res.replayed {
		t.Errorf("somebody else's key: %+v, want a seat of their own", res)
	}
	// A key is known after a restart.
	m.dir = restored(t, m.dir)
	if res := ask("ann", "k", 1, "anon-3"); !res.replayed || res.seats[0].ID != first.seats[0].ID {
		t.Errorf("after a restart: %+v, want the first seat", res)
	}
	m.do(&confirm{fenced: fenced{r.ID, 1}, Seat: first.seats[0].ID})
	if res := ask("ann", "k", 1, "anon-4"); !errors.Is(res.err, ErrAlreadySeated) {
		t.Errorf("the seat is taken: %v, want ErrAlreadySeated", res.err)
	}
	m.do(&release{fenced: fenced{r.ID, 1}, Seat: first.seats[0].ID})
	if res := ask("ann", "k", 1, "anon-5"); !errors.Is(res.err, ErrSeatExpired) {
		t.Errorf("the seat is gone: %v, want ErrSeatExpired", res.err)
	}
	m.now += replayKeptMs
	if res := ask("ann", "k", 1, "anon-6"); res.err != nil || res.replayed {
		t.Errorf("ten minutes later: %+v, want a new seat", res)
	}
	m.do(&endRoom{fenced: fenced{r.ID, 1}})
	if res := ask("ann", "k", 1, "anon-7"); res.err != nil || res.room.State != RoomEnded || len(res.seats) != 0 {
		t.Errorf("the room has ended: %+v, want the ended room and no seat", res)
	}
	m.now += endedKeptMs - 1
	m.do(&expire{})
	if res := ask("ann", "refused", 1, "x"); !errors.Is(res.err, ErrRoomEnded) {
		t.Errorf("reserve in an ended room: %v", res.err)
	}
	if _, ok := m.dir.t.replays.all.get(replayKey{"ann", "refused"}); ok {
		t.Error("the key of a refusal is remembered")
	}
}

// A key that got a ticket gets the same one, whatever has become of it.
func TestIdempotencyKeysOfTickets(t *testing.T) {
	m := newMachine()
	ask := func(key string, hash byte, player string) result {
		cmd := m.ticketCommand("q", player)
		cmd.origin, cmd.once = keyed("ann", key, hash)
		return m.do(cmd)
	}
	first := ask("k", 1, "anon-1")
	if first.err != nil || first.replayed {
		t.Fatalf("first: %+v", first)
	}
	if again := ask("k", 1, "anon-2"); again.err != nil || !again.replayed || again.ticket != first.ticket || len(m.dir.Waiting("q")) != 1 {
		t.Errorf("again: %+v and %d tickets, want the first one alone", again, len(m.dir.Waiting("q")))
	}
	if res := ask("k", 2, "anon-3"); !errors.Is(res.err, ErrKeyReused) {
		t.Errorf("another request: %v, want ErrKeyReused", res.err)
	}
	m.dir = restored(t, m.dir)
	m.mustMatch(t, m.dir.Ticket(first.ticket.ID))
	if res := ask("k", 1, "anon-4"); !res.replayed || res.ticket.ID != first.ticket.ID || res.ticket.State != TicketMatched {
		t.Errorf("after a restart and a match: %+v, want the first ticket as it is", res)
	}
	if res := ask("refused", 1, "anon-1"); !errors.Is(res.err, ErrTicketExists) {
		t.Errorf("the player has a ticket: %v, want ErrTicketExists", res.err)
	}
	second := ask("gone", 1, "bob")
	m.do(&cancelTicket{Ticket: second.ticket.ID})
	if res := ask("gone", 1, "bob"); res.err != nil || res.ticket.State != TicketCancelled {
		t.Errorf("a cancelled ticket: %+v, want it, and no new one", res)
	}
	m.now += settledKeptMs
	if res := ask("gone", 1, "bob"); res.err != nil { // it is forgotten with the next command
		t.Errorf("a cancelled ticket, five minutes later: %v", res.err)
	}
	if res := ask("gone", 1, "bob"); !errors.Is(res.err, ErrTicketUnknown) {
		t.Errorf("a forgotten ticket: %v, want ErrTicketUnknown", res.err)
	}
}

// A flood of keys costs its sender the oldest ones and nobody else any.
func TestIdempotencyKeysAreBounded(t *testing.T) {
	var s replays
	add := func(principal string, n int) {
		for i := range n {
			s.add(&replay{Principal: principal, Key: fmt.Sprint(i)})
		}
	}
	add("ann", 10)
	add("mallory", replaysKept+5)
	add("bob", 10)
	if got := s.all.len(); got != replaysKept {
		t.Errorf("%d keys are kept, want %d", got, replaysKept)
	}
	if s.of["ann"].len() != 10 || s.of["bob"].len() != 10 || s.of["mallory"].len() != replaysKept-20 {
		t.Errorf("ann has %d keys, bob %d, mallory %d", s.of["ann"].len(), s.of["bob"].len(), s.of["mallory"].len())
	}
	if _, ok := s.all.get(replayKey{"mallory", "0"}); ok {
		t.Error("the oldest key of the flood is still there")
	}
	checkReplays(t, &s)
}

func TestCodes(t *testing.T) {
	m := newMachine()
	draws := bytes.Repeat([]byte{0, 0, 0, 1}, 4)
	draws[15] = 7 << 2
	make := func() result {
		return m.do(&createRoom{creation: creation{Game: "arena", Private: true, MaxLive: 10, Random: random(randomBytes)}, Code: draws})
	}
	first, second := make(), make()
	if first.room.Code != "000000" || second.room.Code != "000007" {
		t.Fatalf("codes %q and %q, want the first and the last draw", first.room.Code, second.room.Code)
	}
	if third := make(); !errors.Is(third.err, ErrRoomExists) {
		t.Errorf("no draw is free: %v, want ErrRoomExists", third.err)
	}
	for _, text := range []string{"000007", "ooo-oo7", " OO 0007 "} {
		if r := m.dir.ByCode(text); r == nil || r.ID != second.room.ID {
			t.Errorf("code %q finds %v", text, r)
		}
	}
	for _, text := range []string{"", "00000", "00000U", "0000070", "000008", "００００07"} {
		if r := m.dir.ByCode(text); r != nil {
			t.Errorf("code %q finds %v", text, r)
		}
	}
	m.do(&endRoom{fenced: fenced{second.room.ID, 1}})
	if m.dir.ByCode("000007") != nil || m.dir.Room(second.room.ID).Code != "" {
		t.Error("an ended room has a code")
	}
	public, private := false, true
	if res := m.do(&patchRoom{Room: first.room.ID, Any: true, Private: &public}); res.room.Code != "" || m.dir.ByCode("000000") != nil {
		t.Errorf("a public room has code %q", res.room.Code)
	}
	if res := m.do(&updateRoom{fenced: fenced{first.room.ID, 1}, RoomUpdate: RoomUpdate{Private: &private}, Code: draws}); res.room.Code != "000000" {
		t.Errorf("private again: %+v", res)
	}
}

// What 20,000 keys take bounds what a flood can.
func TestReplayMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := &replays{}
	for i := range replaysKept {
		s.add(&replay{
			Principal: fmt.Sprintf("key-of-server-%d", i%100), Key: fmt.Sprintf("4f1c6a1e-6a8e-4a39-9d0c-%012d", i),
			Hash: make([]byte, replayHashBytes), Room: "b1q8zkw2mf", Seats: []uint64{1},
		})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / replaysKept
	t.Logf("%d bytes of heap for an idempotency key", each)
	if each > 1000 {
		t.Errorf("%d bytes of heap for an idempotency key, want at most 1000", each)
	}
	runtime.KeepAlive(s)
}
