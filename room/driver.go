package room

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"

	"github.com/rs/zerolog"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// A Driver is the engine's side of one Room and its Game: it calls the game and collects what the game did. Authors never see
// one. It is not safe for concurrent use, and it lets the game's panics through: the engine decides what they mean.
type Driver struct {
	Room *Room
	Game Game

	prog  *Program
	gate  *Turnstile
	view  View
	state stateWriter
}

// Start is StartIn with a turnstile of the room's own.
func (p *Program) Start(id string, seed uint64, options json.RawMessage, log zerolog.Logger) (*Driver, error) {
	return p.StartIn(new(Turnstile), id, seed, options, log)
}

// StartIn makes a room's game with New, which it enters through gate, as everything that is called of the game later. options is
// the creator's JSON.
func (p *Program) StartIn(gate *Turnstile, id string, seed uint64, options json.RawMessage, log zerolog.Logger) (*Driver, error) {
	pcg := rand.NewPCG(seed, 0)
	r := &Room{id: id, tickHz: p.Def.TickHz, log: log, pcg: pcg, rng: rand.New(pcg), gate: gate}
	d := &Driver{Room: r, prog: p, gate: gate, view: View{layout: p.Layout, only: []*View{}}}
	d.state.init()
	if err := d.make(options); err != nil {
		return nil, err
	}
	return d, nil
}

// make calls New and looks at the state.
func (d *Driver) make(options json.RawMessage) error {
	d.gate.enter(inNew)
	defer d.gate.exit(inNew)
	game, err := d.prog.Def.New(d.Room, options)
	if m := d.Misused(); m != nil {
		panic(m)
	}
	if err != nil {
		return err
	}
	d.Game = game
	_, d.Room.caller = game.(Caller)
	if err := CheckState(game); err != nil {
		return fmt.Errorf("%w %q: %w", ErrDefinition, d.prog.Def.Name, err)
	}
	if _, own := game.(StateCodec); !own {
		_, bounded := nesting(reflect.TypeOf(game.State()), map[reflect.Type]int{})
		d.state.deep = !bounded
	}
	return nil
}

// SetTick starts a tick: effects of the last one are forgotten.
func (d *Driver) SetTick(tick uint32) {
	r := d.Room
	r.tick = tick
	clear(r.effects)
	r.effects, r.payloads = r.effects[:0], r.payloads[:0]
}

// Seat puts a player into its slot without telling the game; Unseat is its opposite.
func (d *Driver) Seat(p *Player) {
	for len(d.Room.players) <= p.Slot {
		d.Room.players = append(d.Room.players, nil)
	}
	d.Room.players[p.Slot] = p
}

// Unseat frees a slot, and forgets what only its player could see: the slot's next player must not see it.
func (d *Driver) Unseat(slot int) {
	d.Room.players[slot] = nil
	if f := d.Private(slot); f != nil {
		f.Reset()
	}
}

// enter and exit frame everything that the game does in a tick.
func (d *Driver) enter(c callback) { d.gate.enter(c) }
func (d *Driver) exit(c callback)  { d.gate.exit(c) }

// Gate is what everything that calls the game goes through.
func (d *Driver) Gate() *Turnstile { return d.gate }

// Join seats a player and tells the game; if the game refuses, the seat is free again. Of spectators the game is not told.
func (d *Driver) Join(p *Player) error {
	d.Seat(p)
	if p.Role == RoleSpectator {
		return nil
	}
	if err := d.ask(p); err != nil {
		d.Unseat(p.Slot)
		return err
	}
	return nil
}

// ask asks the game whether a player may come in.
func (d *Driver) ask(p *Player) error {
	d.enter(inJoin)
	defer d.exit(inJoin)
	return plain(d.Game.Join(d.Room, p))
}

