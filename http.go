package ringside

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ringside-server/ringside/internal/edge"
	"github.com/ringside-server/ringside/internal/playground"
	"github.com/ringside-server/ringside/internal/tlsock"
)

// Bounds of one HTTP request; a WebSocket leaves them with its upgrade.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 20 * time.Second
	maxHeaderBytes    = 16 << 10
)

// serve answers HTTP, or HTTPS where there is a certificate, until the server is shut down.
func (n *Node) serve() {
	n.server = newServer(n.gate.wrap(n.mux()), n.cfg.Log)
	n.server.ConnState = func(c net.Conn, s http.ConnState) {
		if !n.hub.Returned(c, s) {
			n.gate.edge.ConnState(c, s)
		}
	}
	n.server.TLSConfig = n.gate.tls()
	secure := n.server.TLSConfig != nil // Serve makes itself one
	if !secure {
		again := n.hub.Listener(n.listener.Addr())
		n.running.Go(func() { _ = n.server.Serve(again) }) // until the hub is closed
	}
	n.running.Go(func() {
		var err error
		if secure {
			err = n.server.ServeTLS(tlsock.Listener(n.listener), "", "")
		} else {
			err = n.server.Serve(n.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			n.failed <- err
		}
	})
}

// URL is where a browser on this machine, or with ACME on the internet, opens the node.
func (n *Node) URL() string {
	if n.gate.tls() == nil {
		return "http://" + n.Addr()
	}
	_, port, err := net.SplitHostPort(n.Addr())
	if len(n.cfg.ACME) == 0 || err != nil {
		return "https://" + n.Addr()
	}
	host := n.cfg.ACME[0]
	if port != "443" {
		host = net.JoinHostPort(host, port)
	}
	return "https://" + host
}

func (n *Node) mux() http.Handler {
	mux := http.NewServeMux()
	n.matcher.Register(mux)
	mux.HandleFunc("GET /v1/rooms/{id}/ws", n.serveSocket)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", n.serveReady)
	mux.HandleFunc("/healthz", wrongMethod)
	mux.HandleFunc("/readyz", wrongMethod)
	n.mainAdmin(mux)
	mux.Handle("/", playground.Handler())
	return mux
}

// serveReady says whether new players should be sent here.
func (n *Node) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !n.ready.Load() || !n.store.IsLeader() {
		answer(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	// A node that takes nothing new is ready all the same: a balancer that stopped sending requests here would keep those out who
	// come back to a seat that they have.
	if short := n.guard.short(); short != "" {
		answer(w, http.StatusOK, "ready, but nothing new is taken: short of "+short)
		return
	}
	answer(w, http.StatusOK, "ready")
}

// wrongMethod answers on paths that are only read.
func wrongMethod(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	answer(w, http.StatusMethodNotAllowed, "this is read with GET")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// socketURL makes the addresses of rooms' sockets from -advertise, or from what the client asked and whether it asked over TLS.
func (n *Node) socketURL() func(*http.Request, string) string {
	base := strings.TrimSuffix(n.cfg.Advertise, "/")
	return func(r *http.Request, room string) string {
		to := base
		if to == "" {
			to = "ws" + strings.TrimPrefix(edge.Scheme(r.Context()), "http") + "://" + edge.Host(r.Context())
		}
		return to + "/v1/rooms/" + room + "/ws"
	}
}
