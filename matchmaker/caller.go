package matchmaker

import "context"

// A Caller is who makes a call over HTTP, as the node's front has found out.
type Caller struct {
	// Server callers may do everything: they showed an API key, or the node
	// is a developer's own.
	Server bool

	// Player is the proven id of a player, empty for an anonymous one; Name is
	// what the proof calls them.
	Player, Name string

	// Principal tells callers apart where their requests must not meet, as
	// with idempotency keys: an API key's name, a player's id, an address. At
	// most 64 bytes.
	Principal string

	// Address is where the call comes from, as far as it is bounded by that: an
	// IPv4 address or a /64. Of an anonymous player it is the Principal. Empty:
	// calls from there are not bounded.
	Address string

	// NoServer says to a caller who is none why, and what to do about it;
	// Challenge means that a credential would help (401, else 403).
	NoServer  string
	Challenge bool

	// NoPlayer, if not empty, is why this caller may not play;
	// PlayerChallenge means that a credential would help.
	NoPlayer        string
	PlayerChallenge bool
}

// Public says what callers who are no servers may do.
type Public struct {
	Join bool // take seats: POST /v1/join, tickets, and seats of a room they know
	List bool // read lists of rooms, and the lobby's events
}

// caller returns who makes the request in ctx.
func (m *Matchmaker) caller(ctx context.Context) Caller {
	if m.cfg.Caller == nil {
		return Caller{Server: true}
	}
	return m.cfg.Caller(ctx)
}
