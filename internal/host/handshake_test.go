package host

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

func upgradeHeader() http.Header {
	h := http.Header{}
	for _, kv := range []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: " + wire.Subprotocol} {
		k, v, _ := strings.Cut(kv, ": ")
		h.Set(k, v)
	}
	return h
}

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	r := newRig(t, Goroutine, func(c *Config) {
		c.MaxConnections = 1
		c.Origin = func(_ *http.Request, origin string) bool { return origin == "https://us" }
	})
	r.open("a")
	for _, tt := range []struct {
		name, room string
		change     func(http.Header)
		status     int
		text       string
	}{
		{"unknown room", "b", nil, 404, `no room \"b\"`},
		{"bad subprotocol", "a", func(h http.Header) { h.Set("Sec-WebSocket-Protocol", "chat") }, 400, wire.Subprotocol},
		{"no upgrade", "a", func(h http.Header) { h.Del("Upgrade") }, 426, "WebSocket"},
		{"foreign page", "a", func(h http.Header) { h.Set("Origin", "https://them") }, 403, "origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := upgradeHeader()
			if tt.change != nil {
				tt.change(h)
			}
			resp, body := get(t, r.url+"/v1/rooms/"+tt.room+"/ws", h)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.text) {
				t.Errorf("got %d %q, want %d with %q", resp.StatusCode, body, tt.status, tt.text)
			}
		})
	}
	r.join("a", 0)
	resp, body := get(t, r.url+"/v1/rooms/a/ws", upgradeHeader())
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("one connection too many: %d %v %s", resp.StatusCode, resp.Header, body)
	}
}

func TestRefusedHello(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, func(c *Config) { c.HelloTimeout = 300 * time.Millisecond })
		r.open("a")
		bin := func(frame []byte) []byte { return masked(ws.OpBinary, frame) }
		for _, tt := range []struct {
			name string
			send []byte
			want wire.CloseCode
		}{
			{"nothing", nil, wire.CloseSilent},
			{"half a hello", bin(helloFrame(token("a", 0), nil))[:20], wire.CloseSilent},
			{"another frame", bin(wire.AppendPing(nil, wire.Ping{})), wire.CloseUnexpected},
			{"a twin", bin(wire.AppendTwin(nil, wire.Twin{VMin: 1, VMax: 1})), wire.CloseUnexpected},
			{"garbage", bin([]byte("hello")), wire.CloseMalformed},
			{"half a frame", bin(helloFrame("x", nil)[:9]), wire.CloseMalformed},
			{"later version", bin(wire.AppendHello(nil, &wire.Hello{VMin: 2, VMax: 3, Token: token("a", 0)})), wire.CloseVersion},
			{"forged token", bin(helloFrame("forged", nil)), wire.CloseToken},
			{"another room's token", bin(helloFrame(token("b", 0), nil)), wire.CloseToken},
			{"another room's key", bin(helloFrame("r1.b.1.AAAAAAAAAAAAAAAAAAAAAA", &wire.Resume{Session: 1})), wire.CloseToken},
			{"no key", bin(helloFrame("r1.nonsense", nil)), wire.CloseToken},
			{"unknown session", bin(helloFrame("r1.a.1.AAAAAAAAAAAAAAAAAAAAAA", &wire.Resume{Session: 1})), wire.CloseResumeUnknown},
			{"text", masked(ws.OpText, []byte("hello")), 1003},
			{"too large", masked(ws.OpBinary, make([]byte, wire.MaxHello+1)), wire.CloseTooLarge},
			{"unmasked", ws.MustCompileFrame(ws.NewBinaryFrame([]byte("x"))), 1002},
			{"pings", bytes.Repeat(masked(ws.OpPing, nil), maxOtherFrames+1), wire.CloseRate},
			{"extensions", bytes.Repeat(bin([]byte{0x91, 64}), maxOtherFrames+1), wire.CloseRate},
			{"fragments of nothing", append([]byte{2, 0x80, 0, 0, 0, 0}, bytes.Repeat([]byte{0, 0x80, 0, 0, 0, 0}, maxBeforeHello/6)...), wire.CloseRate},
		} {
			t.Run(tt.name, func(t *testing.T) {
				c := r.dial("a")
				c.raw(tt.send)
				if got := c.untilClosed(); got != tt.want {
					t.Fatalf("closed with %d %q, want %d", got, c.reason, tt.want)
				}
				if tt.want >= 4000 && (c.errFrame == nil || c.errFrame.Code != uint32(tt.want) || c.errFrame.Text == "") {
					t.Errorf("ERR before the close: %+v", c.errFrame)
				}
				if r.host.stats.Closes(tt.want) == 0 {
					t.Errorf("close %d is not counted", tt.want)
				}
			})
		}
		c := r.dial("a")
		c.raw(masked(ws.OpClose, []byte{0x03, 0xe8}))
		if got := c.untilClosed(); got != 1000 {
			t.Errorf("a close before HELLO is answered with %d", got)
		}
	})
}