// Leave frees the slot and tells the game that the player is gone.
func (d *Driver) Leave(p *Player, why Reason) {
	d.Unseat(p.Slot)
	if p.Role == RoleSpectator {
		return
	}
	d.enter(inLeave)
	defer d.exit(inLeave)
	d.Game.Leave(d.Room, p, why)
}

// SetAway marks a player away or back, and tells games that ask.
func (d *Driver) SetAway(p *Player, away bool) {
	p.away, p.dirty = away, true
	a, ok := d.Game.(Awayer)
	if !ok || p.Role == RoleSpectator {
		return
	}
	if away {
		d.enter(inAway)
		defer d.exit(inAway)
		a.Away(d.Room, p)
		return
	}
	d.enter(inBack)
	defer d.exit(inBack)
	a.Back(d.Room, p)
}

// Messages is the number of messages the game knows.
func (d *Driver) Messages() int { return len(d.prog.messages) }

// Message hands a player's request to the game. Of its error the text remains, and ErrPayload.
func (d *Driver) Message(p *Player, id int, payload []byte) error {
	d.enter(inMessage)
	defer d.exit(inMessage)
	return plain(d.prog.messages[id].call(d.Game, d.Room, p, payload))
}

// Give sets the inputs that the player's next Step sees: whole inputs, oldest first. They are read in place.
func (d *Driver) Give(p *Player, inputs []int32) { p.inputs, p.used = inputs, 0 }

// Step advances the game.
func (d *Driver) Step() {
	d.enter(inStep)
	defer d.exit(inStep)
	d.Game.Step(d.Room)
}

// Record lets the game put its view into an empty frame and seals it; Private then holds the players' parts.
func (d *Driver) Record(f *view.Frame) error {
	d.view.frame = f
	for _, v := range d.view.only {
		if v != nil {
			v.frame.Reset()
		}
	}
	d.show()
	if err := f.Seal(); err != nil {
		return err
	}
	for _, v := range d.view.only {
		if v == nil {
			continue
		}
		if err := v.frame.Seal(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) show() {
	d.enter(inView)
	defer d.exit(inView)
	d.Game.View(d.Room, &d.view)
}

// Private is what Record left for one slot, nil if the game never put anything there.
func (d *Driver) Private(slot int) *view.Frame {
	if slot >= len(d.view.only) || d.view.only[slot] == nil {
		return nil
	}
	return d.view.only[slot].frame
}

// NextTimer is the tick of the room's next timer.
func (d *Driver) NextTimer() (due uint32, ok bool) {
	if l := d.Room.timers.list; len(l) > 0 {
		return l[0].due, true
	}
	return 0, false
}

// Effects are what the game did in this tick, in order, valid until SetTick.
func (d *Driver) Effects() []Effect { return d.Room.effects }

// SetHost marks the host.
func (p *Player) SetHost(host bool) {
	if p.host != host {
		p.host, p.dirty = host, true
	}
}

// TakeDirty reports whether the roster must tell of the player, and forgets it.
func (p *Player) TakeDirty() bool {
	dirty := p.dirty
	p.dirty = false
	return dirty
}

// RestorePlayer makes a player as it was at a checkpoint.
func RestorePlayer(p Player, team int, away, host bool, data []byte) *Player {
	p.team, p.away, p.host, p.data = team, away, host, data
	return &p
}

// AppendTo appends the room's own part of a checkpoint and the game's state.
func (d *Driver) AppendTo(dst []byte) ([]byte, error) {
	r := d.Room
	pcg, err := r.pcg.AppendBinary(d.state.scratch[:0])
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrState, err)
	}
	d.state.scratch = pcg
	dst = wire.AppendBytes(dst, pcg)
	dst = wire.AppendArrayLen(dst, 2*len(r.timers.list))
	for _, t := range r.timers.list {
		dst = wire.AppendUint(dst, uint64(t.due))
		dst = wire.AppendUint(dst, uint64(t.tag))
	}
	state, err := d.encode()
	if err != nil {
		return dst, err
	}
	return wire.AppendBytes(dst, state), nil
}

