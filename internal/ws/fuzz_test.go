package ws

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ringside-server/ringside/internal/wire"
)

// A hijacked is a connection, and an http.ResponseWriter that gives it away: what was answered on it and whether it is still open.
type hijacked struct {
	net.Conn
	in     *bufio.Reader
	out    bytes.Buffer
	header http.Header
	taken  bool
	closed bool
}

func (c *hijacked) Header() http.Header              { return c.header }
func (c *hijacked) Write(b []byte) (int, error)      { return c.out.Write(b) }
func (c *hijacked) Close() error                     { c.closed = true; return nil }
func (c *hijacked) SetDeadline(time.Time) error      { return nil }
func (c *hijacked) SetWriteDeadline(time.Time) error { return nil }

// WriteHeader begins an answer as net/http does, with a body that ends with the connection.
func (c *hijacked) WriteHeader(status int) {
	resp := http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: c.header}
	_ = resp.Write(&c.out) // a buffer takes everything
}

// Hijack implements http.Hijacker.
func (c *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.taken = true
	return c, bufio.NewReadWriter(c.in, bufio.NewWriter(c)), nil
}

// acceptOf is what RFC 6455, 4.2.2 has a server answer to a key.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Whatever a request says, there is one answer, which parses: 101 with all that RFC 6455 wants and nothing that the client made up,
// or a refusal; and the bytes behind the request are the caller's, to the last.
func FuzzUpgrade(f *testing.F) {
	f.Add([]byte(request + offer + "\r\nabcd"))
	f.Add([]byte(request + "\r\n"))
	f.Add([]byte(strings.Replace(request, "Version: 13", "Version: 12", 1) + offer + "\r\n"))
	f.Add([]byte(strings.Replace(request, "GET", "POST", 1) + offer + "Origin: https://them\r\n\r\n"))
	f.Add([]byte(strings.Replace(request, "HTTP/1.1", "HTTP/1.0", 1) + offer + "\r\n"))
	f.Add([]byte(request + "Sec-WebSocket-Protocol: \"" + wire.Subprotocol + "\r\nSec-WebSocket-Protocol: a;b, " + wire.Subprotocol + "\r\n\r\n"))
	u := Upgrader{Origin: func(_ *http.Request, origin string) bool { return origin == "https://us" }}
	f.Fuzz(func(t *testing.T, text []byte) {
		in := bufio.NewReader(bytes.NewReader(text))
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		behind, _ := in.Peek(in.Buffered())
		behind = bytes.Clone(behind)
		c := &hijacked{in: in, header: http.Header{}}
		conn, rest, err := u.Upgrade(c, r)
		resp, respErr := http.ReadResponse(bufio.NewReader(&c.out), nil)
		if respErr != nil {
			t.Fatalf("the answer to %q does not parse: %v", text, respErr)
		}
		resp.Body.Close()
		if err != nil {
			if !errors.Is(err, ErrUpgrade) || resp.StatusCode < 400 || resp.StatusCode == http.StatusInternalServerError {
				t.Errorf("%q is refused with %d: %v", text, resp.StatusCode, err)
			}
			if conn != nil || c.taken != c.closed {
				t.Errorf("%q is refused, and a connection is left: taken %v, closed %v", text, c.taken, c.closed)
			}
			return
		}
		if origin := r.Header.Get("Origin"); r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || origin != "" && origin != "https://us" {
			t.Errorf("%q is upgraded", text)
		}
		if conn == nil || c.closed || !bytes.Equal(rest, behind) {
			t.Errorf("closed %v, rest %q, want %q", c.closed, rest, behind)
		}
		want := map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Protocol": wire.Subprotocol,
			"Sec-Websocket-Accept": acceptOf(r.Header.Get("Sec-WebSocket-Key")),
		}
		if resp.StatusCode != http.StatusSwitchingProtocols || len(resp.Header) != len(want) {
			t.Errorf("%q is answered with %d %v", text, resp.StatusCode, resp.Header)
		}
		for name, value := range want {
			if got := resp.Header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s: %q, want %q", name, got, value)
			}
		}
		if left, _ := io.ReadAll(&c.out); len(left) > 0 {
			t.Errorf("%q stands behind the answer", left)
		}
	})
}

// What a close frame says is read as RFC 6455, 7.4 has it: nothing, a code that somebody may send and UTF-8, or a breach. A reason
// of any length makes a frame that may be sent and reads the same.
func FuzzParseClose(f *testing.F) {
	for _, s := range []string{"", "\x03", "\x03\xe8", "\x03\xe8bye", "\x0f\xa0\xff", "\x03\xed", "\x13\x88", "\x0b\xb7", "\x0b\xb8é", "\x03\xf4"} {
		f.Add([]byte(s))
	}
	f.Add(append([]byte{0x0f, 0xa0}, strings.Repeat("é", 100)...))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var want wire.CloseCode
		switch {
		case len(payload) == 1:
			want = 1002
		case len(payload) >= 2:
			want = wire.CloseCode(binary.BigEndian.Uint16(payload))
			sendable := want >= 1000 && want <= 1011 && want != 1004 && want != 1005 && want != 1006 || want >= 3000 && want <= 4999
			if !sendable || !utf8.Valid(payload[2:]) {
				want = 1002
			}
		}
		got := ParseClose(payload)
		if got != want {
			t.Fatalf("% x: got %d, want %d", payload, got, want)
		}
		if len(payload) < 2 || got != wire.CloseCode(binary.BigEndian.Uint16(payload)) {
			return
		}
		reason := string(payload[2:])
		frame := AppendClose(nil, got, reason)
		if len(frame) > 2+125 || frame[0] != 0x88 || int(frame[1]) != len(frame)-2 {
			t.Fatalf("close frame % x", frame)
		}
		if again := ParseClose(frame[2:]); utf8.ValidString(reason) && (again != got || !strings.HasPrefix(reason, string(frame[4:])) || len(reason) <= 123 && string(frame[4:]) != reason) {
			t.Errorf("%d %q, written as % x, reads as %d", got, reason, frame, again)
		}
	})
}
