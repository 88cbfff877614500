package roomtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/room"
)

// Options say what a test wants of a room. The zero value works.
type Options struct {
	// Seed is of the room's random source and of everything random in the test (default 1).
	Seed uint64
	// RoomOptions is the creator's JSON, "" for none.
	RoomOptions string

	// Ticks is how many ticks Run makes (default 600), Players how many people it lets play (default 4, at most the
	// game's MaxPlayers).
	Ticks, Players int
	// Play, if set, is what a player of Run does in a tick instead of sending inputs and messages at random.
	Play func(p *Player)
}

// A Bench is a room on a test bench: it has no clock and no network, and ticks when told to. It belongs to the goroutine of
// its test. Whatever goes wrong in it ends the test.
type Bench struct {
	testing.TB

	opts  Options
	prog  *room.Program
	rng   *rand.Rand
	made  room.Game // the game of the room that was made last
	clock uint64    // of the ticks, µs
	conns uint64

	main    *side
	twin    *side // nil: the game says NoReplay
	copy    *restored
	players []*Player

	checks checks
}

// A side is one of the rooms that live through the same.
type side struct {
	room *engine.Room
	game room.Game
}

// New makes a room of the game. It fails the test if the Definition is not accepted or the game refuses the options.
func New(t testing.TB, def room.Definition, opts Options) *Bench {
	t.Helper()
	if opts.Seed == 0 {
		opts.Seed = 1
	}
	b := &Bench{TB: t, opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, 0x706c6179))}
	b.compile(def)
	b.main = b.newSide(zerolog.New(zerolog.NewTestWriter(t)))
	if !def.NoReplay {
		b.twin = b.newSide(zerolog.Nop())
	}
	t.Cleanup(b.failOnMisuse)
	return b
}

// compile makes the game ready to run, in such a way that the bench sees each Game that is made.
func (b *Bench) compile(def room.Definition) {
	b.Helper()
	newGame := def.New
	def.New = func(r *room.Room, options json.RawMessage) (room.Game, error) {
		g, err := newGame(r, options)
		b.made = g
		return g, err
	}
	prog, err := room.Compile(def)
	if err != nil {
		b.Fatal(err)
	}
	b.prog = prog
}

func (b *Bench) config(log zerolog.Logger) engine.Config {
	var options json.RawMessage
	if b.opts.RoomOptions != "" {
		options = json.RawMessage(b.opts.RoomOptions)
	}
	return engine.Config{ID: fmt.Sprintf("test%d", b.opts.Seed), Program: b.prog, Options: options, Seed: b.opts.Seed, Log: log}
}

func (b *Bench) newSide(log zerolog.Logger) *side {
	b.Helper()
	cfg := b.config(log)
	cfg.Awake = b.main != nil // the twin of a room that sleeps does not
	r, err := engine.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return &side{room: r, game: b.made}
}

func (b *Bench) sides() []*side {
	if b.twin == nil {
		return []*side{b.main}
	}
	return []*side{b.main, b.twin}
}

// A Seat is a place in the room for somebody. Slots of spectators begin at the game's MaxPlayers.
type Seat struct {
	Slot      int
	Name      string
	ID        string // who it is; "" is Name
	Team      int
	Spectator bool
}

// Join lets somebody in at the lowest free slot. It takes one tick, and fails the test if the game refuses.
func (b *Bench) Join(name string) *Player {
	b.Helper()
	slot := b.freeSlot(0, b.prog.Def.MaxPlayers)
	if slot < 0 {
		b.Fatalf("Join %q: the room is full", name)
	}
	p, err := b.JoinSeat(Seat{Slot: slot, Name: name})
	if err != nil {
		b.Fatalf("Join %q: %v", name, err)
	}
	return p
}

// Watch lets a spectator in. It takes one tick.
func (b *Bench) Watch(name string) *Player {
	b.Helper()
	p, err := b.JoinSeat(Seat{Slot: b.freeSlot(b.prog.Def.MaxPlayers, 2*room.MaxPlayers), Name: name, Spectator: true})
	if err != nil {
		b.Fatalf("Watch %q: %v", name, err)
	}
	return p
}

