package host

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/tlsock"
)

// socketOptions make a reader that has stopped show soon: with the system's defaults it is sent half an hour of stale state
// before a send says that there is no room.
var socketOptions = sock.Options{NoDelay: true, SendBuffer: 16 << 10, NotSentLowat: 1 << 10, UserTimeout: 20 * time.Second}

// ServeWS answers GET /v1/rooms/{id}/ws: it upgrades the request, lets the client introduce itself and hands the connection
// to the room's worker. It returns when that is done or refused, within the HelloTimeout and the time Seats takes.
func (h *Host) ServeWS(w http.ResponseWriter, r *http.Request, roomID string) {
	target, status, detail := h.enter(r.Context(), roomID)
	if status != 0 {
		problem(w, status, problemCode(status), detail)
		return
	}
	defer h.exit()
	conn, rest, err := h.upgrader.Upgrade(w, r)
	if err != nil {
		h.stats.Connections.Add(-1)
		h.cfg.Log.Debug().Err(err).Str("room", roomID).Msg("upgrade refused")
		return
	}
	g := greeting{host: h, room: target, conn: conn, buf: rest}
	if g.run() {
		return // the worker counts the connection now
	}
	h.stats.Connections.Add(-1)
}

// startWait is how long a request waits for its room to be started: after a restart the players come before their rooms do.
const startWait = 10 * time.Second

// enter admits a request for a room; a status says why not.
func (h *Host) enter(ctx context.Context, roomID string) (target *hosted, status int, detail string) {
	h.mu.RLock()
	target = h.rooms[roomID]
	h.mu.RUnlock()
	if target != nil && !h.waitReady(ctx, target) {
		h.cfg.Limited("max-handshakes")
		return nil, http.StatusServiceUnavailable, "too many requests wait for rooms that are being started"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if target = h.rooms[roomID]; target == nil {
		target = h.late[roomID]
	}
	switch {
	case h.state != open:
		return nil, http.StatusServiceUnavailable, "this node is going away"
	case target == nil:
		return nil, http.StatusNotFound, fmt.Sprintf("there is no room %q on this node", roomID)
	case target.state == starting:
		return nil, http.StatusServiceUnavailable, "the room is being started"
	case h.handshakes >= h.cfg.MaxHandshakes:
		h.cfg.Limited("max-handshakes")
		return nil, http.StatusServiceUnavailable, "too many connections are being opened"
	case h.stats.Connections.Load() >= int64(h.cfg.MaxConnections):
		h.cfg.Limited("max-connections")
		return nil, http.StatusServiceUnavailable, "this node has all the connections it takes"
	}
	h.stats.Connections.Add(1)
	h.handshakes++
	h.greeters.Add(1)
	return target, 0, ""
}

// waitReady returns when a room runs or does not, or after the startWait. False means that too many wait: each is a goroutine
// with a request's buffers, for seconds, and anybody who knows a room's id may ask.
func (h *Host) waitReady(ctx context.Context, r *hosted) bool {
	select {
	case <-r.ready:
		return true
	default:
	}
	h.mu.Lock()
	if h.waiting >= h.cfg.MaxHandshakes {
		h.mu.Unlock()
		return false
	}
	h.waiting++
	h.mu.Unlock()
	wait, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	select {
	case <-r.ready:
	case <-wait.Done():
	case <-h.ctx.Done():
	}
	h.mu.Lock()
	h.waiting--
	h.mu.Unlock()
	return true
}

func (h *Host) exit() {
	h.mu.Lock()
	h.handshakes--
	h.mu.Unlock()
	h.greeters.Done()
}

// problemCode is the stable name of why a request for a socket was refused, as the directory's API names it.
func problemCode(status int) string {
	if status == http.StatusNotFound {
		return "room_unknown"
	}
	return "unavailable"
}

// problem answers with RFC 9457.
func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // a client that does not wait for the answer does not need it
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(status), status, detail, code})
}

// newLink makes a connection a worker's. Where the backend is Epoll, a plain socket leaves the runtime's poller, and so does one
// below TLS if the listener has made that possible.
func (h *Host) newLink(conn net.Conn) (link, error) {
	if secure, ok := conn.(*tls.Conn); ok && h.cfg.Backend == Epoll && tlsock.Takes(secure) {
		return h.newTLSLink(secure)
	}
	raw, plain := conn.(syscall.Conn)
	if plain {
		h.tune(raw)
	}
	if !plain || h.cfg.Backend != Epoll {
		return newPipe(conn, &h.pipes), nil
	}
	fd, err := sock.DupOut(conn)
	if err != nil {
		return nil, err
	}
	return &fdLink{fd: fd}, nil
}

// tune sets the socket options. What is not TCP has none of them, and does not need them.
func (h *Host) tune(raw syscall.Conn) {
	if _, tcp := raw.(*net.TCPConn); !tcp || !sock.Supported {
		return
	}
	rc, err := raw.SyscallConn()
	if err == nil {
		err = rc.Control(func(fd uintptr) { err = socketOptions.Set(int(fd)) })
	}
	if err != nil {
		h.cfg.Log.Debug().Err(err).Msg("socket options not set")
	}
}
