package floor

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

// ErrConfig is wrapped by every error about a Config that cannot run.
var ErrConfig = errors.New("floor config")

// ErrUnsupported says that this system has no epoll.
var ErrUnsupported = fmt.Errorf("the floor: %w", sock.ErrUnsupported)

// Bounds: beyond them the machine's limits, not its costs, are measured.
const (
	maxConnections = 20_000
	maxBytes       = 4096 // of a message: what the server reads of one socket per tick
	maxHz          = 200  // the grid is 5 ms wide
)

// Config says what to move. Program is needed.
type Config struct {
	// Program is started with Command as its argument and must call Serve, or what answers as Serve does. Default: Command of this package.
	Program string `json:"-"`
	Command string `json:"-"`
	// WebSocket has the clients upgrade first and send their inputs as masked frames, of the same size on the wire.
	WebSocket bool `json:"-"`
	// Rooms of Players connections each. Default 64 of 8.
	Rooms   int `json:"rooms"`
	Players int `json:"players"`
	// Hz is the ticks a second: each reads what has arrived at a connection and writes one frame to it. Default 20.
	Hz int `json:"hz"`
	// InputHz is how many inputs a second each client sends. Default 20; less than 0: none.
	InputHz float64 `json:"input_hz"`
	// InputBytes and StateBytes are the sizes on the wire, WebSocket's headers included. Default 24 and 64.
	InputBytes int `json:"input_bytes"`
	StateBytes int `json:"state_bytes"`
	// Duration of the measurement. Default 4 s.
	Duration time.Duration `json:"-"`
}

func (c *Config) prepare() error {
	for _, f := range []struct {
		v   *int
		def int
	}{{&c.Rooms, 64}, {&c.Players, 8}, {&c.Hz, 20}, {&c.InputBytes, 24}, {&c.StateBytes, 64}} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if c.Command == "" {
		c.Command = Command
	}
	if c.InputHz == 0 {
		c.InputHz = 20
	}
	if c.Duration == 0 {
		c.Duration = 4 * time.Second
	}
	return c.validate()
}

func (c *Config) validate() error {
	switch {
	case c.Rooms < 1 || c.Players < 1 || c.Rooms*c.Players > maxConnections:
		return fmt.Errorf("%w: %d rooms of %d players: want 1 to %d connections", ErrConfig, c.Rooms, c.Players, maxConnections)
	case c.Hz < 1 || c.Hz > maxHz:
		return fmt.Errorf("%w: %d ticks a second: want 1 to %d", ErrConfig, c.Hz, maxHz)
	case c.InputHz > maxHz:
		return fmt.Errorf("%w: %v inputs a second: want at most %d", ErrConfig, c.InputHz, maxHz)
	case c.InputBytes < 1 || c.InputBytes > maxBytes || c.StateBytes < 1 || c.StateBytes > maxBytes:
		return fmt.Errorf("%w: messages of %d and %d bytes: want 1 to %d", ErrConfig, c.InputBytes, c.StateBytes, maxBytes)
	case c.WebSocket && (Payload(c.InputBytes, true) < 0 || Payload(c.StateBytes, false) < 0):
		return fmt.Errorf("%w: messages of %d and %d bytes: less than their frames' headers", ErrConfig, c.InputBytes, c.StateBytes)
	case c.Duration < 100*time.Millisecond:
		return fmt.Errorf("%w: duration %v: want at least 100ms", ErrConfig, c.Duration)
	case !sock.Supported:
		return ErrUnsupported
	}
	return nil
}

func (c *Config) connections() int { return c.Rooms * c.Players }

// Payload is what a WebSocket frame of so many bytes on the wire holds; less than 0: there is no such frame.
func Payload(wireBytes int, masked bool) int {
	n := wireBytes - 2
	if masked {
		n -= 4
	}
	if n > 125 { // the length has two bytes of its own then
		n = max(n-2, 125)
	}
	return n
}

// gridStep is how far apart the slots are: that of the server's workers.
const gridStep = 5 * time.Millisecond

// Slots is how many groups the rooms of one rate are spread over, evenly apart within a tick.
func Slots(hz int) int { return max(1, int(time.Second/gridStep)/hz) }
