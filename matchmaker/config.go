package matchmaker

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/stream"
)

// Bounds that are part of the log's format: every replica must agree on them,
// so they are not configurable.
const (
	maxIDBytes        = 64
	maxGameBytes      = 64
	maxTextBytes      = 512
	maxResultBytes    = 16 << 10
	maxOptionsBytes   = 4 << 10
	maxMetadata       = 16
	maxMetadataKey    = 64
	maxMetadataValue  = 256
	maxNameRunes      = 32
	maxNameBytes      = 4 * maxNameRunes
	maxTeam           = 255 // teams are small numbers; 0 is none
	maxGames          = 256
	maxNodes          = 4096
	maxPlayersPerCall = 16
	maxPlayersPerRoom = 1024
	maxSpectatorLimit = 1024
	maxWeight         = 16
	maxVersions       = 8
	maxEventBytes     = maxIDBytes + 21 // a room and an epoch

	// Ended rooms answer "how did it end" for a while: ten minutes is a long
	// coffee, 10,000 rooms and 32 MiB of results are what a node can spare.
	endedKept      = 10_000
	endedKeptBytes = 32 << 20
	endedKeptMs    = 10 * 60 * 1000

	// A seat is given up this long after its token expired: a player who
	// presents the token in its last moment must still find the seat.
	expiryGraceMs = 10_000

	// expireBatch bounds what one Expire command frees.
	expireBatch = 4096

	// tokenKeys are valid at a time: the newest signs, all verify.
	tokenKeys = 3
)

// defaultTokenTTL is the default of Config.TokenTTL.
const defaultTokenTTL = 30 * time.Second

// Config of a Matchmaker. The zero value works.
type Config struct {
	// TokenTTL is how long a player has from the answer to the handshake.
	// Default 30 s. Longer holds seats longer for players who never come.
	TokenTTL time.Duration

	// StartTimeout is how long a creating call waits for the owner of the new
	// room. Default 5 s. After it the caller gets 504 and the room may live.
	StartTimeout time.Duration

	// MaxRooms is how many live rooms there may be. Default 10,000. Above it
	// creating answers 503.
	MaxRooms int

	// MaxSpectators is how many spectators a new room admits. Default 16,
	// -1 for none.
	MaxSpectators int

	// KeyRotation is how old the signing key may get. Default 24 h. The two
	// keys before it stay valid.
	KeyRotation time.Duration

	// URL makes the address of a room's socket. Of r it may look at the context,
	// Host, X-Forwarded-Proto, and whether TLS is nil: no more is kept of a
	// request that waits for a match. Default: the request's Host, wss when the
	// request came over TLS.
	URL func(r *http.Request, room string) string

	// TrustForwarded believes X-Forwarded-Proto when URL is not set. Default
	// no: without a proxy in front a client could send it.
	TrustForwarded bool

	// Caller says who makes a call, from the request's context. Default: every
	// caller is a server.
	Caller func(context.Context) Caller

	// Public is what callers who are no servers may do. Default: nothing.
	Public Public

	// Kick closes the session of a taken seat with close code 4007 and a text for its player; End ends a room. They ask the
	// room's owner and return when it has been asked; ErrRoomUnknown means that it does not run the room in this epoch.
	// Default: a taken seat cannot be kicked, and a room ends without its owner being asked.
	Kick func(ctx context.Context, room string, epoch, seat uint64, text string) error
	End  func(ctx context.Context, room string, epoch uint64, text string) error

	// Queues are where tickets wait. Default: none, and every ticket is refused.
	// Leaving one out lets the tickets in it expire.
	Queues []Queue

	// MaxTickets is how many tickets may be live. Default 50,000. Above it
	// POST /v1/tickets answers 503.
	MaxTickets int

	// LimitTickets is how many live tickets an address may have of callers without an account and key. Default 256. Above it
	// 429. All of them together have seven eighths of MaxTickets.
	LimitTickets int

	// LimitCodes is how many unknown join codes a caller may try in a minute; an address of callers with accounts ten times as
	// many. Default 10: who mistypes never notices; who guesses, with 10,000 private rooms alive, hits one in a week from one
	// address. Above it 429.
	LimitCodes int

	// Limited is called with the limit at which a call was refused: max-rooms, max-tickets, limit-tickets, limit-codes. Default:
	// nobody counts.
	Limited func(limit string)

	// Webhook hears how rooms end. Default: nobody does.
	Webhook Webhook

	// Hub holds the answers that wait: event streams and long polls. Default: one of the Matchmaker's own.
	Hub *stream.Hub

	// Logger takes what the background work gives up on. Default: silent.
	Logger zerolog.Logger

	// Short names what the node is short of, in a word or two for clients, "" if nothing. While it does, calls that would take
	// more (rooms, seats, tickets, event streams) are answered 503 and no matches are made. Default: nothing, ever.
	Short func() string

	// Now is the clock that seats, tickets and keys live by; it should not jump. Default time.Now.
	Now func() time.Time

	// Wall is the clock that others have, too, for signatures that they check. Default Now.
	Wall func() time.Time
}

func (c *Config) setDefaults() {
	if c.TokenTTL == 0 {
		c.TokenTTL = defaultTokenTTL
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 5 * time.Second
	}
	if c.MaxRooms == 0 {
		c.MaxRooms = 10_000
	}
	switch c.MaxSpectators {
	case 0:
		c.MaxSpectators = 16
	case -1:
		c.MaxSpectators = 0
	}
	if c.MaxTickets == 0 {
		c.MaxTickets = 50_000
	}
	if c.LimitTickets == 0 {
		c.LimitTickets = 256
	}
	if c.LimitCodes == 0 {
		c.LimitCodes = 10
	}
	if c.Limited == nil {
		c.Limited = func(string) {}
	}
	if c.KeyRotation == 0 {
		c.KeyRotation = 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wall == nil {
		c.Wall = c.Now
	}
}

func (c *Config) validate() error {
	switch {
	case c.TokenTTL < time.Second || c.TokenTTL > time.Hour:
		return fmt.Errorf("matchmaker config: TokenTTL is %v, must be 1s to 1h", c.TokenTTL)
	case c.StartTimeout < 0:
		return fmt.Errorf("matchmaker config: StartTimeout is %v, must not be negative", c.StartTimeout)
	case c.MaxRooms < 0:
		return fmt.Errorf("matchmaker config: MaxRooms is %d, must not be negative", c.MaxRooms)
	case c.MaxSpectators < 0 || c.MaxSpectators > maxSpectatorLimit:
		return fmt.Errorf("matchmaker config: MaxSpectators is %d, must be -1 to %d", c.MaxSpectators, maxSpectatorLimit)
	case c.KeyRotation < 2*c.TokenTTL:
		return fmt.Errorf("matchmaker config: KeyRotation is %v, must be at least twice TokenTTL (%v)", c.KeyRotation, c.TokenTTL)
	case c.MaxTickets < 0 || c.LimitTickets < 0 || c.LimitCodes < 0:
		return fmt.Errorf("matchmaker config: MaxTickets, LimitTickets, LimitCodes are %d, %d, %d, must not be negative", c.MaxTickets, c.LimitTickets, c.LimitCodes)
	}
	if err := c.setQueues(); err != nil {
		return err
	}
	return c.Webhook.validate()
}
