package host

import (
	"context"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync/atomic"
)

// A pilot is a goroutine in which rooms make their ticks: a worker's own, or that of a room which is too slow for it, or one that
// makes a room. It may be deserted while it is inside of a game that does not come back; nobody waits for it from then on, and
// if it comes back after all it ends, see room.Turnstile.
type pilot struct {
	// Immutable after newPilot.
	host   *Host
	worker *worker // whose loop it runs; nil: none
	labels context.Context
	tag    string
	jobs   chan job // of a room's pilot: one at a time, so that sending never waits

	state atomic.Uint32

	// Owned by the goroutine.
	flight uint64     // number of the present one, see worker.flight
	inside *hosted    // whose tick it makes
	heap   heapAllocs // see memory.go
}

// What a pilot's state can be.
const (
	atWork uint32 = iota
	deserted
	departed
)

// A job is what a room's pilot does next.
type job struct {
	began int64 // host clock
	park  bool  // take a checkpoint; else make a tick
}

const pilotLabel = "pilot" // by which a goroutine is found among all

// newPilot is counted among those that Close waits for; whoever asks for it starts the goroutine, which defers end.
func (h *Host) newPilot(w *worker) *pilot {
	p := &pilot{host: h, worker: w, tag: strconv.FormatUint(h.pilotNumber.Add(1), 10)}
	p.labels = pprof.WithLabels(context.Background(), pprof.Labels(pilotLabel, p.tag))
	h.pilots.Add(1)
	return p
}

// begin names the goroutine.
func (p *pilot) begin() { pprof.SetGoroutineLabels(p.labels) }

// desert gives the goroutine up, unless it has ended. It is in a game of room h.
func (p *pilot) desert(h *hosted) bool {
	if !p.strand(h) {
		return false
	}
	p.host.stats.GoroutinesAbandoned.Add(1)
	p.host.pilots.Done()
	p.host.stir()
	return true
}

// strand is desert for those who look for it later.
func (p *pilot) strand(h *hosted) bool {
	p.host.strand.mu.Lock()
	defer p.host.strand.mu.Unlock()
	if !p.state.CompareAndSwap(atWork, deserted) {
		return false
	}
	p.host.strand.rooms = append(p.host.strand.rooms, strandedRoom{p, h})
	return true
}

// depart ends the pilot and returns what its state was.
func (p *pilot) depart() uint32 {
	p.host.strand.mu.Lock()
	defer p.host.strand.mu.Unlock()
	p.host.strand.rooms = slices.DeleteFunc(p.host.strand.rooms, func(s strandedRoom) bool { return s.pilot == p })
	return p.state.Swap(departed)
}

// A strandedRoom is over, but a goroutine is still in its game.
type strandedRoom struct {
	pilot *pilot
	room  *hosted
}

// end is deferred. A game can end the goroutine it is called in: then the room has failed, and the worker needs another one.
func (p *pilot) end() {
	was := p.depart()
	if h := p.inside; h != nil && !h.room.Abandoned() {
		if w := p.worker; w != nil && w.flight.CompareAndSwap(p.flight, 0) {
			w.takeOver()
		}
		p.land(h)
	}
	if was == deserted {
		p.host.stats.GoroutinesAbandoned.Add(-1)
		p.host.stir()
		return
	}
	p.host.pilots.Done()
}

// serve makes the ticks of one room until its jobs are closed.
func (p *pilot) serve(h *hosted) {
	defer p.end()
	p.begin()
	for j := range p.jobs {
		p.inside = h
		began := p.host.now() // later than the job's where the machine is busy, which is not the game's doing
		if j.park {
			h.wear(p)
			h.parkErr = h.room.TakeCheckpoint()
			p.begin()
		} else {
			p.tick(h, j.began)
		}
		p.inside = nil
		h.took = p.host.now() - began
		p.land(h)
	}
}

// tick makes one tick of a room.
func (p *pilot) tick(h *hosted, began int64) {
	before := p.allocated()
	h.wear(p)
	h.room.Tick(uint64(began / 1e3))
	p.begin()
	p.weigh(h, before)
}

// land hands a room back to its worker.
func (p *pilot) land(h *hosted) { h.post(errand{landed: p}) }