// encode returns the state's bytes, valid until the next encode.
func (d *Driver) encode() ([]byte, error) {
	d.gate.enter(inState)
	defer d.gate.exit(inState)
	return d.state.encode(d.Game)
}

// MaxState is how many bytes a game's state may take in a checkpoint.
const MaxState = 16 << 20

// RestoreFrom takes back what AppendTo wrote when the game had StateVersion from.
func (d *Driver) RestoreFrom(in *wire.Reader, from uint32) error {
	if err := d.Room.pcg.UnmarshalBinary(in.Bytes(64)); err != nil {
		return fmt.Errorf("%w: random source: %w", ErrState, err)
	}
	n := in.ArrayLen()
	d.Room.timers.list = d.Room.timers.list[:0]
	for range n / 2 {
		d.Room.timers.list = append(d.Room.timers.list, timer{due: in.Uint32(), tag: in.Uint32()})
	}
	state := in.Bytes(MaxState)
	if in.Err() != nil {
		return in.Err()
	}
	if from != d.prog.Def.StateVersion {
		return d.convert(from, state)
	}
	d.gate.enter(inRestore)
	defer d.gate.exit(inRestore)
	return RestoreState(d.Game, state)
}

// convert lets the game make today's state of an older one.
func (d *Driver) convert(from uint32, state []byte) error {
	if d.prog.Def.Convert == nil {
		return fmt.Errorf("%w: of StateVersion %d, and the game has no Convert", ErrState, from)
	}
	d.gate.enter(inConvert)
	defer d.gate.exit(inConvert)
	err := d.prog.Def.Convert(d.Game, from, func(into any) error { return decodeOld(into, state) })
	if err == nil {
		_, err = d.state.encode(d.Game) // what cannot be kept is found now, not at the next checkpoint
	}
	if err != nil {
		return fmt.Errorf("%w: convert from StateVersion %d: %w", ErrState, from, err)
	}
	return nil
}

// errTooLarge stops the encoder early.
var errTooLarge = fmt.Errorf("more than %d bytes", MaxState)

// A stateWriter encodes a game's state again and again into the same memory.
type stateWriter struct {
	buf     []byte
	scratch []byte
	deep    bool // the state may nest deeper than can be restored: look
	enc     *msgpack.Encoder
}

func (w *stateWriter) init() {
	w.enc = msgpack.NewEncoder(w)
	w.enc.UseArrayEncodedStructs(true)
	w.enc.UseCompactInts(true)
	w.enc.SetSortMapKeys(true)
}

// Write and WriteByte are the encoder's.
func (w *stateWriter) Write(b []byte) (int, error) {
	if len(w.buf) > MaxState {
		return 0, errTooLarge
	}
	w.buf = append(w.buf, b...)
	return len(b), nil
}

func (w *stateWriter) WriteByte(b byte) error {
	if len(w.buf) > MaxState {
		return errTooLarge
	}
	w.buf = append(w.buf, b)
	return nil
}

// encode returns the state's bytes, valid until the next encode.
func (w *stateWriter) encode(g Game) ([]byte, error) {
	w.buf = w.buf[:0]
	if c, ok := g.(StateCodec); ok {
		w.buf = c.AppendState(w.buf)
	} else if err := w.enc.EncodeValue(reflect.ValueOf(g.State())); err != nil {
		return nil, fmt.Errorf("%w: encode: %w", ErrState, err)
	}
	if len(w.buf) > MaxState {
		return nil, fmt.Errorf("%w: %w", ErrState, errTooLarge)
	}
	if w.deep && wire.CheckObject(w.buf) != nil {
		return nil, fmt.Errorf("%w: it nests more than %d deep and could not be restored; keep lists in a Table or a slice, not in pointers from one to the next", ErrState, wire.MaxDepth)
	}
	return w.buf, nil
}
