package hostile_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

const framing = "WebSocket"

// A breach is bytes that cost the sender its connection, before HELLO as in play.
type breach struct {
	name string
	want wire.CloseCode
	send [][]byte // each on a connection of its own
	core bool     // under both backends
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func breaches() []breach {
	f, head := rig.Frame, rig.FrameHeader
	long := make([]byte, 130)
	heads := func(op ...byte) (out [][]byte) {
		for _, o := range op {
			out = append(out, f(o, []byte("x")))
		}
		return out
	}
	return []breach{
		{"text", 1003, [][]byte{f(rig.TextFrame, []byte("hello")), f(rig.TextFrame, nil), f(0x01, []byte("half"))}, true},
		{"a frame without a mask", 1002, [][]byte{{0x82, 1, 0x91}, {0x89, 0}}, true},
		{"reserved bits", 1002, heads(0xc2, 0xa2, 0x92, 0xc9), true},
		{"reserved opcodes", 1002, heads(0x83, 0x84, 0x85, 0x86, 0x87, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f), false},
		{"a frame of 2^63 bytes announced", 1002, [][]byte{head(rig.BinaryFrame, 1<<63), head(rig.BinaryFrame, 1<<64-1)}, false},
		{"a frame of 2^32, 2^63-1, 8193 bytes announced", 4005, [][]byte{head(rig.BinaryFrame, 1<<32), head(rig.BinaryFrame, 1<<63-1), head(rig.BinaryFrame, 8193)}, true},
		{"fragments beyond the limit", 4005, [][]byte{join(f(0x02, make([]byte, 4000)), f(0x00, make([]byte, 4000)), f(0x80, make([]byte, 200)))}, true},
		{"fragments of a byte without end", 4005, [][]byte{bytes.Replace(bytes.Repeat(f(0x00, []byte("x")), 8200), []byte{0x00}, []byte{0x02}, 1)}, false},
		{"a message inside of a message", 1002, [][]byte{join(f(0x02, []byte("a")), f(0x82, []byte("b"))), join(f(0x02, []byte("a")), f(0x02, nil))}, true},
		{"the continuation of nothing", 1002, heads(0x80, 0x00), false},
		{"control frames in fragments", 1002, heads(0x08, 0x09, 0x0a), true},
		{"control frames of 126 bytes and more", 1002, [][]byte{f(rig.PingFrame, long), f(rig.CloseFrame, long), f(rig.PongFrame, long[:126]), head(rig.PingFrame, 1<<20)}, true},
		{"8 MiB of arrays in arrays", 4005, [][]byte{head(rig.BinaryFrame, 8<<20)}, false},
		{"pings without end", wire.CloseRate, [][]byte{bytes.Repeat(f(rig.PingFrame, []byte("flood")), 2000)}, true},
		{"pongs without end", wire.CloseRate, [][]byte{bytes.Repeat(f(rig.PongFrame, nil), 2000)}, false},
	}
}

func TestWebSocketBreaches(t *testing.T) {
	for _, backend := range []string{"epoll", "goroutine"} {
		node, others := neighbourhood(t, "-backend", backend)
		rooms := make([]string, 0, 1)
		for _, b := range breaches() {
			name := b.name
			if backend == "goroutine" {
				if name += " (-backend goroutine)"; !b.core {
					continue
				}
			}
			others.Case(t, framing, name, func(t *testing.T) (got string) {
				room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, len(b.send))
				rooms = append(rooms, room)
				for i, bytes := range b.send {
					stranger := knock(t, node, room)
					push(stranger, bytes)
					met(t, "a stranger", stranger.Ending(soon), b.want)
					g := take(t, node, room, seats[i])
					push(g.Raw, bytes)
					e := g.Ending(soon)
					got = met(t, "a player", e, b.want)
					if e.Pings > 20 {
						t.Errorf("%d pongs came", e.Pings)
					}
				}
				return got
			})
		}
		if n := node.Metric(t, `ringside_closes_total`); n < float64(len(rooms)) {
			t.Errorf("%v closes are counted", n)
		}
	}
}

