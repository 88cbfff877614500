package ringside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/edge"
	"github.com/ringside-server/ringside/internal/identity"
)

// A gate is what every request passes: where it comes from, who sends it, and TLS.
type gate struct {
	// Immutable after newGate.
	edge    *edge.Edge
	admin   *edge.Edge // counts the connections of operators' own listener
	auth    *identity.Authenticator
	keys    *identity.KeySet // nil: no key set
	certs   *edge.CertFile   // nil: no certificate on disk
	acme    *edge.ACME       // nil: no certificate is fetched
	opened  identity.Public
	refused *prometheus.CounterVec
	limits  *prometheus.CounterVec
	log     zerolog.Logger

	proofs       *http.Server // answers the authority over HTTP; nil: none
	proofsListen net.Listener
}

// newGate reads keys, secrets and certificates, and listens where the authority asks. What is wrong names its flag.
func newGate(ctx context.Context, cfg *Config) (g *gate, err error) {
	g = &gate{log: cfg.Log, limits: newRefusals(), refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ringside_http_refused_total", Help: "Requests refused before they reached a handler: limit, auth, origin, host, path.",
	}, []string{"reason"})}
	for _, reason := range []string{edge.ReasonLimit, edge.ReasonOrigin, edge.ReasonHost, edge.ReasonPath, "auth"} {
		g.refused.WithLabelValues(reason)
	}
	keys, err := cfg.apiKeys()
	if err != nil {
		return nil, err
	}
	open := len(keys) == 0 && cfg.trustsThisMachine()
	if g.edge, err = g.newEdge(cfg, open); err != nil {
		return nil, err
	}
	if err := g.newAuth(ctx, cfg, keys); err != nil {
		return nil, err
	}
	if err := g.openTLS(ctx, cfg); err != nil {
		return nil, err
	}
	if len(keys) == 0 && !open {
		cfg.Log.Warn().Strs("public", cfg.Public).
			Msg("no API key: whoever reaches this node may do what is public; everything else, such as creating rooms, is refused until -api-key (or RINGSIDE_API_KEY) is set")
	}
	return g, nil
}

func (g *gate) newEdge(cfg *Config, open bool) (*edge.Edge, error) {
	ec, err := cfg.edgeConfig(open)
	if err != nil {
		return nil, err
	}
	ec.Refused = func(reason string) { g.refused.WithLabelValues(reason).Inc() }
	ec.Limited = g.refusal
	own := ec // players' connections must not keep operators out
	own.MaxConnections, own.MaxPerAddress = maxAdminCalls, maxAdminPerAddress
	if cfg.adminCalls > 0 {
		own.MaxConnections = cfg.adminCalls
	}
	if g.admin, err = edge.New(own); err != nil {
		return nil, err
	}
	return edge.New(ec)
}

func (g *gate) newAuth(ctx context.Context, cfg *Config, keys []identity.Key) error {
	public, err := identity.ParsePublic(cfg.Public)
	if err != nil {
		return configError("-public", err)
	}
	tokens, set, err := cfg.tokens(ctx)
	if err != nil {
		return err
	}
	g.keys, g.opened = set, public
	g.auth, err = identity.New(identity.Config{
		Keys: keys, Tokens: tokens, Accounts: cfg.accounts(), Public: public, Log: cfg.Log,
		Open:     func(r *http.Request) bool { return edge.Open(r.Context()) },
		Throttle: g.edge.AuthWait,
		Failed: func(r *http.Request) {
			g.edge.AuthFailed(r)
			g.refused.WithLabelValues("auth").Inc()
		},
	})
	return err
}

func (g *gate) openTLS(ctx context.Context, cfg *Config) (err error) {
	if cfg.TLSCert != "" {
		if g.certs, err = edge.NewCertFile(cfg.TLSCert, cfg.TLSKey, cfg.Log); err != nil {
			return configError("-tls-cert", err)
		}
	}
	if len(cfg.ACME) == 0 {
		return nil
	}
	if g.acme, err = edge.NewACME(cfg.acme()); err != nil {
		return configError("-acme", err)
	}
	if cfg.ACMEHTTP == "" {
		return nil
	}
	if g.proofsListen, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.ACMEHTTP); err != nil {
		return fmt.Errorf("listen for the authority: %w (choose another address with -acme-http)", err)
	}
	g.proofs = newServer(g.acme.HTTPHandler(), cfg.Log)
	g.proofs.ConnState = g.edge.ConnState
	return nil
}

// tls is nil for a node that speaks plain HTTP.
func (g *gate) tls() *tls.Config {
	switch {
	case g.acme != nil:
		return g.acme.TLSConfig()
	case g.certs != nil:
		return edge.TLSConfig(g.certs.Certificate)
	}
	return nil
}

// run keeps keys and certificates fresh until ctx ends.
func (g *gate) run(ctx context.Context) {
	var parts sync.WaitGroup
	if g.keys != nil {
		parts.Go(func() { g.keys.Run(ctx) })
	}
	if g.certs != nil {
		parts.Go(func() { g.certs.Run(ctx) })
	}
	if g.acme != nil {
		parts.Go(func() { g.acme.Run(ctx) })
	}
	if g.proofs != nil {
		parts.Go(func() {
			if err := g.proofs.Serve(g.proofsListen); !errors.Is(err, http.ErrServerClosed) {
				g.log.Error().Err(err).Msg("nobody answers the authority over HTTP any more")
			}
		})
		<-ctx.Done()
		g.proofs.Close()
	}
	parts.Wait()
}

// close frees what run would have.
func (g *gate) close() {
	if g != nil && g.proofsListen != nil {
		g.proofsListen.Close()
	}
}

// wrap puts the gate in front of a node's handlers: edge, identity, limits. Sockets are opened with seat tokens, so that who
// asks for one does not matter; pages, health and metrics are the same for everybody.
func (g *gate) wrap(inner http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/rooms/{id}/ws", g.edge.LimitSockets(inner))
	mux.Handle("/v1/", g.auth.Wrap(g.edge.LimitCalls(limited, inner)))
	mux.Handle("/", inner)
	return g.edge.Wrap(mux)
}

// limited says who is limited: a player with an account also as that player, a server not at all.
func limited(ctx context.Context) (player string, exempt bool) {
	p := identity.From(ctx)
	return p.ID, p.Kind == identity.Server
}

// newServer makes a server that lets nobody hold a connection for nothing.
func newServer(h http.Handler, lg zerolog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(serverLog{lg}, "", 0),
	}
}

// A serverLog takes what net/http says. Broken handshakes are what the internet is made of; a panic is ours.
type serverLog struct{ zerolog.Logger }

// Write implements io.Writer.
func (l serverLog) Write(p []byte) (int, error) {
	event := l.Debug()
	if strings.Contains(string(p), "panic") {
		event = l.Error()
	}
	event.Str("text", strings.TrimSpace(string(p))).Msg("http server")
	return len(p), nil
}
