package room

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/ringside-server/ringside/internal/view"
)

// AnyKind, AnyInput, AnyMessage and AnyEvent are what Kind, Input, Message and Event return, whatever their struct.
type (
	AnyKind interface {
		bind(index int) (view.Kind, error)
	}
	AnyInput interface{ describe() (view.Input, error) }
	AnyEvent interface {
		bind(index int) (view.Event, error)
	}
	AnyMessage interface {
		describe() (view.Message, error)
		call(g Game, r *Room, p *Player, payload []byte) error
	}
)

// ErrPayload is what a message handler's caller gets for bytes that are not the message's struct.
var ErrPayload = errors.New("payload does not fit the message")

// A handle is what the package-level variables of a game share: a name, the struct's table, and the place in the Definition.
type handle struct {
	name  string
	table *table
	err   error
	index atomic.Int32 // 0 until bound, then index + 1
}

func newHandle[T any](name string) handle {
	t, err := tableOf(reflect.TypeFor[T]())
	return handle{name: name, table: t, err: err}
}

// place remembers where in its Definition the handle stands. A handle belongs to one place for ever, because Put and Send
// find their number through it.
func (h *handle) place(index int) error {
	if h.err != nil {
		return fmt.Errorf("%q: %w", h.name, h.err)
	}
	want := int32(index + 1)
	if !h.index.CompareAndSwap(0, want) && h.index.Load() != want {
		return fmt.Errorf("%q stands at two places; make a handle for each", h.name)
	}
	return nil
}

func (h *handle) at() int {
	i := h.index.Load()
	if i == 0 {
		panic(fmt.Sprintf("room: %q is used but not listed in the Definition", h.name))
	}
	return int(i) - 1
}

// A KindOf puts entities of one kind into views. Make it once, in a package variable, and list it in Definition.Kinds.
type KindOf[T any] struct{ handle }

// Kind declares a kind of entity that players see; its fields are T's.
func Kind[T any](name string) *KindOf[T] { return &KindOf[T]{newHandle[T](name)} }

func (k *KindOf[T]) bind(index int) (view.Kind, error) {
	if err := k.place(index); err != nil {
		return view.Kind{}, err
	}
	return view.Kind{Name: k.name, Fields: k.table.describe()}, nil
}

// Put shows an entity: id (0 to MaxID) names it among those of its kind, from its first tick to its last. The value is
// copied. Putting an id twice in one view is a fault, as are more than 65,536 entities of a kind.
func (k *KindOf[T]) Put(v *View, id int, e T) {
	if uint(id) > MaxID {
		panic(fmt.Sprintf("room: Put: id %d is not in 0 to %d", id, MaxID))
	}
	put(v.frame, k.at(), uint32(id), k.table, unsafe.Pointer(&e))
}

func put(f *view.Frame, sec int, id uint32, tb *table, base unsafe.Pointer) {
	vals := f.Add(sec, id)
	for i := range tb.fields {
		fl := &tb.fields[i]
		if fl.isBlob() {
			vals[i] = f.AddBlob(sec, fl.blob(base))
			continue
		}
		vals[i] = fl.load(base)
	}
}

// Policy says which of the inputs that have arrived a Step sees.
type Policy struct {
	mode string
	each int
}

// OnePerTick gives Step at most one input of each player per tick, in order: the default, and why nobody moves faster by
// sending more. Latest gives the newest and drops the others.
var (
	OnePerTick = Policy{mode: "one", each: 1}
	Latest     = Policy{mode: "latest", each: 1}
)

// Each gives Step up to n inputs of each player per tick.
func Each(n int) Policy { return Policy{mode: "each", each: min(max(n, 1), InputQueue)} }

// InputQueue is how many inputs of a player wait at most; the oldest is dropped, and counted, beyond it.
const InputQueue = 8

// An InputOf reads what players send each tick. Make it once, in a package variable, and set it as Definition.Input.
type InputOf[T any] struct {
	handle
	policy Policy
}

