package client

import (
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// The protocol's own types that callers meet.
type (
	Frame     = view.Frame       // all that the client holds of one tick: 2K sections, the shared ones, then the private
	Schema    = view.Schema      // the game's kinds, input, messages and events
	Field     = view.Field       // one field of those
	Welcome   = wire.Welcome     // what the server said of the session
	Event     = wire.Event       // Payload is valid during the callback only
	Reply     = wire.Reply       // Payload is valid during the callback only
	Stat      = wire.Stat        // how the server sees the link
	End       = wire.End         // how the room ended; Result is valid during the callback only
	Moved     = wire.Moved       // a planned move
	Err       = wire.Err         // why a close follows
	Player    = wire.RosterEntry // one player in the room
	CloseCode = wire.CloseCode   // of a WebSocket close frame; 0 is a socket that ended without one
	Reader    = wire.Reader      // reads payloads
)

// NewReader reads a payload's fields; docs/PROTOCOL.md §5.5.
func NewReader(payload []byte) Reader { return wire.NewReader(payload) }

// A State is what a state frame brought. Frames belong to the Core and are valid until the next Receive.
type State struct {
	Epoch, Tick uint32
	InSeq       uint32 // the newest input of this player that the state includes
	Skipped     uint32 // states that were left out before this one
	Full        bool   // a SNAPSHOT
	Cur         *Frame
	Prev        *Frame // the state before, nil at first
}

// Handlers are called from Receive and Tick, in order, each event once. Any may be nil. They may call the Core they are
// given, except for Receive, Start, Lost and Tick.
type Handlers struct {
	Welcome  func(c *Core, now time.Duration, w *Welcome)
	State    func(c *Core, now time.Duration, s State)
	Event    func(c *Core, now time.Duration, e Event)
	Reply    func(c *Core, now time.Duration, r Reply)
	Roster   func(c *Core, now time.Duration)
	Stat     func(c *Core, now time.Duration, s Stat)
	Moved    func(c *Core, now time.Duration, m Moved)
	Err      func(c *Core, now time.Duration, e Err)
	End      func(c *Core, now time.Duration, e End)
	Mismatch func(c *Core, now time.Duration, m Mismatch)
}

// A Mismatch is a HASH that differed from the state held: the state is wrong, and a new snapshot is on its way.
type Mismatch struct{ Tick, Want, Got uint32 }

// Saved is what a program must keep to come back to its session after it was restarted itself. Key is a secret.
type Saved struct {
	URL      string   `json:"url"`
	URLs     []string `json:"urls,omitempty"`
	Room     string   `json:"room"`
	Key      string   `json:"key"`
	Session  uint32   `json:"session"`
	InSeq    uint32   `json:"in_seq"`
	MsgRef   uint32   `json:"msg_ref"`
	EventSeq uint32   `json:"event_seq"`
}

// Config says how to enter a room. URL and either Token or Saved are needed.
type Config struct {
	URL   string // of the seat: ws(s)://HOST/v1/rooms/ID/ws; empty with Saved: Saved's
	Token string // of the seat: good for one session, for 30 s
	Saved *Saved // in place of Token: a session to come back to

	SDK     string         // free text for the server's log, at most 64 bytes; "" is "ringside-go"
	Schemas *Schemas       // schemas already parsed, shared by many clients; nil: one of its own
	Rand    func() float64 // jitter in [0, 1); nil: math/rand/v2
	On      Handlers

	net *network // a Client's, in tests; nil: the real one
}
