//go:build conformance

// Command echo sends back what it is sent, through the upgrade and the parser that serve players: for WebSocket conformance
// suites. It accepts text, which players may not send; that and its limit are all that differs.
//
//	go run -tags conformance ./test/echo -listen 127.0.0.1:9001
//
// It ends with its standard input. README.md says what suites found.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/internal/ws"
)

const (
	limit    = 64 << 20 // bytes a message: suites send up to 16 MiB
	patience = 30 * time.Second
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address`")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	go func() { // ends with the process, and ends it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rest, err := ws.Upgrader{}.Upgrade(w, r)
		if err != nil {
			return
		}
		defer conn.Close()
		if err := echo(conn, rest); err != nil {
			log.Print(err)
		}
	})}
	log.Fatal(server.Serve(l))
}

// echo answers until one side closes. What breaks the protocol is answered with the parser's code.
func echo(conn net.Conn, rest []byte) error {
	var p ws.Parser
	in := make([]byte, 64<<10)
	for buf := rest; ; {
		for len(buf) > 0 {
			m, n, err := p.Next(buf, limit)
			buf = buf[n:]
			if err != nil {
				return goodbye(conn, ws.CloseCode(err))
			}
			var out []byte
			switch m.Op {
			case ws.Text, ws.Binary:
				if m.Op == ws.Text && !utf8.Valid(m.Payload) {
					return goodbye(conn, wire.CloseCode(gobwas.StatusInvalidFramePayloadData))
				}
				out = append(ws.AppendHeader(nil, len(m.Payload)), m.Payload...)
				out[0] = out[0]&0xf0 | byte(m.Op)
			case ws.Ping:
				out = ws.AppendPong(nil, m.Payload)
			case ws.Close:
				return goodbye(conn, ws.ParseClose(m.Payload))
			}
			if _, err := conn.Write(out); err != nil {
				return err
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		n, err := conn.Read(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return nil
		}
		buf = in[:n]
	}
}

// goodbye closes as a host does: the peer is told why, then the stream ends, then what it still says is thrown away.
func goodbye(conn net.Conn, code wire.CloseCode) error {
	_, err := conn.Write(ws.AppendClose(nil, code, ""))
	if c, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = c.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, conn) // to its end or its deadline
	return err
}