// Input declares what players send each tick; its fields are T's, numbers and bools only.
func Input[T any](policy Policy) *InputOf[T] { return &InputOf[T]{newHandle[T]("input"), policy} }

func (in *InputOf[T]) describe() (view.Input, error) {
	if in.err != nil {
		return view.Input{}, in.err
	}
	fields := in.table.describe()
	for i, f := range in.table.fields {
		if f.desc.Type == view.Int || f.desc.Type == view.Fixed {
			fields[i].Min, fields[i].Max = ptr(f.lo), ptr(f.hi)
		}
	}
	return view.Input{Mode: in.policy.mode, Fields: fields}, nil
}

// PerTick is how many inputs of one player the policy lets Step see in a tick, and whether only the newest counts.
func (p *Program) PerTick() (n int, latest bool) {
	if p.Def.Input == nil {
		return 0, false
	}
	pol := p.Def.Input.(interface{ limits() Policy }).limits()
	return pol.each, pol.mode == "latest"
}

func (in *InputOf[T]) limits() Policy { return in.policy }

// Next takes the player's next input of this tick. Without one it returns false, and the game decides what that means:
// repeat the last one, or do nothing. Every value is within its field's range.
func (in *InputOf[T]) Next(p *Player) (T, bool) {
	var v T
	width := len(in.table.fields)
	if p.used+width > len(p.inputs) {
		return v, false
	}
	base := unsafe.Pointer(&v)
	for i := range in.table.fields {
		in.table.fields[i].store(base, p.inputs[p.used+i])
	}
	p.used += width
	return v, true
}

// A message is one request players can make.
type message[G Game, T any] struct {
	handle
	rate int
	fn   func(G, *Room, *Player, T) error
}

// Message declares a request players can make at most perSecond times a second. fn is called between Steps, in the order in
// which inputs and messages came; nil becomes a REPLY "done", an error a REPLY "refused" with its text. Spectators' messages
// are refused before they reach fn.
func Message[G Game, T any](name string, perSecond int, fn func(G, *Room, *Player, T) error) AnyMessage {
	return &message[G, T]{newHandle[T](name), perSecond, fn}
}

func (m *message[G, T]) describe() (view.Message, error) {
	if m.err != nil {
		return view.Message{}, fmt.Errorf("%q: %w", m.name, m.err)
	}
	if m.rate < 1 || m.rate > 1000 {
		return view.Message{}, fmt.Errorf("message %q: %d per second: want 1 to 1000", m.name, m.rate)
	}
	return view.Message{Name: m.name, Rate: m.rate, Fields: m.table.describe()}, nil
}

func (m *message[G, T]) call(g Game, r *Room, p *Player, payload []byte) error {
	var v T
	if err := m.table.parsePayload(payload, unsafe.Pointer(&v)); err != nil {
		return ErrPayload
	}
	game, ok := g.(G)
	if !ok {
		return fmt.Errorf("message %q is for another game (%T)", m.name, g)
	}
	return m.fn(game, r, p, v)
}

// An EventOf tells players something once, in order, and never drops it. Make it once, in a package variable, and list it in
// Definition.Events.
type EventOf[T any] struct{ handle }

// Event declares something players are told; its fields are T's.
func Event[T any](name string) *EventOf[T] { return &EventOf[T]{newHandle[T](name)} }

func (e *EventOf[T]) bind(index int) (view.Event, error) {
	if err := e.place(index); err != nil {
		return view.Event{}, err
	}
	return view.Event{Name: e.name, Fields: e.table.describe()}, nil
}

// Send tells one player. Bots, players who are gone, and nil hear nothing.
func (e *EventOf[T]) Send(r *Room, p *Player, ev T) {
	if p == nil {
		return
	}
	r.emit(e.at(), p.Slot, e.table, unsafe.Pointer(&ev))
}

// Broadcast tells everybody in the room.
func (e *EventOf[T]) Broadcast(r *Room, ev T) {
	r.emit(e.at(), EverySlot, e.table, unsafe.Pointer(&ev))
}
