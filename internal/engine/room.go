package engine

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// Time the engine counts in ticks, from these.
const (
	PingTimeoutSeconds = 15 // nothing heard of a connection: it is taken for lost
	hashEverySeconds   = 2
	keepAliveSeconds   = 1 // an unchanging room's state frames
)

// ErrRefused is wrapped by the error of New when the game itself refused the room; its text is for the creator.
var ErrRefused = errors.New("the game refused the room")

// Config says what a room is. Program must be set.
type Config struct {
	ID      string          // the directory's name for the room
	Program *room.Program   // the game
	Options json.RawMessage // the creator's options, nil for none
	Seed    uint64          // of the room's random source
	Epoch   uint32          // of this ownership; 0 means 1
	Bots    *int            // how many bots fill the room; nil is the game's number
	Places  int             // how many of the game's slots the room has; 0 is all
	URLs    []string        // other places where clients may resume
	Plant   Plant           // a fault on purpose, for testing load tests
	Awake   bool            // every tick is made, also of a game that Sleeps: to compare the two
	Gate    *room.Turnstile // what the game is entered through, to give up a New that does not come back; nil: the room's own
	Log     zerolog.Logger
}

// A Room is one running room.
type Room struct {
	// Immutable after New.
	cfg       Config
	prog      *room.Program
	driver    *room.Driver
	width     int    // of an input
	bools     []bool // which of an input's fields are bools
	sendEvery uint32 // ticks between state frames
	grace     uint32 // ticks a seat is held
	bots      int
	places    int // slots for players in this room

	// The room as the journal sees it: changed by applying records only.
	epoch    uint32
	tick     uint32
	sessions []*Session // by ascending id
	byID     map[uint32]*Session
	autoBots []int // slots of bots that fill the room
	nextID   uint32
	calls    []pendingCall // by ascending id
	calling  int           // of calls: not refused
	callID   uint64        // of the newest
	ended    *End

	// What arrived and waits for the next tick.
	joins   []Join
	later   []Join // joins that must wait for one more
	answers []answer
	crowned bool // TakeOver made a new epoch
	sleep   sleeper

	// What the last tick left for the host.
	outcomes []Outcome
	closings []Closing
	notices  []Notice
	asked    []Call
	clockUS  uint64

	// What the last tick left for Flush.
	history     *view.History
	views       uint32 // recorded since New
	bodies      []body // of this tick, by base
	sharedHash  wire.WordHash
	hashTick    uint32 // of sharedHash
	roster      rosterLog
	scratch     []byte // heads and control frames
	stateBytes  int    // of the newest state frame
	privScratch []byte

	// Journal and checkpoint.
	written   versions // the room's checkpoint was written by
	record    []byte   // of the tick being made
	journal   journal
	replaying bool
	midway    bool // a record is being applied, or a checkpoint taken
}

// End says how a room ended.
type End struct {
	Code   wire.CloseCode
	Reason string
	Result []byte // the game's, JSON
	Fault  *Fault // set if the game failed
}

// A NoticeKind says what the directory must learn.
type NoticeKind uint8

// What a tick can tell the directory.
const (
	NoticeSeatFree NoticeKind = iota + 1 // Seat
	NoticeLock                           // On
	NoticeMetadata                       // Key, Value ("" removes)
)

// A Notice is something of a tick that the directory must learn. They come in order; none comes from a replay.
type Notice struct {
	Kind       NoticeKind
	Seat       uint64
	On         bool
	Key, Value string
}

