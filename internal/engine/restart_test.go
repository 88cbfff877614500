package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// restart puts a room made of the bench's journal in the place of its room, as a node does that starts again.
func (b *bench) restart(def room.Definition, held func(uint64) bool) {
	b.Helper()
	base, checkpoint, records := b.room.Journal()
	if base > 0 && len(checkpoint) == 0 {
		b.Fatalf("base %d of a checkpoint of %d bytes", base, len(checkpoint))
	}
	prog, err := room.Compile(def)
	if err != nil {
		b.Fatal(err)
	}
	cfg := b.room.cfg
	cfg.Program = prog
	r, err := New(cfg)
	if len(checkpoint) > 0 {
		r, err = Restore(cfg, bytes.Clone(checkpoint))
	}
	if err != nil {
		b.Fatal(err)
	}
	if got, _, _ := r.Journal(); got != base {
		b.Errorf("restored from a checkpoint of tick %d, the base is %d", base, got)
	}
	if err := r.Replay(bytes.Clone(records)); err != nil {
		b.Fatal(err)
	}
	if again, c, rec := r.Journal(); again != base || !bytes.Equal(c, checkpoint) || !bytes.Equal(rec, records) {
		b.Errorf("the journal of the replayed room is not what it was replayed from: base %d, %d bytes of records, want %d, %d", again, len(rec), base, len(records))
	}
	r.TakeOver(b.room.epoch+1, held)
	b.room = r
	for _, c := range b.clients {
		c.session = nil
	}
}

// What a credential opens is decided by the journal: a restarted room takes those that the room before it took.
func TestCredentialsSurviveARestart(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{ID: "k"})
	token := func(name string, slot int) *client {
		c := b.client()
		b.room.Join(Join{Conn: c.conn, Seat: Seat{ID: uint64(slot) + 100, Slot: slot, Name: name}, Token: "token-" + name, NewSecret: secretOf(c.conn)})
		b.tick()
		return c
	}
	spent, unspent := b.join(0, "Ada"), b.join(1, "Bob")
	key := spent.welcome
	b.send(spent, wire.AppendPing(nil, wire.Ping{}))
	b.resume(spent, wire.Resume{}) // the first key: unspent until a frame comes on the new connection
	next := spent.welcome
	b.tick()
	b.restart(def, nil)
	b.tick()
	if c := token("Ada", 0); c.session != nil || c.outcome.Code != wire.CloseToken {
		t.Errorf("a token that was spent before the restart: %+v", c.outcome)
	}
	if c := token("Bob", 1); c.session == nil {
		t.Errorf("a token that was not: %+v", c.outcome)
	}
	_ = unspent
	spent.welcome = key
	b.resume(spent, wire.Resume{})
	if spent.session == nil {
		t.Fatalf("a key whose successor nobody has shown to have arrived: %+v", spent.outcome)
	}
	b.send(spent, wire.AppendPing(nil, wire.Ping{}))
	b.tick()
	for range 2 { // with the journal, then from a checkpoint alone
		b.restart(def, nil)
		b.tick()
		for name, welcome := range map[string]wire.Welcome{"the key that the newest was given for": key, "a key that was never used": next} {
			c := b.client()
			c.welcome = welcome
			if b.resume(c, wire.Resume{}); c.session != nil {
				t.Errorf("%s opens the session after it was spent", name)
			}
		}
		if err := b.room.TakeCheckpoint(); err != nil {
			t.Fatal(err)
		}
	}
}

// A checkpoint between a frame and the record that says so does not bring the credential back.
func TestCheckpointHoldsWhatIsSpent(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{})
	c := b.join(0, "Ada")
	b.send(c, wire.AppendPing(nil, wire.Ping{}))
	if err := b.room.TakeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	b.restart(def, nil)
	d := b.client()
	b.room.Join(Join{Conn: d.conn, Seat: Seat{ID: 100}, Token: "token-Ada", NewSecret: secretOf(d.conn)})
	b.tick()
	if d.session != nil {
		t.Error("the token was spent and works")
	}
}

