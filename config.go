package ringside

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/room"
)

// ErrConfig is wrapped by every error about a Config that cannot run.
var ErrConfig = errors.New("config")

// Config says how a node runs. The zero value, with a game, is a complete one-node installation on this machine.
type Config struct {
	// Games are what rooms can be made of; see WithGame.
	Games []room.Definition
	// Listen is the address for HTTP and WebSocket. Default 127.0.0.1:7777: only this machine can reach it.
	Listen string
	// Advertise is the base URL under which players reach this node, e.g. wss://eu1.example.com. Default: the address the
	// player asked.
	Advertise string
	// Data is the folder for everything that must survive a restart. Default ./ringside-data.
	Data string
	// Node is this node's name. Default: "node". It must not change while Data is kept.
	Node string
	// MaxRooms is how many rooms may be live. Default 10,000; beyond it creating one answers 503.
	MaxRooms int
	// MaxConnections is how many sockets may be open. Default 16,384; beyond it a connection is answered 503.
	MaxConnections int
	// Workers is how many tick workers run rooms. Default 1: a second one pays only when the first is busy.
	Workers int
	// Backend is how sockets are read and written: "epoll" (Linux, the default there) or "goroutine" (everywhere).
	Backend string
	// Sends is how epoll sends a tick to a room's players: "plain", a system call for each; "uring", one for all of them by
	// io_uring, which costs less CPU; "auto" (the default), uring where the system has it and allows it. Asked for uring where
	// there is none, the node sends plainly and warns.
	Sends string
	// DrainTimeout bounds how long Close, or SIGTERM, may take to write down the rooms and say goodbye. Default 8 s: less than
	// the 10 s that process managers give before they kill. What is not written then comes back as the last second had it.
	DrainTimeout time.Duration
	// AdminListen is an address of its own for operators: /admin, /metrics and the profiler, which then are nowhere else. Default:
	// none; then they are on Listen. Where others than this machine's programs come they ask for an API key.
	AdminListen string
	// Log takes what happens. Default: silent.
	Log zerolog.Logger

	// APIKeys are for servers such as the game's backend: NAME=SECRET or a secret alone, of 16 characters or more. Who shows one
	// may do everything. Default: none; then only programs on this machine may, and only as long as Listen is loopback and
	// neither Advertise nor TrustedProxies nor ACME is set.
	APIKeys []string
	// APIKeyFile is a file with more of them, one per line. Default: none.
	APIKeyFile string
	// JWTSecret signs players' tokens with HS256, at least 32 bytes; JWTSecretFile is a file with it. Default: none.
	JWTSecret, JWTSecretFile string
	// JWKS is a file or https URL with the public keys of players' tokens (RS256, ES256, EdDSA). Default: none. With it or a
	// JWTSecret nobody joins without a token, unless an API key speaks for them.
	JWKS string
	// JWTIssuer and JWTAudience are what tokens' iss and aud have to say. Default: they are not looked at.
	JWTIssuer, JWTAudience string
	// Public is what callers without an API key may do over HTTP: join, list, or none alone. Default: join and list.
	Public []string
	// TrustedProxies are the addresses (CIDR) whose X-Forwarded-For, -Proto and -Host are believed. Default: none; behind a
	// proxy all players then look like one and are limited as one.
	TrustedProxies []string
	// AllowOrigin are origins of pages that may call and connect beside the node's own: exact, https://*.example.com, or *.
	// Default: none; in development also every page on localhost.
	AllowOrigin []string
	// LimitIP and LimitPlayer are how many calls a second one address and one player with an account may make; beyond it 429.
	// Defaults 50 and 20; −1: no limit. API keys and this machine are not limited.
	LimitIP, LimitPlayer int
	// TLSCert and TLSKey are PEM files; they are read again when they change. Default: none, plain HTTP.
	TLSCert, TLSKey string
	// ACME are host names for which certificates are fetched and renewed, kept in Data/acme; the authority's terms are accepted.
	// Port 443 of each name must lead to Listen. Default: none.
	ACME []string
	// ACMEEmail is where the authority may write to, ACMEDirectory its URL (default Let's Encrypt), ACMECA a file with the root
	// certificate of its own server, for tests.
	ACMEEmail, ACMEDirectory, ACMECA string
	// ACMEHTTP is a further address, on port 80 for the internet, where the authority may ask instead. Default: none.
	ACMEHTTP string

	// MaxStreams is how many event streams and long polls may be held open, as far as the open files reach that connections
	// leave. Default 50,000; beyond it one is answered 503.
	MaxStreams int
	// QueueFile is a YAML file with the queues that players wait in for a match. Default: none.
	QueueFile string
	// Webhook is a URL that is told how rooms end, at least once each, signed with WebhookSecret or what WebhookSecretFile
	// holds. Default: nobody is told.
	Webhook, WebhookSecret, WebhookSecretFile string

	// Limits are further bounds; the zero value has the defaults.
	Limits Limits
	// MaxMemory is how many bytes of memory the process may have. Near it nothing new is taken, at it the room that allocates most is
	// ended. Default: GOMEMLIMIT, else the cgroup's limit, else the machine's memory.
	MaxMemory uint64

	auth  AuthFunc
	plant engine.Plant
	wall  func() time.Time // the machine's clock; nil: time.Now

	// abandoned stands in for the number of goroutines that did not come back from a game. nil: the host's.
	abandoned func() int

	// Set by fitFiles; 0: not yet.
	calls, adminCalls int

	process bool // the process is this node's; see crashes.go
}

