package ws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrUpgrade is wrapped by every error of Upgrade. The request has been answered.
var ErrUpgrade = errors.New("websocket upgrade")

// upgradeTimeout is how long writing the 101 may take. It always fits into an empty send buffer: whoever needs longer is gone.
const upgradeTimeout = 5 * time.Second

// An Upgrader turns HTTP requests into WebSocket connections. The zero value lets every origin in.
type Upgrader struct {
	// Origin says whether a page of that origin may connect. It is not asked for requests without an Origin header, which
	// come from no browser. nil: all may.
	Origin func(r *http.Request, origin string) bool
}

// Upgrade answers a request with 101 and returns the connection, without a deadline, and the bytes that the client has
// already sent behind its request. On an error the client has been told why and the connection is closed or back with
// the HTTP server. No extension is ever negotiated.
func (u Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (conn net.Conn, rest []byte, err error) {
	if err := u.check(w, r); err != nil {
		return nil, nil, err
	}
	up := ws.HTTPUpgrader{Timeout: upgradeTimeout, Protocol: func(p string) bool { return p == wire.Subprotocol }}
	conn, rw, hs, err := up.Upgrade(r, w)
	if err == nil && hs.Protocol != wire.Subprotocol {
		err = errors.New("subprotocol header does not parse")
	}
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, nil, fmt.Errorf("%w: %w", ErrUpgrade, err)
	}
	if n := rw.Reader.Buffered(); n > 0 {
		b, _ := rw.Reader.Peek(n) // what is buffered cannot fail
		rest = append(rest, b...)
	}
	return conn, rest, nil
}

// check refuses, while the HTTP server can still answer, what a person may have done wrong.
func (u Upgrader) check(w http.ResponseWriter, r *http.Request) error {
	origin := r.Header.Get("Origin")
	switch {
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		w.Header().Set("Upgrade", "websocket")
		return refuse(w, http.StatusUpgradeRequired, "this is a WebSocket endpoint")
	case !offers(r, wire.Subprotocol):
		return refuse(w, http.StatusBadRequest, "the WebSocket subprotocol "+wire.Subprotocol+" must be offered")
	case origin != "" && u.Origin != nil && !u.Origin(r, origin):
		return refuse(w, http.StatusForbidden, "pages of this origin may not connect")
	}
	return nil
}

func refuse(w http.ResponseWriter, status int, text string) error {
	http.Error(w, text, status)
	return fmt.Errorf("%w: %s", ErrUpgrade, text)
}

// offers reports whether the client offers a subprotocol.
func offers(r *http.Request, protocol string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(p) == protocol {
				return true
			}
		}
	}
	return false
}