func TestTakeCheckpoint(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	if base, c, _ := b.room.Journal(); base != 0 || len(c) != 0 {
		t.Errorf("a new room has a checkpoint of tick %d", base)
	}
	b.join(0, "Ada")
	b.ticks(12)
	if err := b.room.TakeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	base, before, records := b.room.Journal()
	if base != b.room.tick || len(records) > 0 {
		t.Errorf("base %d at tick %d, %d bytes of records", base, b.room.tick, len(records))
	}
	before = bytes.Clone(before)
	good := b.room.driver.Game
	b.room.driver.Game = &failingState{dotGame: good.(*dotGame)}
	if err := b.room.TakeCheckpoint(); !errors.As(err, new(*PanicError)) || b.room.Ended() != nil {
		t.Errorf("a game that fails at it: %v, ended %+v", err, b.room.Ended())
	}
	b.room.driver.Game = good
	if again, c, _ := b.room.Journal(); again != base || !bytes.Equal(c, before) {
		t.Error("the failed checkpoint cost the one before")
	}
	b.ticks(3)
	b.restart(dotDefinition(), nil)
	b.ticks(30)
	if again, _, _ := b.room.Journal(); again <= base || b.room.tick-again >= 20 {
		t.Errorf("tick %d, newest checkpoint of tick %d", b.room.tick, again)
	}
}

// Sessions whose seats the directory has forgotten leave with the first tick; the others wait for their clients.
func TestTakeOverOfSeatsThatAreNotHeld(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{})
	ada, bob := b.join(0, "Ada"), b.join(1, "Bob")
	b.ticks(3)
	b.restart(def, func(seat uint64) bool { return seat == 101 })
	if len(b.room.Sessions()) != 2 {
		t.Error("a takeover reached the game before the tick")
	}
	b.tick()
	if s := b.room.Sessions(); len(s) != 1 || s[0].Seat() != 101 || !s[0].Away() {
		t.Fatalf("%d sessions", len(s))
	}
	if n := b.room.Notices(); len(n) != 1 || n[0].Seat != 100 {
		t.Errorf("notices %+v", n)
	}
	b.restart(def, nil) // it was an ordinary record, and so was the epoch
	if len(b.room.Sessions()) != 1 || b.room.Epoch() != 3 {
		t.Errorf("after another restart: %d sessions, epoch %d", len(b.room.Sessions()), b.room.Epoch())
	}
	b.tick()
	if b.resume(ada, wire.Resume{}); ada.session != nil || ada.outcome.Code != wire.CloseResumeUnknown {
		t.Errorf("ada: %+v", ada.outcome)
	}
	if b.resume(bob, wire.Resume{}); bob.session == nil {
		t.Errorf("bob: %+v", bob.outcome)
	}
}

// A fragile game fails where its fault says.
type fragile struct {
	dotGame
	fault *string
}

func (g *fragile) fails(where string) {
	if *g.fault == where {
		panic("broken " + where)
	}
}
func (g *fragile) View(r *room.Room, v *room.View) { g.fails("View"); g.dotGame.View(r, v) }
func (g *fragile) Step(r *room.Room)               { g.fails("Step"); g.dotGame.Step(r) }
func (g *fragile) AppendState(dst []byte) []byte {
	g.fails("AppendState")
	return wire.AppendUint(dst, uint64(g.S.Steps))
}
func (g *fragile) RestoreState(data []byte) error {
	g.fails("RestoreState")
	in := wire.NewReader(data)
	g.S.Steps = in.Uint32()
	return in.Err()
}

// The panics of a game never leave the package.
func TestPanicsOutsideOfTicksAreErrors(t *testing.T) {
	fault := ""
	def := dotDefinition()
	def.Messages = nil
	def.New = func(*room.Room, json.RawMessage) (room.Game, error) {
		g := &fragile{fault: &fault}
		g.fails("New")
		return g, nil
	}
	def.Convert = func(g room.Game, _ uint32, _ func(any) error) error {
		g.(*fragile).fails("Convert")
		return nil
	}
	b := newBench(t, def, Config{})
	b.ticks(3)
	if err := b.room.TakeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	b.tick()
	_, checkpoint, records := b.room.Journal()
	older := def
	older.StateVersion++
	oldProg, err := room.Compile(older)
	if err != nil {
		t.Fatal(err)
	}
	old := Config{ID: "x", Program: oldProg}
	for where, do := range map[string]func() error{
		"New":          func() error { _, err := New(b.room.cfg); return err },
		"RestoreState": func() error { _, err := Restore(b.room.cfg, checkpoint); return err },
		"View":         func() error { _, err := Restore(b.room.cfg, checkpoint); return err },
		"Convert":      func() error { _, err := Restore(old, checkpoint); return err },
		"AppendState":  func() error { return b.room.TakeCheckpoint() },
		"Step": func() error {
			r, err := Restore(b.room.cfg, checkpoint)
			if err != nil {
				return err
			}
			return r.Replay(records)
		},
	} {
		fault = where
		err := do()
		failed := (*PanicError)(nil)
		if !errors.As(err, &failed) || failed.Value != "broken "+where || !strings.Contains(string(failed.Stack), "fragile") {
			t.Errorf("a panic in %s: %v", where, err)
		}
		if restored := where == "RestoreState" || where == "View" || where == "Convert"; errors.Is(err, ErrCheckpoint) != restored {
			t.Errorf("a panic in %s: ErrCheckpoint %v", where, !restored)
		}
		if errors.Is(err, ErrStateVersion) != (where == "Convert") || errors.Is(err, ErrRefused) {
			t.Errorf("a panic in %s: %v", where, err)
		}
	}
}

