package engine

import (
	"slices"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// messageQueue is how many messages of a session wait at most; beyond it they are answered with "too many".
const messageQueue = 32

// A queue holds what a session sent and no tick has used: inputs and messages in the order in which they came.
//
// Clients send one input per tick on a clock of their own, so an input that comes a little late misses its tick and waits
// beside the next one. Left alone the queue would keep that extra input for ever, and with it a tick of delay. A tick that
// found the queue empty has therefore been paid for by the game (it repeated, or did nothing): the next surplus input is
// merged into its successor, bools by OR so that no press is lost. A client whose clock is fast is cut back in the same way
// once a second, by what never left the queue in all that time.
type queue struct {
	items []item
	vals  []int32 // of the inputs among items, in their order

	inputs  int // among items
	msgs    int
	missed  int // ticks without an input since the client began to send, not yet made up for
	low     int // least number of inputs left over in the running window
	window  int // ticks of it that have passed
	playing int // ticks until a client that sends nothing is not expected to
}

type item struct {
	message bool
	seq     uint32 // of the input, or ref of the message
	id      uint32
	code    uint32
	payload []byte
}

// pushInput queues one input; the oldest goes if the queue is full. It returns how many were dropped.
func (q *queue) pushInput(seq uint32, vals []int32) (dropped int) {
	for q.inputs >= room.InputQueue {
		q.dropOldest(len(vals), nil)
		dropped++
	}
	q.items = append(q.items, item{seq: seq})
	q.vals = append(q.vals, vals...)
	q.inputs++
	return dropped
}

// dropOldest removes the oldest input; bools says which of its fields its successor inherits.
func (q *queue) dropOldest(width int, bools []bool) {
	i := slices.IndexFunc(q.items, func(it item) bool { return !it.message })
	q.items = slices.Delete(q.items, i, i+1)
	if q.inputs > 1 {
		for k, b := range bools {
			if b {
				q.vals[width+k] |= q.vals[k]
			}
		}
	}
	q.vals = slices.Delete(q.vals, 0, width)
	q.inputs--
}

// settle removes inputs that would only wait. perTick is how many a tick uses.
func (q *queue) settle(width, perTick, tickHz int, bools []bool) (dropped int) {
	if q.inputs == 0 {
		if q.playing > 0 {
			q.playing--
			q.missed = min(q.missed+1, room.InputQueue)
		} else {
			q.missed = 0
		}
	} else {
		q.playing = tickHz
	}
	for q.missed > 0 && q.inputs > perTick {
		q.dropOldest(width, bools)
		q.missed--
		dropped++
	}
	q.low = min(q.low, max(q.inputs-perTick, 0))
	if q.window++; q.window >= tickHz {
		for range q.low {
			q.dropOldest(width, bools)
			dropped++
		}
		q.window, q.low = 0, room.InputQueue
	}
	return dropped
}

// run is how many inputs stand at the front before the first message.
func (q *queue) run() int {
	n := 0
	for n < len(q.items) && !q.items[n].message {
		n++
	}
	return n
}

// pop removes n inputs from the front.
func (q *queue) pop(n, width int) {
	q.items = slices.Delete(q.items, 0, n)
	q.vals = slices.Delete(q.vals, 0, n*width)
	q.inputs -= n
}

// gatherInputs writes the inputs that this tick's Step sees of a session.
func (r *Room) gatherInputs(dst []byte, s *Session) []byte {
	if r.width == 0 || !s.attached && s.queue.inputs == 0 {
		return dst
	}
	perTick, latest := r.prog.PerTick()
	q := &s.queue
	if !latest {
		s.dropped += uint32(q.settle(r.width, perTick, r.TickHz(), r.bools))
	}
	n := q.run()
	if n == 0 {
		return dst
	}
	skip := 0
	if latest {
		skip = n - 1
		s.dropped += uint32(skip)
	} else {
		n = min(n, perTick)
	}
	dst = appendSessionOp(dst, opInput, s, uint64(q.items[n-1].seq), uint64((n-skip)*r.width))
	for _, v := range q.vals[skip*r.width : n*r.width] {
		dst = wire.AppendInt(dst, int64(v))
	}
	q.pop(n, r.width)
	return dst
}

// applyInput gives a session's player the inputs of this tick.
func (r *Room) applyInput(in *wire.Reader) {
	s := r.session(in)
	s.applied = in.Uint32()
	for range in.Uint32() {
		s.inputs = append(s.inputs, in.Int32())
	}
}
