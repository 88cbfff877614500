package hostile_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

const soon = 5 * time.Second // what happens at the next tick, on a machine that is busy

// A guest is a raw peer that was let into a room.
type guest struct {
	*rig.Raw
	welcome wire.Welcome
}

// enterBy opens a socket and says HELLO; it may be called from any goroutine.
func enterBy(node *rig.Node, room string, hello *wire.Hello) (*guest, error) {
	r, err := rig.Connect(node.Addr, "")
	if err != nil {
		return nil, err
	}
	g := &guest{Raw: r}
	if err := errors.Join(r.Upgrade(room), r.Send(wire.AppendHello(nil, hello))); err != nil {
		r.Close()
		return nil, err
	}
	_, first, err := r.Message(soon)
	if err == nil {
		g.welcome, err = wire.ParseWelcome(first)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("WELCOME: %w: % x", err, first)
	}
	return g, nil
}

func seatHello(s client.Seat) *wire.Hello {
	return &wire.Hello{VMin: 1, VMax: 1, Token: s.Token, SDK: "hostile"}
}

// keyHello comes back to the session of g.
func keyHello(g *guest) *wire.Hello {
	return &wire.Hello{VMin: 1, VMax: 1, Token: g.welcome.Key, Resuming: true, Resume: wire.Resume{Session: g.welcome.Session}, SDK: "hostile"}
}

// admit takes a seat of a new room of the rogue game, in which nothing happens by itself.
func admit(t *testing.T, node *rig.Node) *guest {
	t.Helper()
	room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 1)
	return take(t, node, room, seats[0])
}

// take takes a seat.
func take(t *testing.T, node *rig.Node, room string, seat client.Seat) *guest {
	t.Helper()
	g, err := enterBy(node, room, seatHello(seat))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// knock opens a socket of a room and says nothing yet.
func knock(t *testing.T, node *rig.Node, room string) *rig.Raw {
	t.Helper()
	r := connect(t, node)
	if err := r.Upgrade(room); err != nil {
		t.Fatal(err)
	}
	return r
}

func connect(t *testing.T, node *rig.Node) *rig.Raw {
	t.Helper()
	r, err := rig.Connect(node.Addr, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// push sends bytes to a server that may have closed meanwhile: what it answered shows that.
func push(r *rig.Raw, b []byte) { _ = r.Push(b) }

// met asserts how a connection ends: with the code, and a FIN behind it.
func met(t *testing.T, what string, e rig.Ending, code wire.CloseCode) string {
	t.Helper()
	if e.Code != int(code) || e.TCP != "FIN" || e.Junk > 0 {
		t.Errorf("%s met with %v and %d frames behind the close, want %d and FIN", what, e, e.Junk, code)
	}
	return e.String()
}

// replies reads until n REPLYs have come.
func (g *guest) replies(t *testing.T, n int) (got []wire.Reply) {
	t.Helper()
	for len(got) < n {
		head, b, err := g.Message(soon)
		if err != nil || head == rig.CloseFrame {
			t.Fatalf("%d of %d REPLYs came, then %v %x", len(got), n, err, b)
		}
		if typ, _ := wire.PeekType(b); typ == wire.TypeReply {
			r, err := wire.ParseReply(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
	}
	return got
}

// alive asks for a PONG: nil if it comes, and so what was sent before it has been read.
func (g *guest) alive() error {
	_, err := g.heard()
	return err
}

// heard is alive that returns how many REPLYs came before the PONG.
func (g *guest) heard() (replies int, err error) {
	const mark = 1<<40 + 77
	if err := g.Send(wire.AppendPing(nil, wire.Ping{ClientUS: mark})); err != nil {
		return 0, err
	}
	for {
		head, b, err := g.Message(soon)
		if err != nil {
			return replies, err
		}
		if head == rig.CloseFrame {
			return replies, fmt.Errorf("closed with %x", b)
		}
		switch typ, _ := wire.PeekType(b); typ {
		case wire.TypeReply:
			replies++
		case wire.TypePong:
			if p, err := wire.ParsePong(b); err == nil && p.ClientUS == mark {
				return replies, nil
			}
		}
	}
}

// states reads until n state frames have come, and returns the head of the last.
func (g *guest) states(n int) (last wire.State, err error) {
	for n > 0 {
		head, b, err := g.Message(soon)
		if err == nil && head == rig.CloseFrame {
			err = fmt.Errorf("closed with %x", b)
		}
		if err != nil {
			return last, err
		}
		switch typ, _ := wire.PeekType(b); typ {
		case wire.TypeSnapshot, wire.TypeDelta, wire.TypeDeltaB:
			if last, err = wire.ParseState(b); err != nil {
				return last, err
			}
			n--
		}
	}
	return last, nil
}

// refused says HELLO and asserts with which code it is refused.
func refused(t *testing.T, node *rig.Node, room string, hello *wire.Hello, code wire.CloseCode) string {
	t.Helper()
	r := knock(t, node, room)
	push(r, rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, hello)))
	return met(t, "HELLO", r.Ending(soon), code)
}
