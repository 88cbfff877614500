package host

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/room"
)

// How long a game may take: for a tick, for New, for a room's restoring.
const (
	defaultStepLimit    = 2 * time.Second
	defaultStartLimit   = 10 * time.Second
	defaultRestoreLimit = 30 * time.Second
)

// ErrConfig is wrapped by every error about a Config that cannot run.
var ErrConfig = errors.New("host config")

// Backend says how sockets are served.
type Backend string

// The backends. Both keep the same contract; see DESIGN.md.
const (
	// Epoll is the one built for speed: no goroutine per connection. Linux only. Connections that are no plain sockets
	// (TLS) are served by goroutines even so.
	Epoll Backend = "epoll"
	// Goroutine has two goroutines per connection and runs everywhere.
	Goroutine Backend = "goroutine"
)

// Sends says how the frames of a room's tick are sent by Epoll.
type Sends string

const (
	// Auto is Uring where the system has it, else Plain.
	Auto Sends = "auto"
	// Plain is one system call for each player.
	Plain Sends = "plain"
	// Uring is one for each room, by io_uring. Where the system forbids it or has none, sends are plain, and the log warns.
	Uring Sends = "uring"
)

// maxConfirms is the default of Config.MaxConfirms.
const maxConfirms = 64

// Config is how a Host runs. Seats must be set; everything else has a default.
type Config struct {
	Games     []*room.Program // what rooms can be of
	Seats     Seats           // who may sit where
	Directory Directory       // hears what became of rooms; nil: nobody does
	Gate      Gate            // asked before each tick; nil: rooms always run
	Journal   Journal         // keeps rooms for the next process; nil: they end with this one

	// Origin says whether a page of that origin may connect; nil: all may.
	Origin func(r *http.Request, origin string) bool
	// URLs are other places where the clients of this node may resume.
	URLs []string

	// Backend is Epoll where the system has it, else Goroutine.
	Backend Backend
	// Sends is Auto unless it says otherwise: io_uring saves a tenth of the CPU and more. Players over TLS have nothing of it.
	Sends Sends
	// Workers is how many goroutines tick rooms (default 1). Each holds a processor of the Go scheduler while it sleeps, so
	// GOMAXPROCS is raised by as many. A second worker costs 10–15 % at 512 connections and nothing at 2000.
	Workers int

	// MaxConnections bounds sockets, those in handshake included (default 16384): beyond it the upgrade answers 503.
	MaxConnections int
	// MaxHandshakes bounds sockets that are not in a room yet, and as many requests that wait for their room to be restored (default
	// 1024): beyond it 503. It bounds what a flood of
	// connections that say nothing costs: a goroutine and up to 8 KiB each for HelloTimeout.
	MaxHandshakes int
	// Limited is called with the limit at which a request for a socket was refused: max-connections, max-handshakes. nil: nobody
	// counts.
	Limited func(limit string)
	// MaxConfirms bounds how many seats are confirmed at the same time (default 64); others wait.
	MaxConfirms int

	// HelloTimeout is how long a client may take from the upgrade to the end of its HELLO (default 5 s, as the protocol says).
	HelloTimeout time.Duration
	// SlowTimeout is how long a socket may leave the rest of a frame unsent (default 5 s, as the protocol says): 4100.
	SlowTimeout time.Duration
	// IdleTimeout is after how long without anybody the directory is asked to end a room, and asked again (default 60 s).
	// It is the same for a room nobody has come to yet: its seats are good for 30 s, and friends take longer.
	IdleTimeout time.Duration
	// StepLimit is how long a tick may take (default 2 s). A room whose game has not come back by then is ended with 4012, and
	// the goroutine given up, which goes on burning a processor if it spins.
	StepLimit time.Duration
	// StartLimit is how long a game's New may take (default 10 s), RestoreLimit how long it may take to restore a room from its
	// checkpoint and replay what came after it (default 30 s). Beyond it the room is refused, a restored one lost.
	StartLimit, RestoreLimit time.Duration
	// Plant corrupts some of the states that are sent, to test load tests; see engine.Plant.
	Plant engine.Plant
	// Crashes are how processes before this one ended that had a room to blame: it does not run again but is over, with 4012 and
	// a fault file. A crash is of one epoch of its room; rooms that ran since are not touched.
	Crashes []crash.Crash
	// FaultDir is where the journals of failed rooms are written. "": nowhere. MaxFaults is how many are kept (default 50).
	FaultDir  string
	MaxFaults int

	Log zerolog.Logger

	balance balancing                       // when rooms move; balanced but for tests
	newRing func(n int) (*sock.Ring, error) // sock.NewRing
}

// validate fills in defaults and names what cannot be.
func (c *Config) validate() error {
	if c.Seats == nil {
		return fmt.Errorf("%w: Seats is missing", ErrConfig)
	}
	if c.Limited == nil {
		c.Limited = func(string) {}
	}
	if c.balance == (balancing{}) {
		c.balance = balanced
	}
	if err := c.validateSockets(); err != nil {
		return err
	}
	for _, f := range []struct {
		name     string
		v        *int
		def, max int
	}{
		{"Workers", &c.Workers, 1, 64},
		{"MaxConnections", &c.MaxConnections, 16384, 1 << 20},
		{"MaxHandshakes", &c.MaxHandshakes, 1024, 1 << 16},
		{"MaxConfirms", &c.MaxConfirms, maxConfirms, 1 << 12},
		{"MaxFaults", &c.MaxFaults, 50, 10_000},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 1 || *f.v > f.max {
			return fmt.Errorf("%w: %s %d: want 1 to %d", ErrConfig, f.name, *f.v, f.max)
		}
	}
	for _, f := range []struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{
		{"HelloTimeout", &c.HelloTimeout, 5 * time.Second},
		{"SlowTimeout", &c.SlowTimeout, 5 * time.Second},
		{"IdleTimeout", &c.IdleTimeout, time.Minute},
		{"StepLimit", &c.StepLimit, defaultStepLimit},
		{"StartLimit", &c.StartLimit, defaultStartLimit},
		{"RestoreLimit", &c.RestoreLimit, defaultRestoreLimit},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 0 {
			return fmt.Errorf("%w: %s %v is negative", ErrConfig, f.name, *f.v)
		}
	}
	return nil
}

// validateSockets is the part of validate about how sockets are served.
func (c *Config) validateSockets() error {
	if c.Backend == "" {
		c.Backend = Goroutine
		if sock.Supported {
			c.Backend = Epoll
		}
	}
	if c.Backend != Goroutine && (c.Backend != Epoll || !sock.Supported) {
		return fmt.Errorf("%w: Backend %q is not one of this system", ErrConfig, c.Backend)
	}
	if c.Sends == "" {
		c.Sends = Auto
	}
	if c.Sends != Auto && c.Sends != Plain && c.Sends != Uring {
		return fmt.Errorf("%w: Sends %q: want auto, plain or uring", ErrConfig, c.Sends)
	}
	if c.newRing == nil {
		c.newRing = sock.NewRing
	}
	return nil
}
