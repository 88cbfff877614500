package host

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

const patience = 10 * time.Second // how long a test waits for what must happen

// A client is a player written from docs/PROTOCOL.md with wire and view, and nothing of the engine. It checks all it is sent.
type client struct {
	tb   testing.TB
	conn net.Conn
	in   *bufio.Reader

	welcome  wire.Welcome
	welcomed bool
	layout   *view.Layout
	states   []*view.Frame // the newest last, at most 32
	inSeq    uint32
	seq      uint32 // of the newest input sent
	ref      uint32
	newest   wire.Type // of state frames
	hashes   int
	rosters  int
	events   []wire.Event
	replies  []wire.Reply
	pongs    []wire.Pong
	wsPongs  int
	errFrame *wire.Err
	end      *wire.End
	closed   bool           // a close frame came, or the end of the stream
	code     wire.CloseCode // 0: lost
	reason   string
}

// dial opens a WebSocket that has said nothing yet.
func dial(tb testing.TB, url string) *client {
	tb.Helper()
	return dialOver(tb, url, nil)
}

// dialOver is dial with what TLS is to trust.
func dialOver(tb testing.TB, url string, trust *tls.Config) *client {
	tb.Helper()
	d := ws.Dialer{Protocols: []string{wire.Subprotocol}, Timeout: patience, TLSConfig: trust}
	conn, br, hs, err := d.Dial(context.Background(), url)
	if err != nil {
		tb.Fatalf("dial %s: %v", url, err)
	}
	if hs.Protocol != wire.Subprotocol || len(hs.Extensions) > 0 {
		tb.Fatalf("handshake: %+v", hs)
	}
	tb.Cleanup(func() { conn.Close() })
	return newClient(tb, conn, br)
}

// tcp is the socket below.
func (c *client) tcp() *net.TCPConn {
	if secure, ok := c.conn.(*tls.Conn); ok {
		return secure.NetConn().(*net.TCPConn)
	}
	return c.conn.(*net.TCPConn)
}

func newClient(tb testing.TB, conn net.Conn, in *bufio.Reader) *client {
	if in == nil {
		in = bufio.NewReader(conn)
	}
	return &client{tb: tb, conn: conn, in: in}
}

func masked(op ws.OpCode, payload []byte) []byte {
	return ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, true, payload), [4]byte{1, 2, 3, 4}))
}

func (c *client) send(frame []byte) { c.raw(masked(ws.OpBinary, frame)) }

func (c *client) raw(b []byte) {
	c.tb.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(b); err != nil && !c.closed {
		c.tb.Logf("write: %v", err) // the server may have closed: the test sees that when it reads
	}
}

func helloFrame(token string, resume *wire.Resume) []byte {
	h := wire.Hello{VMin: 1, VMax: 1, Token: token, SDK: "host test"}
	if resume != nil {
		h.Resuming, h.Resume = true, *resume
	}
	return wire.AppendHello(nil, &h)
}

func (c *client) hello(token string, resume *wire.Resume) { c.send(helloFrame(token, resume)) }

// resume is what a HELLO says of what this client holds.
func (c *client) holds() *wire.Resume {
	r := &wire.Resume{Session: c.welcome.Session, InSeq: c.seq}
	if f := c.cur(); f != nil {
		r.Epoch, r.Tick = f.Epoch, f.Tick
	}
	return r
}

func (c *client) input(dx, dy int32) {
	c.seq++
	tick := uint32(0)
	if f := c.cur(); f != nil {
		tick = f.Tick
	}
	c.send(wire.AppendInput(nil, c.seq, tick, 0, []int32{dx, dy}))
}

func (c *client) order(what int) {
	c.ref++
	payload := wire.AppendInt(wire.AppendArrayLen(nil, 1), int64(what))
	c.send(wire.AppendMsg(nil, wire.Msg{Ref: c.ref, ID: 0, Payload: payload}))
}

func (c *client) cur() *view.Frame {
	if len(c.states) == 0 {
		return nil
	}
	return c.states[len(c.states)-1]
}

// dot is where a player's dot stands in the newest state.
func (c *client) dot(slot uint32) (x, y int32, ok bool) {
	if c.cur() == nil {
		return 0, 0, false
	}
	vals := c.cur().Find(0, slot)
	if vals == nil {
		return 0, 0, false
	}
	return vals[0], vals[1], true
}

// until reads until cond holds; the connection's end is the end of the test unless cond asked for it.
func (c *client) until(what string, cond func() bool) {
	c.tb.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if c.closed {
			c.tb.Fatalf("waiting for %s: closed with %d %q (err %+v)", what, c.code, c.reason, c.errFrame)
		}
		if !c.read(deadline) {
			c.tb.Fatalf("waiting for %s: nothing came", what)
		}
	}
}