// JoinSeat lets somebody in at a seat. It takes one tick. The error is what the player would read if refused.
func (b *Bench) JoinSeat(s Seat) (*Player, error) {
	b.Helper()
	p := b.ask(s)
	b.Tick(1)
	if p.main.session == nil {
		b.forget(p)
		return nil, errors.New(p.main.closedText)
	}
	return p, nil
}

// freeSlot is the lowest slot from low on in which nobody sits; a bot gives way.
func (b *Bench) freeSlot(low, high int) int {
	taken := make(map[int]bool)
	for _, s := range b.main.room.Sessions() {
		taken[s.Slot()] = true
	}
	for slot := low; slot < high; slot++ {
		if !taken[slot] {
			return slot
		}
	}
	return -1
}

// ask asks for a seat; the next tick answers.
func (b *Bench) ask(s Seat) *Player {
	if s.ID == "" {
		s.ID = s.Name
	}
	b.conns++
	p := &Player{Slot: s.Slot, Name: s.Name, bench: b, main: newClient(b, b.conns), twin: newClient(b, b.conns)}
	j := engine.Join{
		Conn: b.conns, Token: fmt.Sprintf("token %d", b.conns), NewSecret: secret(b.conns),
		Seat: engine.Seat{ID: b.conns, Slot: s.Slot, PlayerID: s.ID, Name: s.Name, Team: s.Team},
	}
	if s.Spectator {
		j.Seat.Role = room.RoleSpectator
	}
	for _, side := range b.sides() {
		side.room.Join(j)
	}
	b.players = append(b.players, p)
	return p
}

func secret(conn uint64) (s engine.Secret) {
	for i := range 8 {
		s[i] = byte(conn >> (8 * i))
	}
	return s
}

func (b *Bench) forget(p *Player) {
	for i, o := range b.players {
		if o == p {
			b.players = append(b.players[:i], b.players[i+1:]...)
			return
		}
	}
}

// Now is the number of the last tick made.
func (b *Bench) Now() uint32 { return b.main.room.TickNow() }

// Ticks is a number of seconds in ticks.
func (b *Bench) Ticks(seconds float64) int { return int(seconds * float64(b.prog.Def.TickHz)) }

// Slept is how many ticks a room whose game Sleeps has slept through.
func (b *Bench) Slept() int { return b.checks.slept }

// Tick makes ticks: n of them, or fewer if the room ends.
func (b *Bench) Tick(n int) {
	b.Helper()
	for range n {
		if b.main.room.Ended() != nil {
			return
		}
		b.tick()
	}
}

// TickUntil makes ticks until done says so, and fails the test if it has not after n.
func (b *Bench) TickUntil(n int, done func() bool) {
	b.Helper()
	for range n {
		if done() {
			return
		}
		b.Tick(1)
	}
	if !done() {
		b.Fatalf("tick %d: still not so after %d ticks", b.Now(), n)
	}
}

func (b *Bench) tick() {
	b.Helper()
	b.clock += 1e6 / uint64(b.prog.Def.TickHz)
	b.acknowledge()
	for i, s := range b.sides() {
		b.checks.tickRoom(i == 0, s.room, b.clock)
		b.deliver(s, i == 1)
		b.failOnPanic("the game", s.room.Ended())
	}
	b.checks.ticks++
	b.answerCalls()
	if b.main.room.Slept() { // what is to be compared is the same in the ticks that are made
		b.checks.slept++
		b.settleReplies()
		return
	}
	b.compareTwin()
	b.followCopy()
}

// acknowledge lets every player say four times a second that it is there.
func (b *Bench) acknowledge() {
	every := uint32(max(b.prog.Def.TickHz/4, 1))
	for _, p := range b.players {
		if (b.Now()+uint32(p.Slot))%every == 0 && p.Connected() {
			p.acknowledge()
		}
	}
}

