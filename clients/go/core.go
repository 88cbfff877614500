package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

var (
	// ErrProtocol is returned by Receive for bytes that no server of this protocol sends. The caller closes the socket and
	// calls Lost.
	ErrProtocol = errors.New("server broke the protocol")
	// ErrSilent is returned by Tick when the server has not been heard for its own ping timeout. The caller closes the
	// socket and calls Lost.
	ErrSilent = errors.New("server is silent")
)

// Timers. The protocol fixes the first four.
const (
	ackEvery       = 250 * time.Millisecond
	fastPing       = 250 * time.Millisecond
	slowPing       = 2 * time.Second
	fastPings      = 8
	resyncEvery    = time.Second
	welcomeTimeout = 10 * time.Second // a node that holds the handshake this long is as good as gone
	defaultGrace   = 30 * time.Second // before WELCOME: how long a seat's token is good
)

// maxOut bounds what waits for a socket that does not take it. Inputs and pings beyond it are not made.
const maxOut = 64 << 10

// A phase is where the connection stands.
type phase uint8

const (
	phaseIdle    phase = iota // no socket, none had
	phaseJoining              // HELLO sent
	phasePlaying              // WELCOME received
	phaseLost                 // between sockets
	phaseDone                 // stopped for good
)

// A Core is one session's side of the protocol. It is not safe for concurrent use. Times are durations since any origin that
// stays the same, and never go back.
//
//	c := New(cfg)
//	c.Start(now)                       // the socket is open
//	c.Receive(now, message)            // each binary message
//	c.Tick(now)                        // at c.NextTimer() or more often
//	for m := c.Outgoing(); m != nil; m = c.Outgoing() { write(m) }
//	c.Lost(now, code, reason)          // the socket is gone
//	next := c.NextDial(now)            // what now
type Core struct {
	// Immutable after New.
	on      Handlers
	sdk     string
	schemas *Schemas
	rand    func() float64

	phase    phase
	token    string // what the next HELLO shows: the seat's token, then the newest resume key
	resuming bool   // token is a resume key
	game     *Game  // nil before the first WELCOME

	session session
	state   stateSide
	inputs  inputRing
	msgs    msgRing
	clock   Clock
	retry   retry
	move    move
	stats   Stats

	// Of the present socket.
	started   time.Duration
	heard     time.Duration // last message received
	pings     int           // sent
	nextPing  time.Duration
	lastAck   time.Duration // an ACK or an INPUT went out
	ackedTick uint32
	ackedSeq  uint32
	out       outQueue
}

// Stats counts since New.
type Stats struct {
	BytesIn, BytesOut          uint64 // message payloads, without WebSocket headers
	Messages                   uint64 // received
	States, Snapshots          uint64 // state frames applied
	Skipped                    uint64 // states the server left out
	DecodeErrors               uint64 // state frames that did not apply
	HashChecks, HashMismatches uint64
	Resyncs                    uint64 // snapshots asked for
	Events, Replies            uint64
	EventGaps                  uint64 // numbers that never came
	Inputs                     uint64
	InputsLost                 uint64 // wanted again after a resume, and no longer kept
	Welcomes, Resumes          uint64
}

// New returns a Core that has no socket yet.
func New(cfg Config) *Core {
	c := &Core{on: cfg.On, sdk: cfg.SDK, schemas: cfg.Schemas, rand: cfg.Rand, token: cfg.Token}
	if c.sdk == "" {
		c.sdk = "ringside-go"
	}
	if c.schemas == nil {
		c.schemas = new(Schemas)
	}
	if c.rand == nil {
		c.rand = rand.Float64
	}
	c.retry.url = cfg.URL
	c.retry.grace = defaultGrace
	if s := cfg.Saved; s != nil {
		c.token, c.resuming = s.Key, true
		c.session.id, c.session.room, c.session.eventSeq = s.Session, s.Room, s.EventSeq
		c.inputs.seq, c.msgs.ref = s.InSeq, s.MsgRef
		c.inputs.low = s.InSeq + 1
		c.retry.urls = s.URLs
		if cfg.URL == "" {
			c.retry.url = s.URL
		}
	}
	return c
}

// Start is called when a socket is open and upgraded; it makes HELLO.
func (c *Core) Start(now time.Duration) {
	c.phase = phaseJoining
	c.started, c.heard, c.lastAck, c.nextPing = now, now, now, now
	c.pings = 0
	c.out.reset()
	c.state.based, c.state.asked = false, false
	c.out.put(func(dst []byte) []byte { return c.appendHello(dst, c.token) })
}

func (c *Core) appendHello(dst []byte, token string) []byte {
	h := wire.Hello{VMin: wire.Version, VMax: wire.Version, Token: token, SDK: c.sdk, Resuming: c.resuming || token != c.token}
	if h.Resuming {
		h.Resume = wire.Resume{Session: c.session.id, InSeq: c.inputs.seq, EventSeq: c.session.eventSeq}
		if cur := c.state.cur(); cur != nil {
			h.Resume.Epoch, h.Resume.Tick = cur.Epoch, cur.Tick
		}
		c.state.keepMany()
	}
	switch {
	case c.game != nil:
		h.SchemaHash = c.game.Hash
	default:
		h.SchemaHash = c.schemas.newest()
	}
	return wire.AppendHello(dst, &h)
}

