package client

import (
	"fmt"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

const (
	// keepTicks is how many ticks an input is kept after a state included it: a room that is restored at an earlier tick
	// wants it again.
	keepTicks = 64
	// inputSlots is how many inputs are kept at all, a power of two: 64 ticks at 60 Hz, and what is on its way.
	inputSlots = 256
	// maxResend bounds what is sent again after a resume: the server uses two of the backlog a tick.
	maxResend = 64
	// maxSeq is the highest number a server may claim to have taken: 400 days at 60 Hz. Beyond it numbers might wrap.
	maxSeq = 1 << 31
	// msgSlots is how many requests may wait for their replies; the server queues 32.
	msgSlots = 32
)

// An inputRing keeps the newest inputs, by number: low..seq.
type inputRing struct {
	width   int
	seq     uint32 // of the newest input made
	low     uint32 // of the oldest kept
	ack     uint32 // the newest a state has included
	vals    []int32
	ackTick [inputSlots]uint32 // the tick whose state included it first, 0 none yet
}

func (r *inputRing) open(width int) {
	if r.width != width || r.vals == nil {
		r.width, r.vals = width, make([]int32, inputSlots*width)
		r.low = r.seq + 1
	}
}

func (r *inputRing) slot(seq uint32) []int32 {
	i := int(seq%inputSlots) * r.width
	return r.vals[i : i+r.width]
}

// add numbers an input and keeps it.
func (r *inputRing) add(fields []int32) uint32 {
	r.seq++
	copy(r.slot(r.seq), fields)
	r.ackTick[r.seq%inputSlots] = 0
	if r.seq-r.low >= inputSlots {
		r.low = r.seq - inputSlots + 1
	}
	return r.seq
}

// acked notes that the state of tick includes inputs up to seq, and drops what no restore can want again.
func (r *inputRing) acked(seq, tick uint32) {
	seq = min(seq, r.seq)
	for s := max(r.ack+1, r.low); s <= seq; s++ {
		r.ackTick[s%inputSlots] = tick
	}
	r.ack = seq
	for r.low <= seq && int64(tick)-int64(r.ackTick[r.low%inputSlots]) >= keepTicks {
		r.low++
	}
}

// Input sends one input, its fields in the schema's order, and returns its number; 0 if there is no open session or the
// socket does not take more. It is kept and sent again after a resume if it got lost. delay is how far behind the newest
// state the player saw the world (interpolation), for lag compensation. It panics if the number of fields is wrong.
func (c *Core) Input(now time.Duration, delay time.Duration, fields ...int32) uint32 {
	if c.phase != phasePlaying || c.out.full() {
		return 0
	}
	if len(fields) != c.inputs.width || len(fields) == 0 {
		panic(fmt.Sprintf("client: an input of %d fields, the game's has %d", len(fields), c.inputs.width))
	}
	seq := c.inputs.add(fields)
	c.sendInput(now, delay, seq, fields)
	return seq
}

func (c *Core) sendInput(now, delay time.Duration, seq uint32, values []int32) {
	c.noteAck(now)
	c.stats.Inputs++
	c.out.open()
	c.out.buf = wire.AppendInput(c.out.buf, seq, c.ackedTick, uint32(max(0, delay/time.Millisecond)), values)
	c.stats.BytesOut += c.out.close()
}

// resend sends what the server has not taken of inputs and messages, oldest first.
func (c *Core) resend(w *Welcome) {
	r := &c.inputs
	taken := min(w.InSeq, maxSeq)
	r.seq = max(r.seq, taken)
	r.low = max(r.low, taken+1)
	r.ack = taken
	if r.width > 0 {
		first := r.low
		if n := r.seq - first + 1; n > maxResend && first <= r.seq {
			first = r.seq - maxResend + 1
		}
		if r.seq > taken {
			c.stats.InputsLost += uint64(min(first, r.seq+1) - taken - 1)
		}
		for first <= r.seq {
			first = c.resendInputs(first)
		}
	}
	c.msgs.taken(min(w.MsgRef, maxSeq))
	c.msgs.each(func(m *pendingMsg) { c.sendMsg(m.ref, m.id, m.payload) })
}

// resendInputs sends one INPUT of up to eight inputs from first on and returns the number after them.
func (c *Core) resendInputs(first uint32) uint32 {
	r := &c.inputs
	last := min(r.seq, first+wire.MaxInputsPerFrame-1)
	var values []int32
	for s := first; s <= last; s++ {
		values = append(values, r.slot(s)...)
	}
	c.stats.Inputs += uint64(last - first)
	c.sendInput(c.lastAck, 0, last, values)
	return last + 1
}

// A msgRing keeps requests until they are answered.
type msgRing struct {
	ref  uint32 // of the newest
	ring [msgSlots]pendingMsg
	head int // index of the oldest
	n    int
}

type pendingMsg struct {
	ref, id uint32
	payload []byte
}

// add keeps a copy of a request; false if too many wait.
func (r *msgRing) add(id uint32, payload []byte) (*pendingMsg, bool) {
	if r.n == msgSlots {
		return nil, false
	}
	r.ref++
	m := &r.ring[(r.head+r.n)%msgSlots]
	r.n++
	m.ref, m.id, m.payload = r.ref, id, append(m.payload[:0], payload...)
	return m, true
}

// done drops the request that was answered and all before it; replies come in order.
func (r *msgRing) done(ref uint32) {
	for r.n > 0 && r.ring[r.head].ref <= ref {
		r.head = (r.head + 1) % msgSlots
		r.n--
	}
}

// taken is WELCOME's msg_ref: up to there the server needs nothing again.
func (r *msgRing) taken(ref uint32) {
	r.ref = max(r.ref, ref)
	r.done(ref)
}

func (r *msgRing) each(fn func(*pendingMsg)) {
	for i := range r.n {
		fn(&r.ring[(r.head+i)%msgSlots])
	}
}

// Message makes a request to the game: id is its index in the schema's messages, payload its fields (AppendPayload). It
// returns the request's number, which the Reply will carry; 0 if there is no open session, too many wait for their replies
// or the payload is over the server's limit. A request without its reply is made again after a resume; the game handles it
// once.
func (c *Core) Message(id uint32, payload []byte) uint32 {
	if c.phase != phasePlaying || c.out.full() || len(payload)+32 > c.maxMessage() {
		return 0
	}
	m, ok := c.msgs.add(id, payload)
	if !ok {
		return 0
	}
	c.sendMsg(m.ref, id, payload)
	return m.ref
}

// maxMessage is the server's limit on one message of ours.
func (c *Core) maxMessage() int {
	if n := c.session.limits.MaxMessageBytes; n > 0 {
		return int(min(n, wire.MaxClientMessage))
	}
	return wire.MaxClientMessage
}

func (c *Core) sendMsg(ref, id uint32, payload []byte) {
	c.out.open()
	c.out.buf = wire.AppendMsg(c.out.buf, wire.Msg{Ref: ref, ID: id, Payload: payload})
	c.stats.BytesOut += c.out.close()
}

// Leave gives the seat up for good. The server closes the socket.
func (c *Core) Leave() {
	if c.phase == phasePlaying {
		c.out.open()
		c.out.buf = wire.AppendLeave(c.out.buf)
		c.stats.BytesOut += c.out.close()
	}
	c.retry.left = true
}

// AppendPayload appends a message's fields in schema order: int, int32, bool, string or []byte each. It panics on anything
// else.
func AppendPayload(dst []byte, fields ...any) []byte {
	dst = wire.AppendArrayLen(dst, len(fields))
	for _, f := range fields {
		switch v := f.(type) {
		case int:
			dst = wire.AppendInt(dst, int64(v))
		case int32:
			dst = wire.AppendInt(dst, int64(v))
		case bool:
			n := int64(0)
			if v {
				n = 1
			}
			dst = wire.AppendInt(dst, n)
		case string:
			dst = wire.AppendString(dst, v)
		case []byte:
			dst = wire.AppendBytes(dst, v)
		default:
			panic(fmt.Sprintf("client: a payload field of type %T", f))
		}
	}
	return dst
}
