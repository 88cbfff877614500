package ringside

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
	"time"

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
	// DrainTimeout bounds how long Close, or SIGTERM, may take to write down the rooms and say goodbye. Default 8 s: less than
	// the 10 s that process managers give before they kill. What is not written then comes back as the last second had it.
	DrainTimeout time.Duration
	// Log takes what happens. Default: silent.
	Log zerolog.Logger

	plant engine.Plant
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
	if c.MaxRooms == 0 {
		c.MaxRooms = 10_000
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 16_384
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 8 * time.Second
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
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
	if c.Advertise != "" {
		u, err := url.Parse(c.Advertise)
		if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
			return fail("-advertise", "%q: want ws://host[:port] or wss://host[:port]", c.Advertise)
		}
	}
	if c.Node == "" || len(c.Node) > 64 || strings.ContainsAny(c.Node, " /\\\n\t") {
		return fail("-node", "%q: want 1 to 64 characters without spaces or slashes", c.Node)
	}
	if c.Backend != "epoll" && c.Backend != "goroutine" {
		return fail("-backend", "%q: want epoll or goroutine", c.Backend)
	}
	if c.Backend == "epoll" && runtime.GOOS != "linux" {
		return fail("-backend", "epoll is Linux only; use goroutine")
	}
	for _, f := range []struct {
		name   string
		v, max int
	}{{"-max-rooms", c.MaxRooms, 1_000_000}, {"-max-connections", c.MaxConnections, 1_000_000}, {"-workers", c.Workers, 256}} {
		if f.v < 1 || f.v > f.max {
			return fail(f.name, "%d: want 1 to %d", f.v, f.max)
		}
	}
	if c.DrainTimeout < 100*time.Millisecond || c.DrainTimeout > time.Hour {
		return fail("-drain-timeout", "%v: want 100ms to 1h", c.DrainTimeout)
	}
	switch c.plant {
	case engine.PlantNone, engine.PlantFlip, engine.PlantDrop:
		return nil
	}
	return fail("-plant-fault", "%q: want flip or drop", c.plant)
}