func TestWebSocketCloses(t *testing.T) {
	node, others := neighbourhood(t)
	payload := func(code wire.CloseCode, reason string) []byte {
		return append([]byte{byte(code >> 8), byte(code)}, reason...)
	}
	for _, c := range []struct {
		name string
		send [][]byte
		want wire.CloseCode
	}{
		{"a close without a code", [][]byte{{}}, 1005},
		{"a close of one byte", [][]byte{{0x03}}, 1002},
		{"a close that is no UTF-8", [][]byte{payload(1000, "\xff"), payload(1000, "\xed\xa0\x80")}, 1002},
		{"a close with a code of nobody's", [][]byte{
			payload(0, ""), payload(999, ""), payload(1004, ""), payload(1005, ""), payload(1006, ""), payload(1015, ""), payload(1016, ""),
			payload(2999, ""), payload(5000, ""), payload(65535, ""),
		}, 1002},
		{"a close with a code of ours", [][]byte{payload(wire.CloseFault, "the game failed")}, wire.CloseFault},
	} {
		others.Case(t, framing, c.name, func(t *testing.T) (got string) {
			faults := node.Metric(t, "ringside_rooms_failed_total")
			room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, len(c.send))
			for i, p := range c.send {
				stranger := knock(t, node, room)
				push(stranger, rig.Frame(rig.CloseFrame, p))
				met(t, fmt.Sprintf("a stranger's close with % x", p), stranger.Ending(soon), c.want)
				g := take(t, node, room, seats[i])
				push(g.Raw, rig.Frame(rig.CloseFrame, p))
				got = met(t, fmt.Sprintf("a close with % x", p), g.Ending(soon), c.want)
			}
			if _, body := node.Get("/metrics"); strings.Contains(body, `closes_total{code="4012"}`) || node.Metric(t, "ringside_rooms_failed_total") != faults {
				t.Error("what the client said is counted as the server's")
			}
			return got
		})
	}
	others.Case(t, framing, "data after a close", func(t *testing.T) string {
		g := admit(t, node)
		before := node.Metric(t, "ringside_frames_received_total")
		push(g.Raw, join(rig.Frame(rig.CloseFrame, payload(1000, "")), bytes.Repeat(rig.Frame(rig.BinaryFrame, wire.AppendPing(nil, wire.Ping{})), 500), []byte{0xff, 0xff}))
		got := met(t, "a player", g.Ending(soon), 1000)
		if n := node.Metric(t, "ringside_frames_received_total") - before; n > 100+8*20 { // the neighbours send, too
			t.Errorf("%v frames were read behind the close", n)
		}
		return got + "; what stands behind it is not read"
	})
	others.Case(t, framing, "a peer that shuts its sending half", func(t *testing.T) string {
		g := admit(t, node)
		if err := g.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		e := g.Ending(soon)
		if e.Code != 0 || e.TCP == "open" {
			t.Errorf("%v", e)
		}
		back, err := enterBy(node, g.welcome.Room, keyHello(g))
		if err != nil {
			t.Fatalf("the seat is not held: %v", err)
		}
		back.Close()
		return e.String() + " at the next tick; the seat is held"
	})
}