// An update of a game that changed its state's layout goes on with the rooms of the old one.
func TestConvert(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{Seed: 2})
	ada := b.join(0, "Ada")
	for range 9 {
		b.input(ada, 1, 0, 0)
		b.tick()
	}
	if err := b.room.TakeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	b.ticks(2)
	_, checkpoint, records := b.room.Journal()
	for _, c := range []struct {
		name    string
		version uint32
		convert func(room.Game, uint32, func(any) error) error
		is      error
		text    string
	}{
		{name: "no Convert", version: 1, is: ErrStateVersion, text: "StateVersion, 0, the game has 1 and no Convert"},
		{"a version it does not know", 7, func(_ room.Game, from uint32, _ func(any) error) error { return errors.New("too old") }, ErrStateVersion, "too old"},
		{"another layout", 1, func(_ room.Game, _ uint32, decode func(any) error) error { return decode(&struct{ Dots string }{}) }, ErrStateVersion, "decode into"},
		{"no layout", 1, func(_ room.Game, _ uint32, decode func(any) error) error { return decode(3) }, ErrStateVersion, "pointer to a struct"},
		{name: "the old layout", version: 1, convert: func(g room.Game, from uint32, decode func(any) error) error {
			var old dotState
			if err := decode(&old); err != nil {
				return err
			}
			s := &g.(*dotGame).S
			s.Steps = old.Steps
			s.Dots.Put(0, dot{X: 1000 + old.Dots.Get(0).X, Name: "converted"})
			return nil
		}},
		{name: "the bytes", version: 1, convert: func(g room.Game, from uint32, decode func(any) error) error {
			var raw []byte
			if err := decode(&raw); err != nil || len(raw) == 0 || raw[0] != 0x94 {
				return errors.New("not the bytes")
			}
			g.(*dotGame).S.Dots.Put(0, dot{X: 1009})
			return nil
		}},
	} {
		def := dotDefinition()
		def.Version, def.StateVersion, def.Convert = 1, c.version, c.convert
		prog, err := room.Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Restore(Config{ID: "testroom", Program: prog}, checkpoint)
		if c.is != nil {
			if !errors.Is(err, c.is) || !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, want %q", c.name, err, c.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := r.Replay(records); !errors.Is(err, ErrNoReplay) || r.tick != b.room.journal.base {
			t.Errorf("%s: the old version's records: %v, tick %d", c.name, err, r.tick)
		}
		r.TakeOver(2, nil)
		was, client := b.room, *ada
		b.room = r
		b.tick()
		// A view of the old game's is not a base of the new one's, though the ticks agree.
		b.resume(&client, wire.Resume{Epoch: 1, Tick: r.journal.base, EventSeq: ada.eventSeq})
		if s := r.Sessions(); len(s) != 1 || s[0].Away() || r.driver.Game.(*dotGame).S.Dots.Get(0).X != 1009 {
			t.Errorf("%s: the room did not go on", c.name)
		}
		b.room = was
	}
}

// A game that has fewer places than people are in the checkpoint refuses it; one with other kinds goes on.
func TestRestoreIntoAChangedGame(t *testing.T) {
	b := newBench(t, dotDefinition(), Config{})
	ada := b.join(5, "Ada")
	b.ticks(4)
	if err := b.room.TakeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	_, checkpoint, _ := b.room.Journal()
	small := dotDefinition()
	small.MaxPlayers = 4
	prog, _ := room.Compile(small)
	if _, err := Restore(Config{ID: "testroom", Program: prog}, checkpoint); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), "slot 5") {
		t.Errorf("fewer places: %v", err)
	}
	other := dotDefinition()
	more := room.Kind[greeting]("more")
	other.Kinds = append(other.Kinds, more)
	oldHash := b.room.prog.SchemaHash
	b.restart(other, nil)
	b.tick()
	_, session, key, _ := ParseKey(ada.welcome.Key)
	c := b.client()
	c.layout = b.room.prog.Layout
	b.room.Join(Join{Conn: c.conn, Resuming: true, Session: session, Secret: key, Have: wire.Resume{Epoch: 1, Tick: ada.state.Tick}, SchemaHash: oldHash})
	b.tick()
	if c.welcome.Resumed != wire.ResumedSnapshot || len(c.welcome.Schema) == 0 {
		t.Errorf("a client of the old schema resumed with %d and %d bytes of schema", c.welcome.Resumed, len(c.welcome.Schema))
	}
}

