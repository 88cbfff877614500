package room

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rs/zerolog"
)

// EverySlot is the Slot of an effect that is for everybody.
const EverySlot = -1

// MaxResult is how many bytes of JSON a room may end with.
const MaxResult = 16 << 10

// A Room is a game's hand on the room it runs in. It is passed to every callback and is good for nothing outside of one, nor for
// any other goroutine. What a game does with it is part of a tick, and there is no tick then.
//
// Methods that do something (Send, Kick, End, After, Call and their like) notice if no callback runs: they do nothing, the log
// names the line, and the room ends with a fault at its next tick. Those that only tell something (Players, Tick, Rand) do not
// notice, nor does any while a callback happens to run beside the goroutine: that is a data race, which go test -race finds. What
// a goroutine finds out reaches the room through Call.
type Room struct {
	// Immutable after New.
	id     string
	tickHz int
	log    zerolog.Logger

	// Owned by the engine's goroutine.
	tick     uint32
	pcg      *rand.PCG
	rng      *rand.Rand
	players  []*Player // by slot; nil: free
	timers   timers
	effects  []Effect
	payloads []byte // what the effects' payloads point into
	caller   bool   // the game is a Caller

	// Read by any goroutine that has hold of the room; see misuse.go.
	gate   *Turnstile
	misuse atomic.Pointer[Misuse] // the first
}

// ID is the room's name in the directory.
func (r *Room) ID() string { return r.id }

// Tick is the number of the step being made, from 1.
func (r *Room) Tick() uint32 { return r.tick }

// TickHz is how many ticks there are in a second.
func (r *Room) TickHz() int { return r.tickHz }

// Ticks is a duration in ticks, rounded up.
func (r *Room) Ticks(d time.Duration) int {
	return int((d*time.Duration(r.tickHz) + time.Second - 1) / time.Second)
}

// Rand is the room's source of randomness. Its state is part of the checkpoint.
func (r *Room) Rand() *rand.Rand { return r.rng }

// Log is the room's logger. It is silent while a journal is replayed.
func (r *Room) Log() *zerolog.Logger { return &r.log }

// Players ranges over those who play, people and bots, by ascending slot.
func (r *Room) Players() iter.Seq[*Player] {
	return func(yield func(*Player) bool) {
		for _, p := range r.players {
			if p != nil && p.Role == RolePlayer && !yield(p) {
				return
			}
		}
	}
}

// Everyone ranges over players and then spectators by ascending slot.
func (r *Room) Everyone() iter.Seq[*Player] {
	return func(yield func(*Player) bool) {
		for _, p := range r.players {
			if p != nil && !yield(p) {
				return
			}
		}
	}
}

// Player returns who sits in a slot, nil if it is free.
func (r *Room) Player(slot int) *Player {
	if slot < 0 || slot >= len(r.players) {
		return nil
	}
	return r.players[slot]
}

// Count returns how many people and bots play (spectators are not counted).
func (r *Room) Count() (people, bots int) {
	for _, p := range r.players {
		switch {
		case p == nil || p.Role != RolePlayer:
		case p.Bot:
			bots++
		default:
			people++
		}
	}
	return people, bots
}

// After sets a timer: in that many ticks (at least 1) Due yields tag, once. It returns the tick of that. Timers survive
// restarts; they may be set in New.
func (r *Room) After(ticks int, tag uint32) (due uint32) {
	if !r.allowsTimer("After") {
		return 0
	}
	due = r.tick + uint32(max(ticks, 1))
	r.timers.add(due, tag)
	return due
}

// Restart is Cancel and After: of the timers with that tag only the new one stays.
func (r *Room) Restart(ticks int, tag uint32) (due uint32) {
	r.Cancel(tag)
	return r.After(ticks, tag)
}

// Cancel removes the timers with that tag that have not been due yet.
func (r *Room) Cancel(tag uint32) {
	if !r.allowsTimer("Cancel") {
		return
	}
	r.timers.cancel(tag)
}