func TestWebSocketHandshakes(t *testing.T) {
	node, others := neighbourhood(t)
	room, _ := rig.Seats(t, node, "rogue", rogue.Options{}, 1)
	good := rig.UpgradeRequest(node.Addr, room)
	without := func(name string) string {
		var out []string
		for line := range strings.SplitSeq(good, "\r\n") {
			if !strings.HasPrefix(line, name+":") {
				out = append(out, line)
			}
		}
		return strings.Join(out, "\r\n")
	}
	for _, c := range []struct {
		name string
		send []string
		want int
	}{
		{"no or a wrong Sec-WebSocket-Key", []string{without("Sec-WebSocket-Key"), strings.Replace(good, "dGhlIHNhbXBsZSBub25jZQ==", "short", 1)}, 400},
		{"no Sec-WebSocket-Version", []string{without("Sec-WebSocket-Version")}, 400},
		{"another Sec-WebSocket-Version", []string{strings.Replace(good, "Version: 13", "Version: 12", 1), strings.Replace(good, "Version: 13", "Version: 99999999999999999999", 1)}, 426},
		{"no or a foreign subprotocol", []string{without("Sec-WebSocket-Protocol"), strings.Replace(good, "ringside.v1.msgpack", "ringside.v2, chat", 1)}, 400},
		{"no Upgrade", []string{without("Upgrade"), strings.Replace(good, "Upgrade: websocket", "Upgrade: h2c", 1)}, 426},
		{"no Connection: Upgrade", []string{without("Connection")}, 400},
		{"POST, PUT", []string{strings.Replace(good, "GET", "POST", 1), strings.Replace(good, "GET", "PUT", 1)}, 405},
		{"HTTP/1.0", []string{strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1)}, 505},
		{"a room there is not", []string{strings.Replace(good, room, "nowhere", 1)}, 404},
		{"16 KiB of header", []string{strings.Replace(good, "\r\n\r\n", "\r\nX: "+strings.Repeat("y", 40<<10)+"\r\n\r\n", 1)}, 431},
	} {
		others.Case(t, "Handshake", c.name, func(t *testing.T) string {
			for _, text := range c.send {
				r := connect(t, node)
				push(r, []byte(text))
				status, header, err := r.Response()
				if err != nil || status != c.want {
					t.Errorf("%.300q\n is answered with %d %q, %v; want %d", text, status, header, err, c.want)
				}
			}
			return fmt.Sprint(c.want)
		})
	}
	// What is let in needs a room, and one that nobody comes to ends while a report is measured.
	others.Case(t, "Handshake", "extensions offered", func(t *testing.T) string {
		room, _ := rig.Seats(t, node, "rogue", rogue.Options{}, 1)
		r := connect(t, node)
		push(r, []byte(rig.UpgradeRequest(node.Addr, room, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-y")))
		status, header, err := r.Response()
		if err != nil || status != 101 || strings.Contains(strings.ToLower(header), "extensions") {
			t.Errorf("%d %q %v", status, header, err)
		}
		return "101, none granted"
	})
	others.Case(t, "Handshake", "in writes of one byte", func(t *testing.T) string {
		room, _ := rig.Seats(t, node, "rogue", rogue.Options{}, 1)
		good := rig.UpgradeRequest(node.Addr, room)
		r := connect(t, node)
		for i := range good {
			push(r, []byte(good[i:i+1]))
		}
		if err := r.Upgraded(); err != nil {
			t.Error(err)
		}
		return "101"
	})
	others.Case(t, "Handshake", "HELLO, INPUT and MSG in the segment of the request", func(t *testing.T) string {
		room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 2)
		good := rig.UpgradeRequest(node.Addr, room)
		r := connect(t, node)
		input := wire.AppendInput(nil, 1, 0, 0, []int32{7, 1})
		poke := wire.AppendMsg(nil, wire.Msg{Ref: 1, Payload: []byte{0x91, 5}})
		push(r, join([]byte(good), rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, seatHello(seats[0]))), rig.Frame(rig.BinaryFrame, input), rig.Frame(rig.BinaryFrame, poke)))
		if err := r.Upgraded(); err != nil {
			t.Fatal(err)
		}
		g := guest{Raw: r}
		if got := g.replies(t, 1); got[0].Ref != 1 || got[0].Code != wire.ReplyDone {
			t.Errorf("REPLY %+v", got[0])
		}
		if _, inputs := watched(t, node, room, seats[1], 0); inputs != 1 {
			t.Errorf("%d inputs were used, want 1", inputs)
		}
		return "101, WELCOME; both are used"
	})
}

