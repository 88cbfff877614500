package room

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A goroutine that was given up inside of a game ends when it comes out, whatever way it takes.
func TestTurnstileShut(t *testing.T) {
	for name, out := range map[string]func(){"returns": func() {}, "panics": func() { panic("boom") }} {
		t.Run(name, func(t *testing.T) {
			inside, release, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
			d := startScript(t, &script{step: func(*Room) {
				close(inside)
				<-release
				out()
			}})
			if where, ok := d.Gate().Shut(); ok || d.Gate().IsShut() {
				t.Fatalf("nobody was inside of %q", where)
			}
			beyond := false
			go func() {
				defer close(over)
				d.Step()
				beyond = true
			}()
			<-inside
			if where, ok := d.Gate().Shut(); !ok || where != "Step" || !d.Gate().IsShut() {
				t.Errorf("shut: %q, %v", where, ok)
			}
			if where, ok := d.Gate().Shut(); ok {
				t.Errorf("shut twice: %q", where)
			}
			close(release)
			<-over
			if beyond {
				t.Error("the goroutine went on behind the game")
			}
			defer func() {
				if recover() == nil {
					t.Error("a game that was given up was entered")
				}
			}()
			d.Step()
		})
	}
}

// A panic comes out of the game like everything else.
func TestTurnstileAfterPanic(t *testing.T) {
	boom := true
	d := startScript(t, &script{step: func(*Room) {
		if boom {
			panic("boom")
		}
	}})
	func() {
		defer func() { _ = recover() }()
		d.Step()
	}()
	boom = false
	d.Step()
	if _, ok := d.Gate().Shut(); ok {
		t.Error("somebody is inside")
	}
}

// A slyError does something when it is read.
type slyError struct{ read func() }

func (e slyError) Error() string {
	e.read()
	return "sly"
}

// A game's error is read while the game can still be given up, and only then.
func TestErrorsAreReadInside(t *testing.T) {
	var d *Driver
	inside := 0
	e := slyError{func() {
		if d.gate.inside.Load() == uint32(inJoin) {
			inside++
		} else {
			t.Error("read outside")
		}
	}}
	d = startScript(t, &script{join: func(*Room, *Player) error { return e }})
	if err := d.Join(&Player{}); err == nil || err.Error() != "sly" || errors.As(err, new(slyError)) || inside != 1 {
		t.Errorf("%v, read %d times", err, inside)
	}
}

func TestATurnstileKnowsHowLongTheGameWasCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate Turnstile
		for range 2 {
			gate.enter(inStep)
			time.Sleep(3 * time.Second)
			gate.exit(inStep)
			time.Sleep(time.Minute) // the engine's
		}
		if got := gate.Spent(); got != 6*time.Second {
			t.Errorf("%v, want 6 s", got)
		}
	})
}