// What was ended from outside stays so.
func TestCloseIsJournaled(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{})
	ada := b.join(0, "Ada")
	b.ticks(2)
	b.room.Close(wire.CloseEnded, "maintenance")
	b.room.Close(wire.CloseFault, "again")
	if end := b.room.Ended(); end == nil || end.Code != wire.CloseEnded || end.Reason != "maintenance" {
		t.Fatalf("ended %+v", end)
	}
	tick := b.room.tick
	b.tick()
	if ada.end == nil || ada.end.Reason != "maintenance" {
		t.Errorf("ada was told %+v", ada.end)
	}
	b.restart(def, nil)
	if end := b.room.Ended(); end == nil || end.Reason != "maintenance" || end.Fault != nil || b.room.tick != tick {
		t.Errorf("after a restart: %+v at tick %d, want tick %d", end, b.room.tick, tick)
	}
}

// An operator can remove whoever has a seat, also one who is just coming in.
func TestKickSeat(t *testing.T) {
	def := dotDefinition()
	b := newBench(t, def, Config{})
	ada := b.join(0, "Ada")
	b.send(ada, wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: wire.AppendString(wire.AppendArrayLen(nil, 1), "hello")}))
	b.input(ada, 1, 0, 0)
	b.room.KickSeat(100, strings.Repeat("ä", 2000))
	b.room.KickSeat(55, "nobody")
	coming := b.client()
	b.room.Join(Join{Conn: coming.conn, Seat: Seat{ID: 101, Slot: 1, Name: "Bob"}, Token: "t"})
	b.room.KickSeat(101, "not you")
	b.room.Tick(1)
	cl := b.room.Closings()
	if len(cl) != 1 || cl[0].Code != wire.CloseKicked || !strings.HasPrefix(cl[0].Text, "ää") || cl[0].Last.LastClose() != wire.CloseKicked {
		t.Errorf("closings %+v", cl)
	}
	if o := b.room.Outcomes(); len(o) != 1 || o[0].Session != nil || o[0].Code != wire.CloseKicked || o[0].Text != "not you" {
		t.Errorf("outcomes %+v", o)
	}
	if n := b.room.Notices(); len(n) != 2 || b.room.Ended() != nil {
		t.Errorf("notices %+v, ended %+v", n, b.room.Ended())
	}
	b.restart(def, nil)
	if len(b.room.Sessions()) != 0 {
		t.Error("a restart brought the kicked player back")
	}
}

func TestNumbersOfASession(t *testing.T) {
	def := dotDefinition()
	def.Grace = time.Second
	b := newBench(t, def, Config{})
	b.ticks(6)
	c := b.join(0, "Ada")
	s := c.session
	b.tick()
	if s.Joined() != 7 || s.Away() || s.LastClose() != 0 || b.room.Entities() != 1 || b.room.StateBytes() != 0 {
		t.Errorf("joined %d, away %v, closed %v, %d entities, %d bytes", s.Joined(), s.Away(), s.LastClose(), b.room.Entities(), b.room.StateBytes())
	}
	b.input(c, 1, 0, 0)
	b.input(c, 1, 0, 0)
	if in, msgs := s.Waiting(); in != 2 || msgs != 0 {
		t.Errorf("%d inputs and %d messages wait", in, msgs)
	}
	b.tick()
	if b.room.StateBytes() == 0 {
		t.Error("a state frame of no bytes for a dot that moved")
	}
	if code := b.room.Receive(s, []byte{0xc1}); code != wire.CloseMalformed || s.LastClose() != code {
		t.Errorf("closed %v, LastClose %v", code, s.LastClose())
	}
	b.room.Lost(s, c.conn)
	b.tick()
	if !s.Away() || s.LastClose() != wire.CloseMalformed {
		t.Errorf("away %v, LastClose %v", s.Away(), s.LastClose())
	}
}
