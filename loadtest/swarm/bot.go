package swarm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

// lookEvery is how often a player of a game without inputs looks whether there is something to do.
const lookEvery = 250 * time.Millisecond

// messageEvery is how often a bot in a game without inputs makes a request, at random.
const messageEvery = 4 * time.Second

// maxUnsent is how much may wait for a socket before the bot gives it up.
const maxUnsent = 64 << 10

// sentSlots is how many inputs may be on their way: a power of two, 12 s at 20 Hz.
const sentSlots = 256

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// A bot is one player. It belongs to its lane; only the fields of its join are touched elsewhere, before.
type bot struct {
	// Immutable.
	lane   *lane
	index  int // in the lane
	room   int
	seat   client.Seat
	period time.Duration // between inputs
	rng    *rand.Rand

	core   *client.Core
	stream client.Stream

	// The socket.
	link       link   // nil between sockets
	generation uint32 // of the socket: events of older ones are ignored
	unsent     []byte
	queued     bool // in the loop's wheel

	// What it does.
	player    Player
	in        []int32
	messages  []uint32
	nextInput time.Duration
	nextMsg   time.Duration
	payload   []byte
	fields    []any
	leaving   bool
	over      bool // no socket, and none will come

	// What it saw.
	joined    bool
	sentAt    [sentSlots]time.Duration
	inSeq     uint32 // newest input seen in a state
	lastState time.Duration
	fresh     bool // the message just received was a state
	frames    uint64
	longest   time.Duration // between two states, in the window
	trial     trial         // of chaos
}

// A link is a bot's socket.
type link interface {
	Send(b []byte) (int, error)
	Close() error
}

func newBot(l *lane, room int, seat client.Seat) *bot {
	s := l.swarm
	b := &bot{lane: l, index: len(l.bots), room: room, seat: seat}
	b.rng = rand.New(rand.NewPCG(s.seeds.Uint64(), s.seeds.Uint64())) // seeds that differ in a few bits would begin alike
	b.period = time.Duration(float64(time.Second) / s.cfg.InputHz)
	b.nextInput, b.nextMsg = never, never
	b.core = client.New(client.Config{
		URL: seat.URL, Token: seat.Token, SDK: "ringside-loadtest", Schemas: &s.schemas, Rand: b.rng.Float64,
		On: client.Handlers{Welcome: b.welcome, State: b.state, Mismatch: b.mismatch, Err: b.refused, End: b.ended},
	})
	l.bots = append(l.bots, b)
	return b
}

// welcome starts the bot's inputs at a random phase against the room's tick.
func (b *bot) welcome(c *client.Core, now time.Duration, w *client.Welcome) {
	b.trial.welcomed(b, w)
	b.inSeq, b.lastState = 0, 0
	clear(b.sentAt[:]) // what was under way when a socket died says nothing of the server
	if !b.joined {
		b.joined = true
		b.lane.joins.Add(1)
	}
	game := c.Game()
	if b.player == nil {
		b.player = b.lane.swarm.cfg.NewPlayer(game, b.rng)
	}
	if in := game.Schema.Input; in != nil && !c.Spectator() {
		if len(b.in) != len(in.Fields) {
			b.in = make([]int32, len(in.Fields))
		}
		b.nextInput = now + b.phase()
		return
	}
	if _, random := b.player.(*randomPlayer); !random && !c.Spectator() {
		b.period = lookEvery
		b.nextInput = now + b.phase()
		return
	}
	b.messages = sendable(game.Schema)
	if len(b.messages) > 0 {
		b.nextMsg = now + time.Duration(b.rng.Int64N(int64(messageEvery)))
	}
}

// phase is where in its period a bot sends: random, but a room's bots share the period evenly among them, so that the median
// over a hundred bots is that of all phases and not of the draw.
func (b *bot) phase() time.Duration {
	n := b.lane.swarm.cfg.Players
	return time.Duration((float64(int(b.seat.Slot)%n) + b.rng.Float64()) / float64(n) * float64(b.period))
}

// state is called for each state applied: here everything is measured.
func (b *bot) state(_ *client.Core, now time.Duration, s client.State) {
	l := b.lane
	b.fresh = true
	l.frames.Add(1)
	b.trial.state(b, now, &s)
	counted := l.measuring(now)
	if counted {
		b.frames++
		if b.lastState != 0 {
			gap := now - b.lastState
			b.longest = max(b.longest, gap)
			record(l.gaps, gap)
		}
		l.strip.frame(now)
	}
	b.lastState = now
	first := max(b.inSeq+1, 1)
	if s.InSeq >= sentSlots {
		first = max(first, s.InSeq-sentSlots+1)
	}
	for seq := first; seq <= s.InSeq && seq != 0; seq++ {
		at := &b.sentAt[seq%sentSlots]
		if *at != 0 && counted {
			record(l.latency, now-*at)
			l.strip.latency(now, now-*at)
		}
		*at = 0
	}
	b.inSeq = max(b.inSeq, s.InSeq)
}

func (b *bot) mismatch(_ *client.Core, _ time.Duration, m client.Mismatch) {
	b.fault("a state differs from its HASH", fmt.Sprintf("tick %d: state hashes to %#08x, the server says %#08x", m.Tick, m.Got, m.Want))
}

func (b *bot) refused(_ *client.Core, _ time.Duration, e client.Err) {
	if !b.leaving && !b.lane.swarm.harmed.Load() {
		b.fault(fmt.Sprintf("server says %d: %s", e.Code, e.Text), "")
	}
}