// What takes its time: all of them wait together.
func TestWebSocketSilence(t *testing.T) {
	node, others := neighbourhood(t)
	room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 8)
	crowd, crowded := rig.Seats(t, node, "rogue", rogue.Options{Harm: "crowd", In: "view", N: 3000}, 1)
	type result struct {
		e   rig.Ending
		err error
	}
	waits := []struct {
		name  string
		want  wire.CloseCode // 0: no close frame gets through
		after [2]time.Duration
		act   func() (rig.Ending, error)
		done  chan result
	}{
		{name: "connect and silence", want: wire.CloseSilent, after: [2]time.Duration{4 * time.Second, 7 * time.Second}, act: func() (rig.Ending, error) {
			r, err := rig.Connect(node.Addr, "")
			if err != nil {
				return rig.Ending{}, err
			}
			defer r.Close()
			err = r.Upgrade(room)
			return r.Ending(20 * time.Second), err
		}},
		{name: "half a HELLO", want: wire.CloseSilent, after: [2]time.Duration{4 * time.Second, 7 * time.Second}, act: func() (rig.Ending, error) {
			r, err := rig.Connect(node.Addr, "")
			if err != nil {
				return rig.Ending{}, err
			}
			defer r.Close()
			err = errors.Join(r.Upgrade(room), r.Push(rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, seatHello(seats[0])))[:20]))
			return r.Ending(20 * time.Second), err
		}},
		{name: "half-open: gone without a FIN behind HELLO", want: wire.CloseSilent, after: [2]time.Duration{14 * time.Second, 18 * time.Second}, act: func() (rig.Ending, error) {
			g, err := enterBy(node, room, seatHello(seats[1]))
			if err != nil {
				return rig.Ending{}, err
			}
			defer g.Close()
			return g.Ending(25 * time.Second), nil
		}},
		{name: "half-open: gone without a FIN later", want: wire.ClosePingTimeout, after: [2]time.Duration{14 * time.Second, 18 * time.Second}, act: func() (rig.Ending, error) {
			g, err := enterBy(node, room, seatHello(seats[2]))
			if err != nil {
				return rig.Ending{}, err
			}
			defer g.Close()
			err = g.alive()
			return g.Ending(25 * time.Second), err
		}},
		{name: "empty fragments without end", want: wire.ClosePingTimeout, after: [2]time.Duration{14 * time.Second, 18 * time.Second}, act: func() (rig.Ending, error) {
			g, err := enterBy(node, room, seatHello(seats[3]))
			if err != nil {
				return rig.Ending{}, err
			}
			defer g.Close()
			err = errors.Join(g.alive(), g.Push(rig.Frame(0x02, nil)))
			stop := make(chan struct{})
			go func() { // ends with the connection
				defer close(stop)
				for some := bytes.Repeat(rig.Frame(0x00, nil), 600); g.Push(some) == nil; {
				}
			}()
			e := g.Ending(25 * time.Second)
			g.Close()
			<-stop
			return e, err
		}},
		{name: "a client that never reads", want: 0, after: [2]time.Duration{time.Second, 12 * time.Second}, act: func() (rig.Ending, error) {
			r, err := rig.Connect(node.Addr, "")
			if err != nil {
				return rig.Ending{}, err
			}
			defer r.Close()
			if c, ok := r.Conn.(interface{ SetReadBuffer(int) error }); ok {
				_ = c.SetReadBuffer(4096)
			}
			if err := errors.Join(r.Upgrade(crowd), r.Send(wire.AppendHello(nil, seatHello(crowded[0])))); err != nil {
				return rig.Ending{}, err
			}
			began := time.Now()
			for closed := false; !closed && time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
				_ = r.Send(wire.AppendPing(nil, wire.Ping{})) // it is not silent
				_, body := node.Get("/metrics")
				closed = strings.Contains(body, `ringside_closes_total{code="4100"}`)
			}
			slow := time.Since(began)
			e := r.Ending(5 * time.Second)
			e.After = slow
			return e, nil
		}},
	}
	for i := range waits {
		w := &waits[i]
		w.done = make(chan result, 1)
		go func() { // ends within 25 s, and is waited for below
			e, err := w.act()
			w.done <- result{e, err}
		}()
	}
	for i := range waits {
		w := &waits[i]
		others.Case(t, "Silence", w.name, func(t *testing.T) string {
			r := <-w.done
			if r.err != nil {
				t.Fatal(r.err)
			}
			if r.e.After < w.after[0] || r.e.After > w.after[1] {
				t.Errorf("it took %v", r.e.After)
			}
			if w.want == 0 {
				if r.e.TCP == "open" {
					t.Errorf("met with %v", r.e)
				}
				return fmt.Sprintf("4100 after %.0f s; of it there arrives: %v", r.e.After.Seconds(), r.e)
			}
			return met(t, "it", r.e, w.want) + fmt.Sprintf(" after %.0f s", r.e.After.Seconds())
		})
	}
}
