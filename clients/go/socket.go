package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrSubprotocol is returned for a server that speaks another protocol than ringside.v1.msgpack.
var ErrSubprotocol = errors.New("server does not speak " + wire.Subprotocol)

// dialTimeout bounds the connect and the upgrade of one attempt.
const dialTimeout = 5 * time.Second

// OpenSocket connects to a room's URL and upgrades the connection. early is what the server has sent right behind its
// answer; it belongs into the Stream first.
func OpenSocket(ctx context.Context, url string) (conn net.Conn, early []byte, err error) {
	return SocketDialer{}.Open(ctx, url)
}

// A SocketDialer is OpenSocket for programs that make the connections below themselves.
type SocketDialer struct {
	// Dial connects to HOST:PORT; TLS stands above what it returns. nil: a net.Dialer's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Open is OpenSocket. The connection is what Dial returned, or for wss a *tls.Conn above it.
func (d SocketDialer) Open(ctx context.Context, url string) (conn net.Conn, early []byte, err error) {
	up := ws.Dialer{Timeout: dialTimeout, Protocols: []string{wire.Subprotocol}, NetDial: d.Dial}
	conn, br, hs, err := up.Dial(ctx, url)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", url, err)
	}
	if br != nil {
		early = make([]byte, br.Buffered())
		if _, err := br.Read(early); err != nil && len(early) > 0 {
			conn.Close()
			return nil, nil, fmt.Errorf("open %s: %w", url, err)
		}
		ws.PutReader(br)
	}
	if hs.Protocol != wire.Subprotocol {
		conn.Close()
		return nil, nil, fmt.Errorf("open %s: %w", url, ErrSubprotocol)
	}
	return conn, early, nil
}
