package host

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/internal/ws"
)

const (
	confirmTimeout = 5 * time.Second // of one seat, waiting for its turn included
	refuseTimeout  = time.Second     // to tell a client why, and for it to hear it
)

// What a client may send before its HELLO is whole. A greeting reads as fast as bytes come, and answers pings one by one: without
// a bound whoever says anything but HELLO has a goroutine of his own for HelloTimeout, and the processor with it.
const (
	maxBeforeHello = 8 * wire.MaxHello // bytes: HELLO in fragments of one byte fits
	maxOtherFrames = 240               // pings, pongs and extensions: as many as of a player in a second
)

// A greeting is a connection between its upgrade and its room: it has a goroutine, the HTTP server's.
type greeting struct {
	host   *Host
	room   *hosted
	conn   net.Conn
	parser ws.Parser
	buf    []byte // received and not parsed
	taken  int    // bytes received
	others int    // messages that were not HELLO
}

// A refusedError is why a connection does not get further.
type refusedError struct {
	code    wire.CloseCode
	text    string
	retryMS uint32
}

func (e *refusedError) Error() string { return e.text }

func refuse(code wire.CloseCode) error { return &refusedError{code: code, text: code.Reason()} }

// errGone is a client that closed before it was let in; there is nobody to tell.
var errGone = errors.New("client is gone")

// run lets the client introduce itself; true means that the room's worker has the connection.
func (g *greeting) run() bool {
	h := g.host
	err := g.admit()
	if err == nil {
		return true
	}
	var no *refusedError
	switch {
	case errors.As(err, &no):
		h.stats.closed(no.code)
		g.tell(no)
	default:
		h.stats.closed(lostCode)
	}
	g.conn.Close()
	h.cfg.Log.Debug().Err(err).Str("room", g.room.Room).Msg("connection refused")
	return false
}

