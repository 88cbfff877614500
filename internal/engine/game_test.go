package engine

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// The test game: a dot per player that moves by its inputs, a private counter, a greeting event, a message that may fail.
type dotGame struct{ S dotState }

type dotState struct {
	Dots  room.Table[dot]
	Steps uint32
	Away  int
	Noise uint32
}

type dot struct {
	X, Y  int
	Name  string
	Moves uint32
	Fired uint32
}

type move struct {
	DX, DY int8 `ring:"-1..1"`
	Fire   bool
}

type dotView struct {
	X, Y  int `ring:"pos"`
	Owner int `ring:"owner"`
	Name  string
}

type secret struct{ Moves int }

type greeting struct{ Slot int }

type shout struct {
	Text string `ring:"text(64)"`
}

var (
	moves    = room.Input[move](room.OnePerTick)
	dots     = room.Kind[dotView]("dot")
	secrets  = room.Kind[secret]("secret")
	greets   = room.Event[greeting]("greet")
	shoutMsg = room.Message("shout", 2, (*dotGame).shout)
)

func dotDefinition() room.Definition {
	return room.Definition{
		Name: "dots", MaxPlayers: 8,
		Kinds: []room.AnyKind{dots, secrets}, Input: moves, Messages: []room.AnyMessage{shoutMsg}, Events: []room.AnyEvent{greets},
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &dotGame{}, nil },
	}
}

func (g *dotGame) Join(r *room.Room, p *room.Player) error {
	if p.Name == "Banned" {
		return errors.New("you are banned")
	}
	g.S.Dots.Put(p.Slot, dot{Name: p.Name})
	greets.Broadcast(r, greeting{p.Slot})
	return nil
}

func (g *dotGame) Leave(_ *room.Room, p *room.Player, _ room.Reason) { g.S.Dots.Delete(p.Slot) }
func (g *dotGame) Away(*room.Room, *room.Player)                     { g.S.Away++ }
func (g *dotGame) Back(*room.Room, *room.Player)                     { g.S.Away-- }
func (g *dotGame) State() any                                        { return &g.S }

func (g *dotGame) shout(r *room.Room, p *room.Player, s shout) error {
	switch s.Text {
	case "":
		return errors.New("say something")
	case "kick me":
		greets.Send(r, p, greeting{p.Slot})
		r.Kick(p, "as you wish")
	case "panic":
		panic("shouted too loud")
	case "end":
		r.End(map[string]int{"winner": p.Slot})
	}
	g.S.Dots.Get(p.Slot).Name = s.Text
	return nil
}

func (g *dotGame) Step(r *room.Room) {
	g.S.Steps++
	g.S.Noise = r.Rand().Uint32()
	for p := range r.Players() {
		d := g.S.Dots.Get(p.Slot)
		if in, ok := moves.Next(p); ok {
			d.X += int(in.DX)
			d.Y += int(in.DY)
			d.Moves++
			if in.Fire {
				d.Fired++
			}
		} else if p.Bot {
			d.X += r.Rand().IntN(3) - 1
		}
	}
}

func (g *dotGame) View(r *room.Room, v *room.View) {
	for slot, d := range g.S.Dots.All() {
		dots.Put(v, slot, dotView{d.X, d.Y, slot, d.Name})
		if p := r.Player(slot); p != nil && !p.Bot {
			secrets.Put(v.Only(p), 1, secret{int(d.Moves)})
		}
	}
}

// A bench runs one room with test clients at its sessions.
type bench struct {
	testing.TB
	room    *Room
	clients []*client
	conns   uint64
	clock   uint64
}

// A client is the least that can play: it decodes what it is sent and checks every hash.
type client struct {
	testing.TB
	conn     uint64
	session  *Session
	outcome  *Outcome
	closed   wire.CloseCode
	layout   *view.Layout
	state    *view.Frame
	kept     map[uint32]*view.Frame // by tick
	welcome  wire.Welcome
	inSeq    uint32
	seq      uint32
	events   []wire.Event
	replies  []wire.Reply
	eventSeq uint32
	roster   map[uint32]wire.RosterEntry
	end      *wire.End
	hashes   int
	frames   []wire.Type
	pongs    int
}