// Due yields the tags of the timers that are due in this tick, in the order in which they were set. A tag that was yielded is
// gone, so there is one place in a game that ranges over Due.
func (r *Room) Due() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for {
			tag, ok := r.timers.pop(r.tick)
			if !ok || !yield(tag) {
				return
			}
		}
	}
}

// An EffectKind says what an effect does.
type EffectKind uint8

// The effects a game can have on the world outside its state.
const (
	EffectEvent    EffectKind = iota + 1 // Slot or EverySlot, ID: the event, Payload
	EffectKick                           // Slot, Text
	EffectAddBot                         // Text: its name
	EffectLock                           // ID 1: lock, 0: unlock
	EffectMetadata                       // Key, Text: the value, "" removes
	EffectEnd                            // Payload: the result
	EffectCall                           // Tag, Call
)

// An Effect is one thing a game did that reaches beyond its state. Effects are collected during a tick and released after
// it, in order; on a replay they are not released again.
type Effect struct {
	Kind    EffectKind
	Slot    int
	ID      int
	Key     string
	Text    string
	Payload []byte // valid until the next tick
	Tag     uint32
	Call    func(ctx context.Context) ([]byte, error)
}

func (r *Room) emit(event, slot int, tb *table, base unsafe.Pointer) {
	if !r.allows("Send") {
		return
	}
	start := len(r.payloads)
	r.payloads = tb.appendPayload(r.payloads, base)
	r.effects = append(r.effects, Effect{Kind: EffectEvent, Slot: slot, ID: event, Payload: r.payloads[start:]})
}

// Kick removes a player at the end of this tick; text is what the player reads.
func (r *Room) Kick(p *Player, text string) {
	if !r.allows("Kick") {
		return
	}
	r.effects = append(r.effects, Effect{Kind: EffectKick, Slot: p.Slot, Text: text})
}

// AddBot lets a bot join at the start of the next tick, if there is a free slot.
func (r *Room) AddBot(name string) {
	if !r.allows("AddBot") {
		return
	}
	r.effects = append(r.effects, Effect{Kind: EffectAddBot, Text: name})
}

// Lock closes the room for new players, or opens it again.
func (r *Room) Lock(locked bool) {
	if !r.allows("Lock") {
		return
	}
	e := Effect{Kind: EffectLock}
	if locked {
		e.ID = 1
	}
	r.effects = append(r.effects, e)
}

// SetMetadata changes what the directory says of the room; an empty value removes the key.
func (r *Room) SetMetadata(key, value string) {
	if !r.allows("SetMetadata") {
		return
	}
	r.effects = append(r.effects, Effect{Kind: EffectMetadata, Key: key, Text: value})
}

// End ends the room after this tick. result becomes JSON (at most MaxResult bytes, a fault beyond); players get it with END.
func (r *Room) End(result any) {
	if !r.allows("End") {
		return
	}
	b, err := json.Marshal(result)
	if err != nil || len(b) > MaxResult {
		panic(fmt.Sprintf("room: End: result of %d bytes (at most %d): %v", len(b), MaxResult, err))
	}
	r.effects = append(r.effects, Effect{Kind: EffectEnd, Payload: b})
}

// timers are the room's pending timers, ordered by tick, then by when they were set.
type timers struct{ list []timer }

type timer struct{ due, tag uint32 }

func (t *timers) add(due, tag uint32) {
	i, _ := slices.BinarySearchFunc(t.list, due+1, func(a timer, due uint32) int { return int(int64(a.due) - int64(due)) })
	t.list = slices.Insert(t.list, i, timer{due, tag})
}

func (t *timers) cancel(tag uint32) {
	t.list = slices.DeleteFunc(t.list, func(a timer) bool { return a.tag == tag })
}

func (t *timers) pop(tick uint32) (tag uint32, ok bool) {
	if len(t.list) == 0 || t.list[0].due > tick {
		return 0, false
	}
	tag = t.list[0].tag
	t.list = slices.Delete(t.list, 0, 1)
	return tag, true
}