// deliver hands each player what its room sends.
func (b *Bench) deliver(s *side, twin bool) {
	for _, o := range s.room.Outcomes() {
		if c := b.clientOf(o.Conn, twin); c != nil {
			c.session, c.closedCode, c.closedText = o.Session, int(o.Code), o.Text
		}
	}
	for _, p := range b.players {
		c := p.client(twin)
		if c.session != nil && c.session.Conn() == c.conn && p.stalled == 0 {
			s.room.Flush(c.session, c)
		}
	}
	for _, cl := range s.room.Closings() {
		if c := b.clientOf(cl.Conn, twin); c != nil {
			c.session, c.closedCode, c.closedText = nil, int(cl.Code), cl.Text
		}
	}
}

func (b *Bench) clientOf(conn uint64, twin bool) *client {
	for _, p := range b.players {
		if c := p.client(twin); c.conn == conn {
			return c
		}
	}
	return nil
}

// failOnPanic ends the test with the stack of the game.
func (b *Bench) failOnPanic(who string, end *engine.End) {
	b.Helper()
	if end == nil || end.Fault == nil {
		return
	}
	stack := string(end.Fault.Stack)
	if _, from, ok := strings.Cut(stack, "\npanic("); ok {
		stack = "panic(" + from
	}
	b.Fatalf("%s panicked in tick %d: %s\n\n%s", who, end.Fault.Tick, end.Fault.Panic, stack)
}

// failOnMisuse reports a use of the room outside of a callback that no tick followed in which the room would have ended.
func (b *Bench) failOnMisuse() {
	b.Helper()
	sides := b.sides()
	if b.copy != nil {
		sides = append(sides, &b.copy.side)
	}
	for _, s := range sides {
		if m := s.room.Misused(); m != nil && s.room.Ended() == nil {
			b.Errorf("after tick %d: %s\n\n%s", b.Now(), m.Text, m.Stack)
			return
		}
	}
}

// An End is how a room ended.
type End struct {
	Code   int // the close code: 4009 the game said End, 4012 it failed
	Reason string
	Result json.RawMessage // what the game ended with
}

// Ended is nil while the room runs.
func (b *Bench) Ended() *End {
	e := b.main.room.Ended()
	if e == nil {
		return nil
	}
	return &End{Code: int(e.Code), Reason: e.Reason, Result: e.Result}
}

// Game is the game itself, to look at. To change something in it use Edit.
func (b *Bench) Game() room.Game { return b.main.game }

// Edit changes the state of the game between two ticks, to set a scene. f is called for the game of each room that runs beside
// the tested one as well, so it must do the same every time.
func (b *Bench) Edit(f func(room.Game)) {
	f(b.main.game)
	b.main.room.Wake()
	if b.twin != nil {
		f(b.twin.game)
	}
	if b.copy != nil {
		f(b.copy.game)
	}
}

// Restart brings the room up again from a checkpoint of this tick, as after the loss of its node: in a new epoch, with a game
// that knows nothing but its State. Players who were connected resume; calls under way are lost. It takes one tick.
func (b *Bench) Restart() {
	b.Helper()
	b.restart(b.config(zerolog.Nop()))
}

// Update is Restart with another version of the game, as after a deployment: Definition.Convert has to make its state of the
// old one's if StateVersion differs. The test fails if the room cannot be restored.
func (b *Bench) Update(def room.Definition) {
	b.Helper()
	b.compile(def)
	for _, p := range b.players {
		for _, c := range []*client{p.main, p.twin} {
			c.state, c.spare = nil, b.prog.Layout.NewClientFrame() // what a client holds is in the old version's layout
		}
	}
	b.restart(b.config(zerolog.Nop()))
}

func (b *Bench) restart(cfg engine.Config) {
	b.Helper()
	b.failOnMisuse()
	for i, s := range b.sides() {
		checkpoint, err := s.room.AppendCheckpoint(nil)
		if err != nil {
			b.Fatalf("tick %d: %v", b.Now(), err)
		}
		epoch := s.room.Epoch() + 1
		cfg.Awake = i == 1
		r, err := engine.Restore(cfg, checkpoint)
		if err != nil {
			b.Fatalf("tick %d: %v", b.Now(), err)
		}
		r.TakeOver(epoch, nil)
		s.room, s.game = r, b.made
	}
	b.copy = nil
	for _, p := range b.players {
		if p.Connected() {
			p.main.session, p.twin.session = nil, nil
			p.askResume()
		}
	}
	b.Tick(1)
}