// An Option adds something to a Config.
type Option func(*Config)

// WithGame adds a game to the node.
func WithGame(def room.Definition) Option {
	return func(c *Config) { c.Games = append(c.Games, def) }
}

func (c *Config) fillDefaults() {
	fill := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	fill(&c.Listen, "127.0.0.1:7777")
	fill(&c.Data, "ringside-data")
	fill(&c.Node, "node")
	fill(&c.Backend, defaultBackend())
	fill(&c.Sends, "auto")
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 8 * time.Second
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.wall == nil {
		c.wall = time.Now
	}
	c.fillEdgeDefaults()
	c.fillLimitDefaults()
}

func defaultBackend() string {
	if runtime.GOOS == "linux" {
		return "epoll"
	}
	return "goroutine"
}

// validate names the field that is wrong and what it wants.
func (c *Config) validate() error {
	fail := func(field, format string, args ...any) error {
		return fmt.Errorf("%w: %s: %s", ErrConfig, field, fmt.Sprintf(format, args...))
	}
	if len(c.Games) == 0 {
		return fail("Games", "a node without a game has nothing to run; use WithGame")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fail("-listen", "%q is not host:port", c.Listen)
	}
	for _, part := range []func() error{c.validateEdge, c.validateAPI, c.validateAdmin, c.validateBounds, c.validateLimits, c.validateMachine} {
		if err := part(); err != nil {
			return err
		}
	}
	if !nodeName(c.Node) {
		return fail("-node", "%q: want 1 to 64 characters without spaces or slashes", c.Node)
	}
	if c.Backend != "epoll" && c.Backend != "goroutine" {
		return fail("-backend", "%q: want epoll or goroutine", c.Backend)
	}
	if c.Backend == "epoll" && runtime.GOOS != "linux" {
		return fail("-backend", "epoll is Linux only; use goroutine")
	}
	if !slices.Contains([]string{"auto", "plain", "uring"}, c.Sends) {
		return fail("-sends", "%q: want auto, plain or uring", c.Sends)
	}
	switch c.plant {
	case engine.PlantNone, engine.PlantFlip, engine.PlantDrop:
		return nil
	}
	return fail("-plant-fault", "%q: want flip or drop", c.plant)
}

// nodeName reports whether a name is one of a node: short, and good for paths, terminals and command lines.
func nodeName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ' ' || r == '/' || r == '\\' || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	})
}

// validateBounds is part of validate: what has a least and a most.
func (c *Config) validateBounds() error {
	for _, f := range []struct {
		name   string
		v, max int
	}{
		{"-max-rooms", c.MaxRooms, 1_000_000}, {"-max-connections", c.MaxConnections, 1_000_000},
		{"-max-streams", c.MaxStreams, 1_000_000}, {"-workers", c.Workers, 64},
	} {
		if f.v < 1 || f.v > f.max {
			return configError(f.name, fmt.Errorf("%d: want 1 to %d", f.v, f.max))
		}
	}
	if c.DrainTimeout < 100*time.Millisecond || c.DrainTimeout > time.Hour {
		return configError("-drain-timeout", fmt.Errorf("%v: want 100ms to 1h", c.DrainTimeout))
	}
	return nil
}
