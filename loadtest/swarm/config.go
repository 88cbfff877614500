package swarm

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/sock"
)

// ErrConfig is wrapped by every error about a Config that cannot run.
var ErrConfig = errors.New("load test config")

// A Player decides what a bot does. One Player serves one bot and is called from one goroutine at a time.
type Player interface {
	// Input fills in with the next input; in holds the last one. In a game without inputs in is empty, and the call, four
	// times a second, is the player's chance to make a request through core.
	Input(core *client.Core, in []int32)
}

// Config says what to run. URL and Game are needed.
type Config struct {
	URL  string // of the server, http(s)://HOST
	Game string
	// Rooms to create. Default 16.
	Rooms int
	// Players in each room. Default 8.
	Players int
	// Duration of the measurement, after everybody has joined and a second has passed. Default 10 s.
	Duration time.Duration
	// InputHz is how many inputs each bot sends a second. Default 20. Games without an input get none.
	InputHz float64
	// Delivered is the share of the expected states that must arrive at each bot. Default 0.995. Less is for machines that
	// have other things to do: what arrives is checked all the same.
	Delivered float64
	// Options for the rooms: the game's own JSON. Default {}.
	Options json.RawMessage
	// Seed makes the bots' choices and phases repeatable. Default: random.
	Seed uint64
	// MetricsURL is where the server's Prometheus text is. Default URL/metrics.
	MetricsURL string
	// APIKey is sent as a bearer token (Authorization: Bearer KEY) with every call of the HTTP API, and for metrics below URL.
	// Default: none.
	APIKey string
	// Timeline asks for what WriteHTML shows second by second; the server's metrics are read each second then.
	Timeline bool
	// Chaos harms the server in place of a measurement of Duration. Default: nothing is harmed.
	Chaos *Chaos

	// NewPlayer makes the player of a bot. Default: random within the schema's ranges.
	NewPlayer func(game *client.Game, rng *rand.Rand) Player
	// Progress is called every 200 ms from one goroutine. Default: not at all.
	Progress func(Progress)
	// Log takes one line for what must be known at once, such as the first HASH that differs. It may be called from any
	// goroutine. Default: nobody is told before the report.
	Log func(line string)

	joinWithin, warmUp time.Duration // tests wait less
	goroutines         bool          // a goroutine per bot; always so where there are no raw sockets
}

// Progress is where a run stands.
type Progress struct {
	Phase   string // "idle", "joining", "warming up", "measuring", "leaving"; with Chaos "playing 1", "back 1", "playing on 1" …
	Elapsed time.Duration
	Of      time.Duration // how long the phase takes, 0 unknown
	Joined  int
	Bots    int
	Frames  uint64 // states received so far
	Faults  int
}

// Bounds: beyond them the generator, not the server, is measured.
const (
	maxBots    = 20_000
	maxInputHz = 200
)

func (c *Config) prepare() error {
	fillInt(&c.Rooms, 16)
	fillInt(&c.Players, 8)
	if c.Duration == 0 {
		c.Duration = 10 * time.Second
	}
	if c.InputHz == 0 {
		c.InputHz = 20
	}
	if c.Delivered == 0 {
		c.Delivered = 0.995
	}
	if len(c.Options) == 0 {
		c.Options = json.RawMessage("{}")
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.MetricsURL == "" {
		c.MetricsURL = c.URL + "/metrics"
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.joinWithin == 0 {
		c.joinWithin = joinWithin
	}
	if c.warmUp == 0 {
		c.warmUp = warmUp
	}
	if c.NewPlayer == nil {
		c.NewPlayer = newRandomPlayer
	}
	c.goroutines = c.goroutines || !sock.Supported
	if c.Chaos != nil {
		if err := c.Chaos.prepare(); err != nil {
			return err
		}
	}
	return c.validate()
}

func fillInt(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

func (c *Config) validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: url %q: want http(s)://HOST", ErrConfig, c.URL)
	case c.Game == "":
		return fmt.Errorf("%w: no game", ErrConfig)
	case c.Rooms < 1 || c.Players < 1 || c.Rooms*c.Players > maxBots:
		return fmt.Errorf("%w: %d rooms of %d players: want 1 to %d bots", ErrConfig, c.Rooms, c.Players, maxBots)
	case c.Delivered < 0 || c.Delivered > 1:
		return fmt.Errorf("%w: delivered %v: want 0 to 1", ErrConfig, c.Delivered)
	case c.Duration < 100*time.Millisecond:
		return fmt.Errorf("%w: duration %v: want at least 100ms", ErrConfig, c.Duration)
	case c.InputHz < 0.1 || c.InputHz > maxInputHz:
		return fmt.Errorf("%w: input-hz %v: want 0.1 to %d", ErrConfig, c.InputHz, maxInputHz)
	case !json.Valid(c.Options):
		return fmt.Errorf("%w: options are no JSON", ErrConfig)
	}
	return nil
}