func (b *bot) ended(_ *client.Core, _ time.Duration, e client.End) {
	if !b.leaving {
		b.fault(fmt.Sprintf("the room ended (%d): %s", e.Code, e.Reason), "")
	}
}

// receive takes bytes of the socket. The bot has no socket afterwards if they were its last.
func (b *bot) receive(now time.Duration, data []byte) {
	b.stream.Push(data)
	for {
		kind, p, err := b.stream.Next()
		switch {
		case err != nil:
			b.lost(now, 1002, err.Error())
			return
		case kind == client.StreamNothing:
			b.flush(now)
			return
		case kind == client.StreamPing:
			b.unsent = client.AppendPong(b.unsent, p)
		case kind == client.StreamClose:
			code, reason := client.CloseReason(p)
			b.lost(now, code, reason)
			return
		default:
			b.fresh = false
			if err := b.core.Receive(now, p); err != nil {
				b.lost(now, 1002, err.Error())
				return
			}
			if b.fresh && b.lane.measuring(now) {
				b.lane.bytes += uint64(len(p))
			}
		}
	}
}

// act does what is due and returns when to act again.
func (b *bot) act(now time.Duration) time.Duration {
	if b.link == nil {
		return never
	}
	if err := b.core.Tick(now); err != nil {
		b.lost(now, 0, err.Error())
		return never
	}
	if now >= b.nextInput && !b.leaving {
		b.sendInput(now)
	}
	if now >= b.nextMsg && !b.leaving {
		b.sendMessage(now)
	}
	b.flush(now)
	return min(b.nextInput, b.nextMsg, b.core.NextTimer())
}

func (b *bot) sendInput(now time.Duration) {
	b.nextInput += b.period
	if late := now - b.nextInput; late >= 0 { // the machine stood still: do not catch up in a burst, and keep the phase
		b.nextInput += (late/b.period + 1) * b.period
	}
	b.player.Input(b.core, b.in)
	if len(b.in) == 0 {
		return
	}
	seq := b.core.Input(now, 0, b.in...)
	if seq == 0 {
		return
	}
	b.sentAt[seq%sentSlots] = now
	if b.lane.measuring(now) {
		b.lane.inputs++
	}
}

func (b *bot) sendMessage(now time.Duration) {
	b.nextMsg = now + messageEvery/2 + time.Duration(b.rng.Int64N(int64(messageEvery)))
	id := b.messages[b.rng.IntN(len(b.messages))]
	b.fields = b.fields[:0]
	fields := b.core.Game().Schema.Messages[id].Fields
	for i := range fields {
		b.fields = append(b.fields, randomValue(b.rng, &fields[i]))
	}
	b.payload = client.AppendPayload(b.payload[:0], b.fields...)
	b.core.Message(id, b.payload)
}

// flush writes what the core wants to say; what the socket does not take waits.
func (b *bot) flush(now time.Duration) {
	for m := b.core.Outgoing(); m != nil; m = b.core.Outgoing() {
		b.unsent = client.AppendFrame(b.unsent, m)
	}
	if len(b.unsent) == 0 || b.link == nil {
		return
	}
	n, err := b.link.Send(b.unsent)
	if b.lane.measuring(now) {
		b.lane.sentBytes += uint64(n)
	}
	switch {
	case err == nil:
		b.unsent = b.unsent[:copy(b.unsent, b.unsent[n:])]
	case !wouldBlock(err):
		b.lost(now, 0, err.Error())
		return
	}
	if len(b.unsent) > maxUnsent {
		b.lost(now, 0, "the server does not read")
	}
}

// leave gives the seat up.
func (b *bot) leave(now time.Duration) {
	b.leaving = true
	b.core.Leave()
	b.flush(now)
}

// lost is called when the socket is gone. A loss nobody asked for is a fault, and the bot comes back if it may.
func (b *bot) lost(now time.Duration, code client.CloseCode, reason string) {
	if b.link == nil {
		return
	}
	b.link.Close()
	b.link = nil
	b.generation++
	b.unsent = b.unsent[:0]
	b.stream = client.Stream{}
	b.nextInput, b.nextMsg = never, never
	b.core.Lost(now, code, reason)
	if b.leaving {
		b.over = true
		b.lane.left.Add(1)
		return
	}
	b.lane.disconnects.Add(1)
	b.trial.lost(disconnected(code, reason))
	if s := b.lane.swarm; !s.harmed.Load() { // then it was us
		b.fault(disconnected(code, reason), "")
	}
	b.again(now)
}

// disconnected says how a socket ended.
func disconnected(code client.CloseCode, reason string) string {
	if code == 0 {
		return "disconnected: " + reason
	}
	return strings.TrimSpace(fmt.Sprintf("disconnected: %d %s", code, reason))
}

// where names the bot.
func (b *bot) where() string { return fmt.Sprintf("room %s slot %d", b.seat.Room, b.seat.Slot) }

func (b *bot) fault(what, detail string) {
	b.lane.swarm.faults.note(fault{where: b.where(), what: what, detail: detail})
}

// again follows the core's decision about the next socket.
func (b *bot) again(now time.Duration) {
	n := b.core.NextDial(now)
	if n.Kind != client.DialOpen {
		b.over = true
		if !b.joined {
			b.lane.swarm.joinErrors.Add(1)
		}
		b.outcast(n)
		return
	}
	b.lane.swarm.dial(b, n)
}
