package ws

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

const request = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"

const offer = "Sec-WebSocket-Protocol: other, " + wire.Subprotocol + "\r\n"

// serve upgrades and echoes what was buffered behind the request.
func serve(t *testing.T, u Upgrader) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rest, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		defer conn.Close()
		if len(rest) < 4 {
			more := make([]byte, 4-len(rest))
			if _, err := io.ReadFull(conn, more); err != nil {
				return
			}
			rest = append(rest, more...)
		}
		_, _ = conn.Write(rest)
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func ask(t *testing.T, addr, text string) (*http.Response, string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(in)
		return resp, string(b)
	}
	b, _ := io.ReadAll(resp.Body)
	return resp, string(b)
}

func TestUpgrade(t *testing.T) {
	onlyUs := Upgrader{Origin: func(_ *http.Request, origin string) bool { return origin == "https://us" }}
	for _, tt := range []struct {
		name   string
		up     Upgrader
		text   string
		status int
		body   string
	}{
		{"bytes behind the request", Upgrader{}, request + offer + "\r\nabcd", 101, "abcd"},
		{"our origin", onlyUs, request + offer + "Origin: https://us\r\n\r\nabcd", 101, "abcd"},
		{"no browser", onlyUs, request + offer + "\r\nabcd", 101, "abcd"},
		{"another origin", onlyUs, request + offer + "Origin: https://them\r\n\r\n", 403, "origin"},
		{"no subprotocol", Upgrader{}, request + "\r\n", 400, wire.Subprotocol},
		{"another subprotocol", Upgrader{}, request + "Sec-WebSocket-Protocol: other\r\n\r\n", 400, wire.Subprotocol},
		{"no upgrade", Upgrader{}, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 426, "WebSocket"},
		{"another version", Upgrader{}, strings.Replace(request, "Version: 13", "Version: 12", 1) + offer + "\r\n", 426, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, serve(t, tt.up), tt.text)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("got %d %q, want %d with %q", resp.StatusCode, body, tt.status, tt.body)
			}
			if tt.status == 101 && (resp.Header.Get("Sec-WebSocket-Protocol") != wire.Subprotocol || resp.Header.Get("Sec-WebSocket-Extensions") != "") {
				t.Errorf("header %v", resp.Header)
			}
		})
	}
}

func TestServerFrames(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte{7}, n)
		want := ws.MustCompileFrame(ws.NewBinaryFrame(payload))
		if got := append(AppendHeader(nil, n), payload...); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: header % x, want % x", n, got[:len(got)-n], want[:len(want)-n])
		}
	}
	for _, tt := range []struct {
		code   wire.CloseCode
		reason string
		want   string
	}{
		{4001, "no", "\x88\x04\x0f\xa1no"},
		{0, "nobody reads this", "\x88\x00"},
		{4001, strings.Repeat("x", 122) + "é", "\x88\x7c\x0f\xa1" + strings.Repeat("x", 122)},
		{4001, strings.Repeat("x", 200), "\x88\x7d\x0f\xa1" + strings.Repeat("x", 123)},
	} {
		if got := string(AppendClose(nil, tt.code, tt.reason)); got != tt.want {
			t.Errorf("close %d: got %q, want %q", tt.code, got, tt.want)
		}
	}
	if got := fmt.Sprintf("%q", AppendPong(nil, []byte("hi"))); got != `"\x8a\x02hi"` {
		t.Errorf("pong %s", got)
	}
}

func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		payload string
		want    wire.CloseCode
	}{{"", 0}, {"\x0f", 1002}, {"\x13\x88", 1002}, {"\xff\xff", 1002}, {"\x13\x87", 4999}, {"\x0b\xb8", 3000}, {"\x03\xec", 1002}, {"\x03\xe8", 1000}, {"\x0f\xa0bye", 4000}, {"\x03\xed", 1002}, {"\x03\xe8\xff", 1002}, {"\x00\x01", 1002}} {
		if got := ParseClose([]byte(tt.payload)); got != tt.want {
			t.Errorf("%q: got %d, want %d", tt.payload, got, tt.want)
		}
	}
}