// untilClosed reads to the close frame and returns its code, 0 for a lost socket.
func (c *client) untilClosed() wire.CloseCode {
	c.tb.Helper()
	c.until("close", func() bool { return c.closed })
	return c.code
}

func (c *client) untilWelcome() {
	c.tb.Helper()
	c.until("a state", func() bool { return c.welcomed && c.cur() != nil })
}

// read takes one message; false after the deadline.
func (c *client) read(deadline time.Time) bool {
	c.tb.Helper()
	_ = c.conn.SetReadDeadline(deadline)
	h, err := ws.ReadHeader(c.in)
	var payload []byte
	if err == nil {
		payload = make([]byte, h.Length)
		_, err = io.ReadFull(c.in, payload)
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return false
	}
	if err != nil {
		c.closed = true
		return true
	}
	if h.Masked || h.Rsv != 0 || !h.Fin {
		c.tb.Fatalf("header %+v", h)
	}
	switch h.OpCode {
	case ws.OpClose:
		c.closed = true
		if len(payload) >= 2 {
			c.code, c.reason = wire.CloseCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
	case ws.OpPong:
		c.wsPongs++
	case ws.OpBinary:
		c.take(payload)
	default:
		c.tb.Fatalf("header %+v", h)
	}
	return true
}

func must[T any](c *client, x T, err error) T {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatalf("%T: %v", x, err)
	}
	return x
}

func parse[T any](c *client, f func([]byte) (T, error), frame []byte) T {
	c.tb.Helper()
	x, err := f(frame)
	return must(c, x, err)
}

func (c *client) take(frame []byte) {
	c.tb.Helper()
	t, err := wire.PeekType(frame)
	if err != nil {
		c.tb.Fatal(err)
	}
	switch t {
	case wire.TypeWelcome:
		c.takeWelcome(parse(c, wire.ParseWelcome, frame))
	case wire.TypeSnapshot, wire.TypeDelta, wire.TypeDeltaB:
		c.takeState(parse(c, wire.ParseState, frame))
	case wire.TypeHash:
		h := parse(c, wire.ParseHash, frame)
		if got := c.cur().Hash(); h.Tick != c.cur().Tick || h.Hash != got {
			c.tb.Fatalf("hash of tick %d is %#x, hold tick %d with %#x", h.Tick, h.Hash, c.cur().Tick, got)
		}
		c.hashes++
	case wire.TypeRoster:
		parse(c, wire.ParseRoster, frame)
		c.rosters++
	case wire.TypeEvent:
		c.events = append(c.events, parse(c, wire.ParseEvent, frame))
	case wire.TypeReply:
		c.replies = append(c.replies, parse(c, wire.ParseReply, frame))
	case wire.TypePong:
		c.pongs = append(c.pongs, parse(c, wire.ParsePong, frame))
	case wire.TypeErr:
		e := parse(c, wire.ParseErr, frame)
		c.errFrame = &e
	case wire.TypeEnd:
		e := parse(c, wire.ParseEnd, frame)
		c.end = &e
	default:
		c.tb.Fatalf("unexpected %v", t)
	}
}

func (c *client) takeWelcome(w wire.Welcome) {
	c.tb.Helper()
	c.welcome, c.welcomed = w, true
	schema, err := view.ParseSchema(w.Schema)
	if err != nil {
		c.tb.Fatal(err)
	}
	if c.layout, err = view.Compile(schema); err != nil {
		c.tb.Fatal(err)
	}
	if w.Resumed == wire.ResumedNew {
		c.states = nil
	}
	c.seq = max(c.seq, w.InSeq)
}

func (c *client) takeState(s wire.State) {
	c.tb.Helper()
	var base *view.Frame
	switch s.Type {
	case wire.TypeDelta:
		base = c.cur()
		s.Epoch, s.Tick, s.InSeq = base.Epoch, base.Tick+s.Tick, c.inSeq+s.InSeq
	case wire.TypeDeltaB:
		for _, f := range c.states {
			if f.Epoch == s.BaseEpoch && f.Tick == s.BaseTick {
				base = f
			}
		}
		if base == nil {
			c.tb.Fatalf("DELTAB on (%d, %d), which the client does not hold", s.BaseEpoch, s.BaseTick)
		}
	}
	f := c.layout.NewClientFrame()
	if err := view.Decode(f, base, &s.Body, s.Elements, s.Flags&wire.FlagPrivateFresh != 0); err != nil {
		c.tb.Fatalf("%v: %v", s.Type, err)
	}
	f.Epoch, f.Tick, c.inSeq, c.newest = s.Epoch, s.Tick, s.InSeq, s.Type
	c.states = append(c.states, f)
	if len(c.states) > 32 {
		c.states = c.states[1:]
	}
}

// get asks over plain HTTP, for refusals before the upgrade.
func get(tb testing.TB, url string, header http.Header) (*http.Response, string) {
	tb.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}