func newBench(t testing.TB, def room.Definition, cfg Config) *bench {
	t.Helper()
	prog, err := room.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Program = prog
	if cfg.ID == "" {
		cfg.ID = "testroom"
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{TB: t, room: r}
}

// join asks for a seat and makes the tick that answers.
func (b *bench) join(slot int, name string) *client {
	b.Helper()
	c := b.client()
	b.room.Join(Join{Conn: c.conn, Seat: Seat{ID: uint64(slot) + 100, Slot: slot, PlayerID: name, Name: name}, Token: "token-" + name, NewSecret: secretOf(c.conn)})
	b.tick()
	return c
}

func secretOf(conn uint64) (s Secret) {
	s[0], s[1] = byte(conn), 0xaa
	return s
}

func (b *bench) client() *client {
	b.conns++
	l := b.room.prog.Layout
	c := &client{TB: b.TB, conn: b.conns, layout: l, kept: map[uint32]*view.Frame{}, roster: map[uint32]wire.RosterEntry{}}
	b.clients = append(b.clients, c)
	return c
}

// resume asks for c's session with what c holds, on a new connection.
func (b *bench) resume(c *client, have wire.Resume) {
	b.Helper()
	_, session, key, err := ParseKey(c.welcome.Key)
	if err != nil {
		b.Fatal(err)
	}
	b.conns++
	c.conn, c.outcome, c.closed, c.session = b.conns, nil, 0, nil
	b.room.Join(Join{Conn: c.conn, Resuming: true, Session: session, Secret: key, Have: have, NewSecret: secretOf(c.conn)})
	b.tick()
}

func (b *bench) tick() {
	b.Helper()
	b.clock += 50_000
	b.room.Tick(b.clock)
	for _, o := range b.room.Outcomes() {
		for _, c := range b.clients {
			if c.conn == o.Conn {
				c.outcome, c.session = &o, o.Session
			}
		}
	}
	for _, c := range b.clients {
		if c.session != nil && c.session.Conn() == c.conn {
			b.room.Flush(c.session, c)
		}
	}
	for _, cl := range b.room.Closings() {
		for _, c := range b.clients {
			if c.conn == cl.Conn {
				c.closed, c.session = cl.Code, nil
			}
		}
	}
}

func (b *bench) ticks(n int) {
	b.Helper()
	for range n {
		b.tick()
	}
}

func (b *bench) send(c *client, frame []byte) {
	b.Helper()
	if code := b.room.Receive(c.session, frame); code != 0 {
		b.Fatalf("Receive(%x) = %v", frame, code)
	}
}

func (b *bench) input(c *client, vals ...int32) {
	b.Helper()
	c.seq++
	b.send(c, wire.AppendInput(nil, c.seq, c.state.Tick, 0, vals))
}

// Message is the Sink.
func (c *client) Message(head, shared, private []byte) {
	c.Helper()
	m := append(append(append([]byte(nil), head...), shared...), private...)
	t, err := wire.PeekType(m)
	if err != nil {
		c.Fatalf("frame %x: %v", m, err)
	}
	c.frames = append(c.frames, t)
	must := func(err error) {
		c.Helper()
		if err != nil {
			c.Fatalf("%v %x: %v", t, m, err)
		}
	}
	switch t {
	case wire.TypeWelcome:
		c.welcome, err = wire.ParseWelcome(m)
		must(err)
		if c.welcome.Resumed == wire.ResumedNew {
			c.state = nil
		}
	case wire.TypeSnapshot, wire.TypeDelta, wire.TypeDeltaB:
		c.receiveState(m)
	case wire.TypeHash:
		h, err := wire.ParseHash(m)
		must(err)
		c.hashes++
		if got := c.state.Hash(); h.Tick != c.state.Tick || got != h.Hash {
			c.Fatalf("hash of tick %d: server says %08x, client holds tick %d, %08x", h.Tick, h.Hash, c.state.Tick, got)
		}
	case wire.TypeEvent:
		e, err := wire.ParseEvent(m)
		must(err)
		if e.Seq == c.eventSeq+1 {
			c.eventSeq++
			e.Payload = append([]byte(nil), e.Payload...)
			c.events = append(c.events, e)
		}
	case wire.TypeReply:
		x, err := wire.ParseReply(m)
		must(err)
		if x.Seq == c.eventSeq+1 {
			c.eventSeq++
			x.Payload = append([]byte(nil), x.Payload...)
			c.replies = append(c.replies, x)
		}
	case wire.TypeRoster:
		x, err := wire.ParseRoster(m)
		must(err)
		if x.Full {
			clear(c.roster)
		}
		for _, e := range x.Entries {
			if delete(c.roster, e.Slot); !e.Gone {
				c.roster[e.Slot] = e
			}
		}
	case wire.TypePong:
		c.pongs++
	case wire.TypeEnd:
		e, err := wire.ParseEnd(m)
		must(err)
		c.end = &e
	}
}

func (c *client) receiveState(m []byte) {
	c.Helper()
	st, err := wire.ParseState(m)
	if err != nil {
		c.Fatalf("state %x: %v", m, err)
	}
	var base *view.Frame
	next := c.layout.NewClientFrame()
	next.Epoch, next.Tick = st.Epoch, st.Tick
	switch st.Type {
	case wire.TypeDelta:
		base = c.state
		next.Epoch, next.Tick = base.Epoch, base.Tick+st.Tick
		st.InSeq += c.inSeq
	case wire.TypeDeltaB:
		if base = c.kept[st.BaseTick]; base == nil || base.Epoch != st.BaseEpoch {
			c.Fatalf("DELTAB on (%d, %d), which the client does not hold", st.BaseEpoch, st.BaseTick)
		}
	}
	if err := view.Decode(next, base, &st.Body, st.Elements, st.Flags&wire.FlagPrivateFresh != 0); err != nil {
		c.Fatalf("state %x: %v", m, err)
	}
	c.state, c.inSeq = next, st.InSeq
	c.kept[next.Tick] = next
}

func (c *client) dot(slot int) []int32 { return c.state.Find(0, uint32(slot)) }
