package host

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A meter is what one room has cost lately: how long its ticks took, how late they were, what went over its sockets. Its worker
// writes it, anybody reads it at any time; nothing is allocated, and a number that is read while it is written may lack that tick.
//
// Time is cut into windows of 5 s, of which the newest three are kept: a reading covers the last 10 to 15 s. Step times are
// counted in half octaves from 4 µs, so a quantile is right to a third. 500 bytes a room, whatever happens in it.
type meter struct {
	windows [meterWindows]meterWindow
	born    atomic.Int64 // host clock at the first window

	// Owned by the worker.
	at int64 // number of the present window + 1; 0: none yet
}

const (
	meterWindows = 3
	windowNS     = int64(5e9)
	stepBuckets  = 34
	stepShift    = 12 // the first bucket ends at 2^12 ns
)

type meterWindow struct {
	number atomic.Int64 // + 1; 0: never used
	steps  [stepBuckets]atomic.Uint32
	stepNS atomic.Int64 // the longest
	lateNS atomic.Int64 // the latest
	ticks  atomic.Uint32
	late   atomic.Uint32 // ticks that began over 5 ms late or were never made

	bytesSent, bytesReceived, framesSent, framesReceived atomic.Uint64
}

// traffic is what went over a room's sockets since its worker published last.
type traffic struct{ bytesSent, bytesReceived, framesSent, framesReceived uint64 }

// window is the one of now. Only the worker calls it.
func (m *meter) window(now int64) *meterWindow {
	n := now/windowNS + 1
	w := &m.windows[n%meterWindows]
	if m.at == n {
		return w
	}
	if m.at == 0 {
		m.born.Store(now)
	}
	m.at = n
	w.number.Store(0) // not read while it is emptied
	for i := range w.steps {
		w.steps[i].Store(0)
	}
	w.stepNS.Store(0)
	w.lateNS.Store(0)
	w.ticks.Store(0)
	w.late.Store(0)
	w.bytesSent.Store(0)
	w.bytesReceived.Store(0)
	w.framesSent.Store(0)
	w.framesReceived.Store(0)
	w.number.Store(n)
	return w
}

// step notes how long a tick took. There is one writer, so a load and a store do.
func (m *meter) step(now, ns int64) {
	w := m.window(now)
	b := &w.steps[stepBucket(ns)]
	b.Store(b.Load() + 1)
	if ns > w.stepNS.Load() {
		w.stepNS.Store(ns)
	}
}

// wake notes one wake: how late its ticks began, how many were made and missed, and what was read and written.
func (m *meter) wake(now, late int64, ticks, missed int, t *traffic) {
	w := m.window(now)
	w.ticks.Store(w.ticks.Load() + uint32(ticks))
	if late > gridStep {
		missed += ticks
	}
	if missed > 0 {
		w.late.Store(w.late.Load() + uint32(missed))
	}
	if late > w.lateNS.Load() {
		w.lateNS.Store(late)
	}
	w.bytesSent.Store(w.bytesSent.Load() + t.bytesSent)
	w.bytesReceived.Store(w.bytesReceived.Load() + t.bytesReceived)
	w.framesSent.Store(w.framesSent.Load() + t.framesSent)
	w.framesReceived.Store(w.framesReceived.Load() + t.framesReceived)
	*t = traffic{}
}

// stepBucket is the half octave of a duration.
func stepBucket(ns int64) int {
	if ns < 1<<stepShift {
		return 0
	}
	top := bits.Len64(uint64(ns)) - 1
	half := int(ns>>(top-1)) & 1
	return min(1+2*(top-stepShift)+half, stepBuckets-1)
}

// stepBound is the upper end of a bucket.
func stepBound(b int) int64 {
	if b == 0 {
		return 1 << stepShift
	}
	top := stepShift + (b-1)/2
	if (b-1)%2 == 0 {
		return 3 << (top - 1)
	}
	return 1 << (top + 1)
}

// RoomLoad is what a room has cost in the last 10 to 15 seconds. A room whose time stands still costs nothing.
type RoomLoad struct {
	StepP50  time.Duration `json:"step_p50_ns"` // of ticks, in half octaves
	StepP99  time.Duration `json:"step_p99_ns"`
	StepMax  time.Duration `json:"step_max_ns"`
	LateMax  time.Duration `json:"late_max_ns"`        // how late a tick began at most
	Late     int           `json:"late_ticks"`         // began over 5 ms late, or were never made
	Cost     time.Duration `json:"cost_ns_per_second"` // of its worker's time, smoothed over some seconds
	Ticks    float64       `json:"ticks_per_second"`
	Sent     float64       `json:"bytes_sent_per_second"`
	Received float64       `json:"bytes_received_per_second"`
	Out      float64       `json:"frames_sent_per_second"`
	In       float64       `json:"frames_received_per_second"`
}

// read sums up the windows that are not too old.
func (m *meter) read(now int64) RoomLoad {
	var (
		steps   [stepBuckets]uint64
		load    RoomLoad
		present = now / windowNS
		oldest  = present - (meterWindows - 1)
		took    = max(float64(now-max(oldest*windowNS, m.born.Load()))/1e9, 1)
	)
	for i := range m.windows {
		w := &m.windows[i]
		n := w.number.Load()
		if n == 0 || n-1 < oldest {
			continue
		}
		for b := range steps {
			steps[b] += uint64(w.steps[b].Load())
		}
		load.StepMax = max(load.StepMax, time.Duration(w.stepNS.Load()))
		load.LateMax = max(load.LateMax, time.Duration(w.lateNS.Load()))
		load.Late += int(w.late.Load())
		load.Ticks += float64(w.ticks.Load()) / took
		load.Sent += float64(w.bytesSent.Load()) / took
		load.Received += float64(w.bytesReceived.Load()) / took
		load.Out += float64(w.framesSent.Load()) / took
		load.In += float64(w.framesReceived.Load()) / took
	}
	load.StepP50 = min(stepQuantile(&steps, 0.5), load.StepMax)
	load.StepP99 = min(stepQuantile(&steps, 0.99), load.StepMax)
	return load
}

// stepQuantile is the upper end of the bucket in which a quantile lies.
func stepQuantile(steps *[stepBuckets]uint64, q float64) time.Duration {
	var total, seen uint64
	for _, n := range steps {
		total += n
	}
	for b, n := range steps {
		seen += n
		if n > 0 && float64(seen) >= q*float64(total) {
			return time.Duration(stepBound(b))
		}
	}
	return 0
}
