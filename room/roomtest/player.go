package roomtest

import (
	"errors"
	"fmt"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// A Player is somebody in the room of a Bench: a connection and what has come over it.
type Player struct {
	Slot int
	Name string

	bench      *Bench
	main, twin *client

	stalled int // ticks for which the connection takes nothing
	gone    bool
	seq     uint32 // of the newest input
	ref     uint32 // of the newest message
	replies map[uint32]*Reply
	held    []int32 // the input a random player repeats
}

func (p *Player) client(twin bool) *client {
	if twin {
		return p.twin
	}
	return p.main
}

// Connected says that the player is in the room and its connection stands.
func (p *Player) Connected() bool {
	return p.main.session != nil && p.main.session.Conn() == p.main.conn
}

// Closed returns the code with which the player's connection was closed and the text the player reads, 0 while it stands and
// after Drop.
func (p *Player) Closed() (code int, text string) { return p.main.closedCode, p.main.closedText }

// receive hands a frame of the player's to the rooms.
func (p *Player) receive(frame []byte) {
	p.bench.Helper()
	if !p.Connected() {
		p.bench.Fatalf("%s is not connected (closed with %d %q)", p.Name, p.main.closedCode, p.main.closedText)
	}
	for i, s := range p.bench.sides() {
		if c := p.client(i == 1); c.session != nil {
			if code := s.room.Receive(c.session, frame); code != 0 {
				p.bench.Fatalf("the room refused a frame of %s: %v (% x)", p.Name, code, frame)
			}
		}
	}
}

// Input sends an input, a value of the game's Input struct, for a coming tick to use. What does not fit a field's range is
// sent as it is, as a modified client would.
func (p *Player) Input(in any) {
	p.bench.Helper()
	p.inputs(p.bench.inputValues(in))
}

// inputs sends the values of one or more inputs.
func (p *Player) inputs(vals []int32) {
	p.bench.Helper()
	p.seq += uint32(len(vals) / len(p.bench.prog.Schema.Input.Fields))
	p.receive(wire.AppendInput(nil, p.seq, p.main.tick(), 0, vals))
}

// A Reply is the answer to a message.
type Reply struct {
	Answered bool
	code     uint32
	text     string
}

// Errors of a message that never reached the game.
var (
	ErrUnanswered = errors.New("not answered yet")
	ErrTooMany    = errors.New("too many messages")
	ErrMalformed  = errors.New("malformed message")
)

// Err is nil if the game did as it was asked, and what the player was told if not.
func (r *Reply) Err() error {
	switch {
	case !r.Answered:
		return ErrUnanswered
	case r.code == wire.ReplyDone:
		return nil
	case r.code == wire.ReplyTooMany:
		return ErrTooMany
	case r.code == wire.ReplyMalformed:
		return ErrMalformed
	case r.code == wire.ReplyNoMessage:
		return errors.New("the game has no such message")
	}
	return errors.New(r.text)
}

// Send sends a message: a value of the struct of one of the game's Messages. The next tick answers.
func (p *Player) Send(msg any) *Reply {
	p.bench.Helper()
	return p.message(p.bench.messageOf(msg), msg)
}

// SendAs is Send for a game in which several messages have the same struct.
func (p *Player) SendAs(name string, msg any) *Reply {
	p.bench.Helper()
	for i, m := range p.bench.prog.Schema.Messages {
		if m.Name == name {
			return p.message(i, msg)
		}
	}
	p.bench.Fatalf("the game has no message %q", name)
	return nil
}

func (p *Player) message(id int, msg any) *Reply {
	p.bench.Helper()
	return p.payload(id, p.bench.appendPayload(nil, p.bench.prog.Schema.Messages[id].Fields, msg))
}

func (p *Player) payload(id int, payload []byte) *Reply {
	p.bench.Helper()
	p.ref++
	p.receive(wire.AppendMsg(nil, wire.Msg{Ref: p.ref, ID: uint32(id), Payload: payload}))
	if p.replies == nil {
		p.replies = make(map[uint32]*Reply)
	}
	r := &Reply{}
	p.replies[p.ref] = r
	return r
}

// Ask is Send, one tick, and the answer.
func (p *Player) Ask(msg any) error {
	p.bench.Helper()
	r := p.Send(msg)
	p.bench.Tick(1)
	return r.Err()
}

func (p *Player) acknowledge() {
	p.receive(wire.AppendAck(nil, wire.Ack{Tick: p.main.tick(), EventSeq: p.main.eventSeq}))
}

// Leave gives the seat up. It takes one tick.
func (p *Player) Leave() {
	p.bench.Helper()
	p.askLeave()
	p.bench.Tick(1)
}

func (p *Player) askLeave() {
	p.receive(wire.AppendLeave(nil))
	p.gone = true
	p.bench.forget(p)
}

// Drop loses the connection without a word: from the next tick on the player is away.
func (p *Player) Drop() {
	for i, s := range p.bench.sides() {
		if c := p.client(i == 1); c.session != nil {
			s.room.Lost(c.session, c.conn)
			c.session = nil
		}
	}
	p.stalled = 0
}

// Resume comes back with the key of the lost connection. It takes one tick, and fails the test if the session is no longer
// held.
func (p *Player) Resume() {
	p.bench.Helper()
	p.askResume()
	p.bench.Tick(1)
	if !p.Connected() {
		p.bench.Fatalf("Resume %q: %d %s", p.Name, p.main.closedCode, p.main.closedText)
	}
}

func (p *Player) askResume() {
	b := p.bench
	b.conns++
	for i, s := range b.sides() {
		c := p.client(i == 1)
		_, session, key, err := engine.ParseKey(c.welcome.Key)
		if err != nil {
			b.Fatalf("Resume %q: %v", p.Name, err)
		}
		c.conn, c.session, c.closedCode, c.closedText = b.conns, nil, 0, ""
		have := wire.Resume{Session: session, Tick: c.tick(), InSeq: p.seq, EventSeq: c.eventSeq}
		if c.state != nil {
			have.Epoch = c.state.Epoch
		}
		s.room.Join(engine.Join{Conn: c.conn, Resuming: true, Session: session, Secret: key, Have: have, NewSecret: secret(c.conn)})
	}
}

func (p *Player) String() string { return fmt.Sprintf("%s (slot %d)", p.Name, p.Slot) }
