package host

import (
	"sync/atomic"

	"github.com/ringside-server/ringside/internal/wire"
)

// Stats are the counters of a Host. They only grow, but for those that say now. Everything may read them at any time; workers add
// to them once per wake.
type Stats struct {
	Connections    atomic.Int64 // sockets now, those in handshake included
	FramesSent     atomic.Uint64
	FramesReceived atomic.Uint64
	BytesSent      atomic.Uint64
	BytesReceived  atomic.Uint64
	FramesSkipped  atomic.Uint64 // times a client got nothing because its socket would not take it
	InputsDropped  atomic.Uint64
	Ticks          atomic.Uint64
	TicksLate      atomic.Uint64 // began more than 5 ms after their time, or were never made
	TickNS         atomic.Uint64 // inside engine.Room.Tick
	StepNS         atomic.Uint64 // of it inside of games: Step, View and the rest
	BusyNS         atomic.Uint64 // of the workers, outside of sleep
	RoomsFailed    atomic.Uint64
	NoticesLost    atomic.Uint64    // for the directory, see clerk
	StepsAbandoned atomic.Uint64    // ticks and starts of rooms that did not come back
	RoomsDetached  atomic.Int64     // rooms whose ticks are made outside of their worker's loop now
	RoomsMoved     atomic.Uint64    // to another worker, or another slot of theirs
	Late           [causes]lateness // how late ticks began, by cause

	// Goroutines that were given up inside of a game and have not come back: of ticks, starts and calls.
	GoroutinesAbandoned atomic.Int64

	closes [len(closeCodes)]atomic.Uint64
}

// lateBounds are the upper ends of the histogram of how late ticks begin, in nanoseconds.
var lateBounds = [...]int64{100e3, 250e3, 500e3, 1e6, 2500e3, 5e6, 10e6, 25e6, 50e6, 100e6, 250e6, 500e6, 1e9}

// A lateness is a histogram that is kept without allocation.
type lateness struct {
	buckets [len(lateBounds) + 1]atomic.Uint64
	sumNS   atomic.Uint64
}

func (h *lateness) observe(ns int64, times uint64) {
	i := 0
	for i < len(lateBounds) && ns > lateBounds[i] {
		i++
	}
	h.buckets[i].Add(times)
	h.sumNS.Add(uint64(max(ns, 0)) * times)
}

// closeCodes are the codes that closes are counted by; the first stands for a socket that was lost without one, the last for
// every other.
var closeCodes = [...]wire.CloseCode{
	1006, 1000, 1001, 1002, 1003,
	wire.CloseLeft, wire.CloseToken, wire.CloseVersion, wire.CloseMalformed, wire.CloseUnexpected, wire.CloseTooLarge,
	wire.CloseRate, wire.CloseKicked, wire.CloseFull, wire.CloseEnded, wire.CloseReplaced, wire.CloseSilent, wire.CloseFault,
	wire.CloseSlow, wire.CloseDraining, wire.ClosePingTimeout, wire.CloseRestored,
	wire.CloseLost, wire.CloseResumeUnknown, wire.CloseMoved,
	0,
}

const lostCode wire.CloseCode = 1006 // the socket ended without a close frame; never sent

func (s *Stats) closed(code wire.CloseCode) {
	for i, c := range closeCodes {
		if c == code || i == len(closeCodes)-1 {
			s.closes[i].Add(1)
			return
		}
	}
}

// Closes is how many connections were closed with a code.
func (s *Stats) Closes(code wire.CloseCode) uint64 {
	for i, c := range closeCodes {
		if c == code {
			return s.closes[i].Load()
		}
	}
	return 0
}

// A tally is what one worker has counted since it last published.
type tally struct {
	framesSent, framesReceived, bytesSent, bytesReceived, framesSkipped, inputsDropped uint64
	ticks, ticksLate, tickNS, stepNS                                                   uint64
}

func (t *tally) publish(s *Stats) {
	for _, c := range [...]struct {
		n  uint64
		to *atomic.Uint64
	}{
		{t.framesSent, &s.FramesSent}, {t.framesReceived, &s.FramesReceived}, {t.bytesSent, &s.BytesSent},
		{t.bytesReceived, &s.BytesReceived}, {t.framesSkipped, &s.FramesSkipped}, {t.inputsDropped, &s.InputsDropped},
		{t.ticks, &s.Ticks}, {t.ticksLate, &s.TicksLate}, {t.tickNS, &s.TickNS}, {t.stepNS, &s.StepNS},
	} {
		if c.n > 0 {
			c.to.Add(c.n)
		}
	}
	*t = tally{}
}
