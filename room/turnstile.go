package room

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// A Turnstile stands between the engine and one game: whoever calls the game goes in through it and comes out through it. Authors
// never see one. It exists so that somebody else can give up a goroutine that is inside of the game and does not come back:
//
//	engine ──enter──▶ game ──exit──▶ engine        as ever
//	engine ──enter──▶ game … Shut                  the engine's data is the one's who shut it
//	                  game ──exit──▶ (goroutine ends)
//
// Both sides decide by one compare-and-swap, so a goroutine that was given up never runs a line of the engine again, whenever it
// comes back; and what the engine owns was left whole, for nobody was at work on it. What the game owns, its state, its random
// source, its effects and the view it was recording, may still be written at any time and must not be touched any more.
//
// The zero value is open.
type Turnstile struct {
	inside atomic.Uint32
	since  time.Time     // when the goroutine that is inside went in; its own
	spent  time.Duration // inside, in all; of whoever owns the engine's data
}

// A callback is a place where a goroutine can be inside of a game.
type callback uint32

const (
	outside callback = iota
	inNew
	inJoin
	inLeave
	inAway
	inBack
	inMessage
	inStep
	inView
	inDone
	inState   // State, or a StateCodec's AppendState
	inRestore // State, or a StateCodec's RestoreState
	inConvert
	shut // nobody is to come out any more
)

var callbackNames = [...]string{
	outside: "", inNew: "New", inJoin: "Join", inLeave: "Leave", inAway: "Away", inBack: "Back", inMessage: "a message's handler",
	inStep: "Step", inView: "View", inDone: "Done", inState: "State", inRestore: "State", inConvert: "Convert", shut: "",
}

// enter goes in. A game does not call itself through the engine, and nobody enters one that was given up.
func (t *Turnstile) enter(c callback) {
	if !t.inside.CompareAndSwap(uint32(outside), uint32(c)) {
		panic("room: a callback of a game that is in " + callbackNames[t.inside.Load()] + " already, or was given up")
	}
	t.since = time.Now()
}

// exit comes out, or ends the goroutine if it was given up. It must be deferred: a panic comes out as well.
func (t *Turnstile) exit(c callback) {
	took := time.Since(t.since)
	if !t.inside.CompareAndSwap(uint32(c), uint32(outside)) {
		runtime.Goexit()
	}
	t.spent += took
}

// Spent is how long the game was called in all. The caller owns the engine's data, or nobody does any more.
func (t *Turnstile) Spent() time.Duration { return t.spent }

// Shut gives up the goroutine that is inside of the game, and says in which callback. It fails while nobody is inside; the engine
// never takes long, so trying again a little later is right. Any goroutine may call it.
func (t *Turnstile) Shut() (callback string, ok bool) {
	c := t.inside.Load()
	if c == uint32(outside) || c == uint32(shut) {
		return "", false
	}
	return callbackNames[c], t.inside.CompareAndSwap(c, uint32(shut))
}

// IsShut reports whether Shut has succeeded.
func (t *Turnstile) IsShut() bool { return t.inside.Load() == uint32(shut) }

// plain is a game's error as a text, read while the game's code may still run: an Error method may panic, or not come back.
// What the engine tells apart stays what it is.
func plain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrPayload):
		return ErrPayload
	}
	return errors.New(err.Error())
}