// New makes a room and its game. The error wraps ErrRefused or, if the game panicked, a *PanicError.
func New(cfg Config) (*Room, error) {
	if cfg.Epoch == 0 {
		cfg.Epoch = 1
	}
	if cfg.Gate == nil {
		cfg.Gate = new(room.Turnstile)
	}
	driver, err := start(&cfg)
	if err != nil {
		return nil, err
	}
	def := &cfg.Program.Def
	r := &Room{
		cfg: cfg, prog: cfg.Program, driver: driver, epoch: cfg.Epoch, bots: def.Bots,
		sendEvery: uint32(def.TickHz / def.SendHz),
		grace:     max(uint32(driver.Room.Ticks(def.Grace)), 1),
		byID:      make(map[uint32]*Session),
		history:   view.NewHistory(),
	}
	if cfg.Bots != nil {
		r.bots = *cfg.Bots
	}
	r.places = def.MaxPlayers
	if cfg.Places > 0 {
		r.places = min(cfg.Places, def.MaxPlayers)
	}
	r.bots = min(r.bots, r.places)
	if in := cfg.Program.Schema.Input; in != nil {
		r.width = len(in.Fields)
		for _, f := range in.Fields {
			r.bools = append(r.bools, f.Type == view.Bool)
		}
	}
	r.written = versions{def.Version, def.StateVersion}
	r.sleep.on = def.Sleeps && !cfg.Awake
	r.journal.init(cfg.ID, def.TickHz)
	return r, nil
}