func (g *greeting) admit() error {
	h := g.host
	_ = g.conn.SetReadDeadline(time.Now().Add(h.cfg.HelloTimeout)) // only fails on a connection that is closed
	stop := context.AfterFunc(h.ctx, func() { _ = g.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	hello, err := g.readHello()
	if err != nil {
		return err
	}
	join, err := g.join(hello)
	if err != nil {
		return err
	}
	if !stop() {
		return g.drained()
	}
	_ = g.conn.SetDeadline(time.Time{})
	return g.handOver(join)
}

func (g *greeting) drained() error {
	return &refusedError{code: wire.CloseDraining, text: "the node is going away"}
}

// readHello reads the first frame, within the deadline.
func (g *greeting) readHello() (wire.Hello, error) {
	var in [2048]byte
	g.taken = len(g.buf)
	for {
		for len(g.buf) > 0 {
			m, n, err := g.parser.Next(g.buf, wire.MaxHello)
			g.buf = g.buf[n:]
			if err != nil {
				return wire.Hello{}, &refusedError{code: ws.CloseCode(err), text: err.Error()}
			}
			hello, ok, err := g.message(m)
			if ok || err != nil {
				return hello, err
			}
			if m.Op != ws.None {
				g.others++
			}
		}
		if g.others > maxOtherFrames || g.taken > maxBeforeHello {
			return wire.Hello{}, refuse(wire.CloseRate)
		}
		n, err := g.conn.Read(in[:])
		g.taken += n
		g.host.stats.BytesReceived.Add(uint64(n))
		g.buf = append(g.buf, in[:n]...)
		switch {
		case n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded) && g.host.ctx.Err() != nil:
			return wire.Hello{}, g.drained()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return wire.Hello{}, refuse(wire.CloseSilent)
		case err != nil:
			return wire.Hello{}, errGone
		}
	}
}

// message takes one message before HELLO; ok means that it was HELLO.
func (g *greeting) message(m ws.Message) (hello wire.Hello, ok bool, err error) {
	switch m.Op {
	case ws.Ping:
		return hello, false, g.write(ws.AppendPong(nil, m.Payload))
	case ws.Close:
		_ = g.write(ws.AppendClose(nil, ws.ParseClose(m.Payload), "")) // it is leaving
		return hello, false, errGone
	case ws.Binary:
		g.host.stats.FramesReceived.Add(1)
	default:
		return hello, false, nil
	}
	t, err := wire.PeekType(m.Payload)
	switch {
	case err != nil:
		return hello, false, refuse(wire.CloseMalformed)
	case t >= wire.FirstExtension:
		return hello, false, nil
	case t != wire.TypeHello:
		return hello, false, refuse(wire.CloseUnexpected)
	}
	if hello, err = wire.ParseHello(m.Payload); err != nil {
		return hello, false, refuse(wire.CloseMalformed)
	}
	if hello.VMin > wire.Version || hello.VMax < wire.Version {
		return hello, false, refuse(wire.CloseVersion)
	}
	return hello, true, nil
}

// join makes of a HELLO what the engine is asked, with seats checked and confirmed.
func (g *greeting) join(hello wire.Hello) (engine.Join, error) {
	j := engine.Join{SchemaHash: hello.SchemaHash}
	_, _ = rand.Read(j.NewSecret[:]) // never fails
	if engine.IsKey(hello.Token) {
		id, session, secret, err := engine.ParseKey(hello.Token)
		if err != nil || id != g.room.Room {
			return j, &refusedError{code: wire.CloseToken, text: "the key is not of this room"}
		}
		j.Resuming, j.Session, j.Secret, j.Have = true, session, secret, hello.Resume
		return j, nil
	}
	h := g.host
	ctx, cancel := context.WithTimeout(h.ctx, confirmTimeout)
	defer cancel()
	seat, _, err := h.cfg.Seats.Verify(hello.Token, g.room.Room)
	switch {
	case err != nil, g.over():
	case slices.Contains(g.room.unknown, seat.ID):
		err = ErrToken // the directory may call it taken still, but has been, or is about to be, told that it is free
	default:
		g.room.remember(seat.ID)
		err = g.confirm(ctx, seat.ID)
	}
	if err != nil {
		h.cfg.Log.Debug().Err(err).Str("room", g.room.Room).Msg("seat refused")
		code, text, retry := refusal(err)
		return j, &refusedError{code: code, text: text, retryMS: retry}
	}
	j.Seat, j.Token = seat, hello.Token
	return j, nil
}

// over reports whether the room ended before it ran, of which its players are told whatever the directory says of their seats.
func (g *greeting) over() bool {
	g.host.mu.RLock()
	defer g.host.mu.RUnlock()
	return g.room.early
}

// confirm waits for its turn and confirms the seat.
func (g *greeting) confirm(ctx context.Context, seat uint64) error {
	select {
	case g.host.confirms <- struct{}{}:
		defer func() { <-g.host.confirms }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return g.host.cfg.Seats.Confirm(ctx, g.room.Room, g.room.Epoch, seat)
}

// handOver gives the connection to the room's worker, if the room still runs.
func (g *greeting) handOver(j engine.Join) error {
	h := g.host
	h.mu.RLock()
	state := g.room.state
	code, text := wire.CloseCode(0), ""
	if state != running {
		code, text = g.room.closeOf()
	}
	h.mu.RUnlock()
	if code != 0 {
		return &refusedError{code: code, text: text}
	}
	l, err := h.newLink(g.conn)
	if err != nil {
		return err
	}
	if !g.room.arrive(arrival{link: l, parser: g.parser, rest: g.buf, join: j}) {
		l.close()
		return errBusy
	}
	return nil
}

// errBusy is a worker with too many arrivals. The client finds a lost socket and comes again.
var errBusy = errors.New("too many arrivals")

func (g *greeting) write(b []byte) error {
	_ = g.conn.SetWriteDeadline(time.Now().Add(refuseTimeout))
	n, err := g.conn.Write(b)
	g.host.stats.BytesSent.Add(uint64(n))
	return err
}

// tell explains a refusal and gives the client time to hear it: closing a socket with unread bytes in it takes back what
// was sent.
func (g *greeting) tell(no *refusedError) {
	var b []byte
	if no.code >= wire.CloseLeft {
		e := wire.AppendErr(nil, wire.Err{Code: uint32(no.code), Text: no.text, RetryMS: no.retryMS})
		b = append(ws.AppendHeader(b, len(e)), e...)
	}
	if g.write(ws.AppendClose(b, no.code, no.text)) != nil {
		return
	}
	if c, ok := g.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_ = g.conn.SetReadDeadline(time.Now().Add(refuseTimeout))
	_, _ = io.CopyN(io.Discard, g.conn, 1<<16) // to its end, its deadline or its patience
}
