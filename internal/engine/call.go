package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A Call is something a game wants done outside of the room. Whoever drives the room runs F, at most room.CallTimeout long, and
// hands what it returns to Called.
type Call struct {
	ID  uint64 // unique in the room
	Tag uint32 // the game's
	F   func(ctx context.Context) ([]byte, error)
}

// A call that the game has made and not heard of; the journal's side.
type pendingCall struct {
	id      uint64
	tag     uint32
	refused bool // one too many: the next tick says so
}

// What a call came back with.
const (
	callDone    = iota // the result
	callFailed         // an error's text
	callLost           // ErrCallLost
	callRefused        // ErrTooManyCalls
	callTimeout        // ErrCallTimeout
)

// An answer waits for a tick.
type answer struct {
	id      uint64
	status  uint64
	payload []byte
}

// ask notes a call, and leaves its function to the host.
func (r *Room) ask(e room.Effect) {
	r.callID++
	refused := r.calling >= room.MaxCalls
	r.calls = append(r.calls, pendingCall{id: r.callID, tag: e.Tag, refused: refused})
	if refused {
		r.sleep.restless = true
		return
	}
	r.calling++
	if !r.replaying {
		r.asked = append(r.asked, Call{ID: r.callID, Tag: e.Tag, F: e.Call})
	}
}

// Calls are what the last tick wants done outside, valid until the next. A room that has ended wants nothing.
func (r *Room) Calls() []Call {
	if r.ended != nil {
		return nil
	}
	return r.asked
}

// Called hands in what a call came back with; the game hears of it in the next tick. result is the room's from then on. A call
// that is answered already, or that the room does not know, is ignored.
func (r *Room) Called(id uint64, result []byte, err error) {
	known := slices.ContainsFunc(r.calls, func(c pendingCall) bool { return c.id == id && !c.refused })
	if !known || slices.ContainsFunc(r.answers, func(a answer) bool { return a.id == id }) {
		return
	}
	a := answer{id: id, payload: result}
	if err == nil && len(result) > room.MaxCallResult {
		err = fmt.Errorf("the result has %d bytes, at most %d", len(result), room.MaxCallResult)
	}
	if err != nil {
		a.status, a.payload = callFailed, []byte("the call failed, and so did its error's text")
		_ = guard(func() error { // the error is of the game's making
			a.status, a.payload = statusOf(err), []byte(cut(err.Error(), room.MaxCallError))
			return nil
		})
	}
	r.answers = append(r.answers, a)
	r.Wake()
}

func statusOf(err error) uint64 {
	switch {
	case errors.Is(err, room.ErrTooManyCalls):
		return callRefused
	case errors.Is(err, room.ErrCallTimeout):
		return callTimeout
	}
	return callFailed
}

// Unheard reports whether there are answers to calls that no tick has taken: a room without players must tick for them.
func (r *Room) Unheard() bool { return len(r.answers) > 0 || len(r.calls) > r.calling }

// loseCalls answers every call of a restored room: its functions are gone with the process that ran them.
func (r *Room) loseCalls() {
	for _, c := range r.calls {
		if !c.refused {
			r.answers = append(r.answers, answer{id: c.id, status: callLost})
		}
	}
}

// gatherCalls writes the answers that have come.
func (r *Room) gatherCalls(dst []byte) []byte {
	for _, a := range r.answers {
		dst = wire.AppendUint(append(dst, opCall), a.id)
		dst = wire.AppendUint(dst, a.status)
		dst = wire.AppendBytes(dst, a.payload)
	}
	clear(r.answers)
	r.answers = r.answers[:0]
	return dst
}

func (r *Room) applyCall(in *wire.Reader) {
	id, status, payload := in.Uint64(), in.Uint64(), in.Bytes(room.MaxCallResult)
	i := slices.IndexFunc(r.calls, func(c pendingCall) bool { return c.id == id && !c.refused })
	if i < 0 || in.Err() != nil {
		panic("engine: a journal record answers a call that nobody made")
	}
	tag := r.calls[i].tag
	r.calls = slices.Delete(r.calls, i, i+1)
	r.calling--
	switch status {
	case callDone:
		r.driver.Done(tag, bytes.Clone(payload), nil)
	case callLost:
		r.driver.Done(tag, nil, room.ErrCallLost)
	case callRefused:
		r.driver.Done(tag, nil, room.ErrTooManyCalls)
	case callTimeout:
		r.driver.Done(tag, nil, room.ErrCallTimeout)
	default:
		r.driver.Done(tag, nil, errors.New(string(payload)))
	}
}

// refuseCalls tells the game of the calls that were too many. What they are follows from the tick before: no op is needed.
func (r *Room) refuseCalls() {
	if len(r.calls) == r.calling {
		return
	}
	var tags []uint32
	r.calls = slices.DeleteFunc(r.calls, func(c pendingCall) bool {
		if c.refused {
			tags = append(tags, c.tag)
		}
		return c.refused
	})
	for _, tag := range tags {
		r.driver.Done(tag, nil, room.ErrTooManyCalls)
	}
}

// appendCalls is their part of a checkpoint.
func (r *Room) appendCalls(dst []byte) []byte {
	dst = wire.AppendUint(dst, r.callID)
	dst = wire.AppendArrayLen(dst, 3*len(r.calls))
	for _, c := range r.calls {
		refused := uint64(0)
		if c.refused {
			refused = 1
		}
		dst = wire.AppendUint(dst, c.id)
		dst = wire.AppendUint(dst, uint64(c.tag))
		dst = wire.AppendUint(dst, refused)
	}
	return dst
}

func (r *Room) restoreCalls(in *wire.Reader) error {
	r.callID = in.Uint64()
	n := in.ArrayLen()
	for range n / 3 {
		c := pendingCall{id: in.Uint64(), tag: in.Uint32(), refused: in.Uint32() == 1}
		if !c.refused {
			r.calling++
		}
		r.calls = append(r.calls, c)
	}
	if in.Err() != nil || n%3 != 0 || r.calling > room.MaxCalls {
		return fmt.Errorf("%w of room %q: calls", ErrCheckpoint, r.cfg.ID)
	}
	return nil
}
