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
// Clients send one input per tick on a clock of their own, over links that jitter, so now and then two come in one tick and
// none in the next: the second waits for a tick, and nothing is lost. Left alone it would wait beside its successors for
// ever, and every later input would be a tick late. So what a tick left over gives way as soon as something newer is there:
// it is merged into its successor, bools by OR so that no press is lost. A client whose clock is fast, or who sends more
// than its share, is cut back by the same rule.
type queue struct {
	items []item
	vals  []int32 // of the inputs among items, in their order

	inputs int // among items
	msgs   int
	left   int // of the inputs, how many the last tick left over
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
	q.left = max(q.left-1, 0)
}

// settle merges what the last tick left over into what is newer. perTick is how many inputs a tick uses.
func (q *queue) settle(width, perTick int, bools []bool) (dropped int) {
	if q.inputs == q.left {
		return 0 // nothing newer
	}
	for q.left > 0 && q.inputs > perTick {
		q.dropOldest(width, bools)
		dropped++
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
		s.dropped += uint32(q.settle(r.width, perTick, r.bools))
	}
	n := q.run()
	if n == 0 {
		q.left = q.inputs
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
	q.left = q.inputs
	return dst
}

// applyInput gives a session's player the inputs of this tick.
func (r *Room) applyInput(in *wire.Reader) {
	s := r.session(in)
	s.applied = in.Uint32()
	n := in.Uint32()
	if int(n) > in.Len() {
		panic("engine: a journal record announces more inputs than it has")
	}
	for range n {
		s.inputs = append(s.inputs, in.Int32())
	}
}