func TestSeatsAnswers(t *testing.T) {
	r := newRig(t, Goroutine, nil)
	r.open("a")
	for _, tt := range []struct {
		err   error
		want  wire.CloseCode
		retry bool
	}{
		{ErrToken, wire.CloseToken, false},
		{fmt.Errorf("seat 3: %w", ErrFull), wire.CloseFull, false},
		{ErrRoomEnded, wire.CloseEnded, false},
		{ErrRoomUnknown, wire.CloseLost, false},
		{errors.New("no quorum"), wire.CloseDraining, true},
	} {
		r.town.mu.Lock()
		r.town.confirm = func(uint64) error { return tt.err }
		r.town.mu.Unlock()
		c := r.dial("a")
		c.hello(token("a", 0), nil)
		if got := c.untilClosed(); got != tt.want || (c.errFrame.RetryMS > 0) != tt.retry {
			t.Errorf("%v: closed with %d, ERR %+v", tt.err, got, c.errFrame)
		}
	}
}

func TestGameRefusesPlayer(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		c := r.dial("a")
		c.hello(strings.Replace(token("a", 0), "Player 0", "unwelcome", 1), nil)
		if got := c.untilClosed(); got != wire.CloseKicked || c.reason != "not you" {
			t.Errorf("closed with %d %q", got, c.reason)
		}
		r.town.await(t, "freed a 1 1", 1)
	})
}

func TestOneByteAtATime(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		c := r.dial("a")
		hello := masked(ws.OpBinary, helloFrame(token("a", 0), nil))
		for i := range hello {
			c.raw(hello[i : i+1])
		}
		c.untilWelcome()
		input := masked(ws.OpBinary, wire.AppendInput(nil, 1, 0, 0, []int32{1, 1}))
		for i := range input {
			c.raw(input[i : i+1])
			n := c.cur().Tick
			c.until("the next tick", func() bool { return c.cur().Tick > n })
		}
		c.until("the input's state", func() bool { return c.inSeq == 1 })
		eventually(t, "two frames are counted", func() bool { return r.host.Stats().FramesReceived.Load() == 2 })
	})
}

// Everything in one write: the frames behind HELLO must not be lost on the way to the worker.
func TestFramesBehindHello(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		c := r.dial("a")
		stream := masked(ws.OpBinary, helloFrame(token("a", 0), nil))
		stream = append(stream, masked(ws.OpBinary, wire.AppendInput(nil, 1, 0, 0, []int32{1, 0}))...)
		stream = append(stream, masked(ws.OpBinary, wire.AppendPing(nil, wire.Ping{ClientUS: 5}))...)
		c.raw(stream[:len(stream)-3])
		c.untilWelcome()
		c.raw(stream[len(stream)-3:])
		c.until("pong", func() bool { return len(c.pongs) == 1 })
		c.until("the input's state", func() bool { x, _, _ := c.dot(0); return x == 1 })
	})
}