// start makes the game.
func start(cfg *Config) (driver *room.Driver, err error) {
	err = guard(func() (err error) {
		driver, err = cfg.Program.StartIn(cfg.Gate, cfg.ID, cfg.Seed, cfg.Options, cfg.Log)
		return err
	})
	switch failed := (*PanicError)(nil); {
	case errors.As(err, &failed):
		return nil, fmt.Errorf("make game %q: %w", cfg.Program.Def.Name, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return driver, nil
}

// ID is the room's name in the directory; Epoch its generation.
func (r *Room) ID() string    { return r.cfg.ID }
func (r *Room) Epoch() uint32 { return r.epoch }

// TickNow is the number of the last tick made.
func (r *Room) TickNow() uint32 { return r.tick }

// TickHz is the room's rate.
func (r *Room) TickHz() int { return r.prog.Def.TickHz }

// Ended is nil while the room runs. After the end ticks do nothing; Flush hands the sessions their END.
func (r *Room) Ended() *End { return r.ended }

// Outcomes are the answers to the joins that the last tick took, valid until the next.
func (r *Room) Outcomes() []Outcome { return r.outcomes }

// Closings are the connections that the host must close, valid until the next tick.
func (r *Room) Closings() []Closing { return r.closings }

// Notices are what the directory must learn of the last tick, valid until the next.
func (r *Room) Notices() []Notice { return r.notices }

// Sessions are those held now, connected or away. The slice is the room's.
func (r *Room) Sessions() []*Session { return r.sessions }

// Count is how many people (seats held) and bots are in the room.
func (r *Room) Count() (people, bots int) {
	_, bots = r.driver.Room.Count()
	return len(r.sessions), bots
}

// Tick makes one tick, or counts it, if the game Sleeps and there is no reason for one. clockUS is the node's monotonic clock in microseconds; it goes into frames and decides nothing. A
// panic of the game ends the room: see Ended.
func (r *Room) Tick(clockUS uint64) {
	r.clockUS = clockUS
	r.forgetOutcome()
	if r.sleepOn() {
		r.tick++
		return
	}
	if r.ended != nil {
		r.refuseJoins()
		return
	}
	r.sleep.awake()
	r.record = r.gather(r.record[:0])
	r.journal.add(r.record)
	r.run(r.record)
	r.greetAll()
	r.settled()
	if r.ended == nil && r.journal.due(r.tick) {
		r.takeCheckpoint()
	}
}

// forgetOutcome empties what the last tick left for the host.
func (r *Room) forgetOutcome() {
	r.outcomes, r.closings, r.notices = r.outcomes[:0], r.closings[:0], r.notices[:0]
	clear(r.asked)
	r.asked = r.asked[:0]
}

// run applies a record with the game's panics caught.
func (r *Room) run(record []byte) {
	defer r.catch()
	r.midway = true
	in := wire.NewReader(record)
	r.apply(&in)
	r.midway = false
}

// apply executes one record: timeouts, leaves and joins, answers to calls, messages and inputs, Step, messages, effects, View.
func (r *Room) apply(in *wire.Reader) {
	tick := in.Uint32()
	if tick < r.tick {
		panic("engine: a journal record is of the past")
	}
	r.tick = tick
	r.driver.SetTick(tick)
	if m := r.driver.Misused(); m != nil {
		panic(m)
	}
	for _, s := range r.sessions {
		s.inputs = s.inputs[:0]
	}
	r.applyOps(in)
	if r.ended != nil {
		return // from outside
	}
	r.refuseCalls()
	r.fillWithBots()
	r.chooseHost()
	for _, s := range r.sessions {
		r.driver.Give(s.player, s.inputs)
	}
	r.driver.Step()
	r.applyOps(in)
	r.releaseEffects()
	if r.tick%r.sendEvery == 0 {
		r.show()
	}
	r.logRoster()
}

// show records the view of this tick.
func (r *Room) show() {
	r.history.Forget(r.oldestBase())
	f := r.history.Next(r.prog.Layout)
	if err := r.driver.Record(f); err != nil {
		panic(err.Error())
	}
	f.Epoch, f.Tick = r.epoch, r.tick
	r.history.Commit()
	r.views++
	for _, s := range r.sessions {
		s.shown = s.applied
	}
	r.bodies = r.bodies[:0]
}

// oldestBase is the tick of the oldest view that a session may stand on: what it has acknowledged, or what the next difference is
// based on if that is older. One that loses its connection comes back with something between the two. A session that acknowledges
// nothing keeps all views, and so does a replay: another process knows what its sessions hold.
func (r *Room) oldestBase() uint32 {
	if r.replaying {
		return 0
	}
	oldest := r.tick
	for _, s := range r.sessions {
		if s.sentTick != 0 || !s.attached { // else the next it is sent is a snapshot
			oldest = min(oldest, s.acked, s.baseTick)
		}
	}
	return oldest
}

// releaseEffects hands on what the game did in this tick, also what it did when it heard of a kick or of a new bot.
func (r *Room) releaseEffects() {
	for i := 0; i < len(r.driver.Effects()); i++ {
		if i == maxEffects {
			panic("engine: the effects of one tick do not come to an end")
		}
		r.release(r.driver.Effects()[i])
	}
}

// maxEffects bounds what a game may do in one tick: one that adds a bot in Leave and kicks it in Join would never end.
const maxEffects = 1 << 16

func (r *Room) release(e room.Effect) {
	switch e.Kind {
	case room.EffectEvent:
		r.sendEvent(e)
	case room.EffectKick:
		r.kick(e.Slot, e.Text)
		r.sleep.restless = true
	case room.EffectAddBot:
		r.sleep.restless = true
		r.addBot(e.Text)
	case room.EffectLock:
		r.notices = append(r.notices, Notice{Kind: NoticeLock, On: e.ID == 1})
	case room.EffectMetadata:
		r.notices = append(r.notices, Notice{Kind: NoticeMetadata, Key: e.Key, Value: e.Text})
	case room.EffectCall:
		r.ask(e)
	case room.EffectEnd:
		r.end(wire.CloseEnded, "the game is over", append([]byte(nil), e.Payload...))
	}
}

func (r *Room) end(code wire.CloseCode, reason string, result []byte) {
	if r.ended == nil {
		r.ended = &End{Code: code, Reason: reason, Result: result}
	}
}

// Close ends the room from outside the game, now and without a tick: an operator's wish. Ended tells at once; the journal
// holds it, so that a restored room has ended too. It must not be called by the game's callbacks.
func (r *Room) Close(code wire.CloseCode, reason string) {
	if r.ended != nil {
		return
	}
	r.record = wire.AppendUint(r.record[:0], uint64(r.tick))
	r.record = wire.AppendUint(append(r.record, opClose), uint64(code))
	r.record = wire.AppendString(r.record, cut(reason, wire.MaxText))
	r.record = append(r.record, opEnd)
	r.journal.add(r.record)
	r.run(r.record)
}

// Misused is the first time that the game used its room outside of a callback, nil if it did not: the room ends at its next tick.
// It may be called by any goroutine.
func (r *Room) Misused() *room.Misuse { return r.driver.Misused() }

// Entities is how many entities everybody sees in the newest view. StateBytes is the size of the newest state frame that was
// made for a session, without its head.
func (r *Room) Entities() int {
	cur, n := r.history.Newest(), 0
	if cur != nil {
		for sec := range cur.Sections() {
			n += cur.Len(sec)
		}
	}
	return n
}
func (r *Room) StateBytes() int { return r.stateBytes }
