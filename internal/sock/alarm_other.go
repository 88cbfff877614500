//go:build !linux

package sock

import (
	"sync"
	"time"
)

// An Alarm goes off unless it is set again before.
type Alarm struct {
	timer *time.Timer
	over  chan struct{}
	close sync.Once
}

// NewAlarm returns one that is not set.
func NewAlarm() (*Alarm, error) {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &Alarm{timer: t, over: make(chan struct{})}, nil
}

// Set makes the alarm go off after d, whatever it was set to before; 0 turns it off. It must not be called after Close.
func (a *Alarm) Set(d time.Duration) {
	if d <= 0 {
		a.timer.Stop()
		return
	}
	a.timer.Reset(d)
}

// Wait waits until the alarm goes off; false means that it was closed.
func (a *Alarm) Wait() bool {
	select {
	case <-a.timer.C:
		return true
	case <-a.over:
		return false
	}
}

// Close frees the alarm and ends Wait.
func (a *Alarm) Close() { a.close.Do(func() { close(a.over) }) }