// Receive takes one binary message, which it does not keep. After an error the caller closes the socket and calls Lost.
func (c *Core) Receive(now time.Duration, msg []byte) error {
	if c.phase != phaseJoining && c.phase != phasePlaying {
		return nil // a late message of a socket already given up
	}
	if len(msg) > wire.MaxServerMessage {
		return fmt.Errorf("%w: a message of %d bytes", ErrProtocol, len(msg))
	}
	c.heard = now
	c.stats.Messages++
	c.stats.BytesIn += uint64(len(msg))
	t, err := wire.PeekType(msg)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	case t >= wire.FirstExtension:
		return nil
	case c.phase == phaseJoining && t != wire.TypeWelcome && t != wire.TypeErr && t != wire.TypeEnd:
		return fmt.Errorf("%w: %v before WELCOME", ErrProtocol, t)
	case c.phase == phasePlaying && t == wire.TypeWelcome:
		return fmt.Errorf("%w: a second WELCOME", ErrProtocol)
	}
	if err := c.dispatch(now, t, msg); err != nil {
		return fmt.Errorf("%w: %v: %w", ErrProtocol, t, err)
	}
	return nil
}

func (c *Core) dispatch(now time.Duration, t wire.Type, msg []byte) error {
	switch t {
	case wire.TypeDelta, wire.TypeDeltaB, wire.TypeSnapshot:
		c.receiveState(now, msg)
		return nil
	case wire.TypeHash:
		return c.receiveHash(now, msg)
	case wire.TypePong:
		return c.receivePong(now, msg)
	case wire.TypeEvent:
		return c.receiveEvent(now, msg)
	case wire.TypeReply:
		return c.receiveReply(now, msg)
	case wire.TypeRoster:
		return c.receiveRoster(now, msg)
	case wire.TypeStat:
		return c.receiveStat(now, msg)
	case wire.TypeWelcome:
		return c.receiveWelcome(now, msg)
	case wire.TypeMoved:
		return c.receiveMoved(now, msg)
	case wire.TypeErr:
		return c.receiveErr(now, msg)
	case wire.TypeEnd:
		return c.receiveEnd(now, msg)
	}
	return errUnknownType
}

var errUnknownType = errors.New("no type of a server")

// Tick sends what is due: pings and acknowledgements. Call it at NextTimer, or as often as is convenient.
func (c *Core) Tick(now time.Duration) error {
	switch c.phase {
	case phaseJoining:
		if now-c.started > welcomeTimeout {
			return ErrSilent
		}
		return nil
	case phasePlaying:
	default:
		return nil
	}
	if now-c.heard > c.session.silence {
		return ErrSilent
	}
	if now >= c.nextPing && !c.out.full() {
		c.sendPing(now)
	}
	switch {
	case now-c.lastAck < ackEvery:
	case c.ackedTick != c.state.tick() || c.ackedSeq != c.session.eventSeq:
		c.sendAck(now)
	default:
		c.lastAck = now // nothing new to acknowledge: look again later
	}
	return nil
}

// NextTimer is when Tick has something to do.
func (c *Core) NextTimer() time.Duration {
	switch c.phase {
	case phaseJoining:
		return c.started + welcomeTimeout
	case phasePlaying:
		return min(c.nextPing, c.lastAck+ackEvery, c.heard+c.session.silence)
	}
	return 1<<63 - 1
}

func (c *Core) sendPing(now time.Duration) {
	c.pings++
	c.nextPing = now + slowPing
	if c.pings < fastPings {
		c.nextPing = now + fastPing
	}
	c.out.open()
	c.out.buf = wire.AppendPing(c.out.buf, wire.Ping{ClientUS: uint64(now / time.Microsecond)})
	c.stats.BytesOut += c.out.close()
}

func (c *Core) sendAck(now time.Duration) {
	c.noteAck(now)
	c.ackedSeq = c.session.eventSeq
	c.out.open()
	c.out.buf = wire.AppendAck(c.out.buf, wire.Ack{Tick: c.ackedTick, EventSeq: c.session.eventSeq})
	c.stats.BytesOut += c.out.close()
}

// noteAck remembers that a frame with the newest tick goes out now.
func (c *Core) noteAck(now time.Duration) {
	c.lastAck = now
	c.ackedTick = c.state.tick()
}

// Outgoing returns the next message to send, nil when there is none. It is valid until the Core is called again.
func (c *Core) Outgoing() []byte { return c.out.next() }

// Playing reports whether the session is open on a socket.
func (c *Core) Playing() bool { return c.phase == phasePlaying }

// Stats returns the counters so far.
func (c *Core) Stats() Stats { return c.stats }

// Clock returns the estimate of the server's clock.
func (c *Core) Clock() *Clock { return &c.clock }

// Game returns the schema, nil before the first WELCOME.
func (c *Core) Game() *Game { return c.game }
