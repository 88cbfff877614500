package ringside

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ringside-server/ringside/internal/playground"
)

// Bounds of one HTTP request; a WebSocket leaves them with its upgrade.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
)

// serve answers HTTP until the server is shut down.
func (n *Node) serve() {
	n.server = &http.Server{
		Handler: n.mux(), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	n.running.Go(func() {
		if err := n.server.Serve(n.listener); !errors.Is(err, http.ErrServerClosed) {
			n.failed <- err
		}
	})
}

func (n *Node) mux() http.Handler {
	mux := http.NewServeMux()
	n.matcher.Register(mux)
	mux.HandleFunc("GET /v1/rooms/{id}/ws", n.serveSocket)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", n.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{}))
	mux.Handle("/", playground.Handler())
	return mux
}

// serveReady says whether new players should be sent here.
func (n *Node) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !n.ready.Load() || !n.store.IsLeader() {
		answer(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// socketURL makes the addresses of rooms' sockets from -advertise; nil: from the request.
func (n *Node) socketURL() func(*http.Request, string) string {
	if n.cfg.Advertise == "" {
		return nil
	}
	base := strings.TrimSuffix(n.cfg.Advertise, "/")
	return func(_ *http.Request, room string) string { return base + "/v1/rooms/" + room + "/ws" }
}

// sameOrigin lets pages of this node and of this machine connect: without accounts, any other page could play in the name of
// whoever looks at it.
func sameOrigin(r *http.Request, origin string) bool {
	_, host, ok := strings.Cut(origin, "://")
	if !ok {
		return false
	}
	if strings.EqualFold(host, r.Host) {
		return true
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}
