package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// ErrConfig is wrapped by the errors of New.
var ErrConfig = errors.New("edge config")

// Reasons for which requests are refused, as they are counted.
const (
	ReasonLimit  = "limit"
	ReasonOrigin = "origin"
	ReasonHost   = "host"
	ReasonPath   = "path"
)

// maxPathBytes is several times the longest path of the API. Problems repeat the path, and so do proxies' logs.
const maxPathBytes = 1 << 10

// Config says what stands around the node. The zero value is a node that the internet reaches directly: no proxy is believed,
// no page but the node's own may call, nobody is limited.
type Config struct {
	// Proxies are the addresses whose X-Forwarded-… headers are believed. Default: none.
	Proxies []netip.Prefix
	// Origins are the pages that may call beside the node's own.
	Origins Origins
	// Open says that the node trusts this machine: requests that come from it directly are Open, pages on localhost may call,
	// and names that were rebound to 127.0.0.1 are refused.
	Open bool
	// Advertise is the host[:port] under which players know the node; pages from there are the node's own. Default: the
	// request's Host.
	Advertise string
	// LimitIP and LimitPlayer are how many calls a second one address and one player may make; both may save up those of two
	// seconds. An address may open sockets at two fifths of its rate. 0: no limit.
	LimitIP, LimitPlayer int
	// MaxConnections is how many connections may be open that are no sockets of players. 0: no limit.
	MaxConnections int
	// MaxPerAddress is how many of them one address may have. 0: 1,024.
	MaxPerAddress int
	// MaxOpening is how many sockets of one address may be between upgrade and HELLO. 0: 128.
	MaxOpening int
	// Limited is called with the name of the limit at which a connection or a request was refused: limit-ip, limit-player,
	// limit-connections, limit-handshakes, calls, sockets, credentials. nil: nobody counts.
	Limited func(limit string)
	// Refused is called with the reason of each refusal. nil: nobody counts.
	Refused func(reason string)
	// Now is the clock. nil: time.Now.
	Now func() time.Time
	// Log takes what an operator should know. Default: silent.
	Log zerolog.Logger
}

// An Edge is the node's border. It is safe for concurrent use.
type Edge struct {
	cfg    Config // Immutable after New.
	limits limits
	conns  conns
	warned atomic.Bool // a proxy that is not believed was reported
}

// New checks the config.
func New(cfg Config) (*Edge, error) {
	for _, n := range []int{cfg.LimitIP, cfg.LimitPlayer, cfg.MaxConnections, cfg.MaxPerAddress, cfg.MaxOpening} {
		if n < 0 {
			return nil, fmt.Errorf("%w: a limit of %d", ErrConfig, n)
		}
	}
	if cfg.Refused == nil {
		cfg.Refused = func(string) {}
	}
	if cfg.Limited == nil {
		cfg.Limited = func(string) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxPerAddress == 0 {
		cfg.MaxPerAddress = maxPerAddress
	}
	if cfg.MaxOpening == 0 {
		cfg.MaxOpening = maxOpening
	}
	e := &Edge{cfg: cfg}
	e.limits.init(&cfg)
	e.conns.init()
	return e, nil
}

// Wrap is the outermost handler: it finds out where a request comes from, and refuses what a page must not do. All of next's
// answers carry the headers that keep browsers from being clever with them.
func (e *Edge) Wrap(next http.Handler) http.Handler {
	next = e.guardOrigin(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if len(r.URL.EscapedPath()) > maxPathBytes {
			e.refuse(w, ReasonPath, http.StatusRequestURITooLong, "uri_too_long", fmt.Sprintf("the path is longer than %d bytes, which no path of this node is", maxPathBytes))
			return
		}
		c := e.resolve(r)
		if c.open && !localName(r.Host) {
			e.refuse(w, ReasonHost, http.StatusForbidden, "host_forbidden", fmt.Sprintf(
				"this node trusts everybody on this machine, and the name %.100q is not one of it: open it as localhost or by its address, or start it with -api-key or -advertise", r.Host))
			return
		}
		next.ServeHTTP(w, r.WithContext(withClient(r.Context(), c)))
	})
}

// secure sets what every answer carries. A page that loads more than itself replaces the policy.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}
