package matchmaker

import "fmt"

// A command is what the log carries:
//
//	+---------+------+---------------+
//	| version | kind | msgpack array |
//	+---------+------+---------------+
//
// Kinds and fields are only ever added, fields at the end. All a command
// needs is in it, the time and the random bytes too.
const commandVersion = 1

const (
	kindNodeUp byte = iota + 1
	kindCreateRoom
	kindRoomStarted
	kindRoomRefused
	kindReserve
	kindJoinOrCreate
	kindConfirm
	kindRelease
	kindExpire
	kindEndRoom
	kindEndIfIdle
	kindAddKey
	kindUpdateRoom
	kindRoomRestored
)

// The kinds of what callers ask of a room, and of the webhook.
const (
	kindPatchRoom byte = iota + 20
	kindFreeSeat
	kindSetWebhook
	kindAcknowledge
)

// command is one kind of command.
type command interface {
	kind() byte
	fields(*codec)
	apply(*Directory) result
	meta() *origin
}

// origin is what every command carries.
type origin struct {
	Time      int64  // Unix ms at the proposer
	Principal string // who asked; empty is the server itself
	Key       string // idempotency key; empty: none
}

func (o *origin) meta() *origin { return o }

func (o *origin) fields(c *codec) {
	c.int(&o.Time)
	c.str(&o.Principal, maxIDBytes)
	c.str(&o.Key, maxIDBytes)
}

type (
	nodeUp struct {
		origin
		Node
	}

	// creation is what a new room is made of.
	creation struct {
		Game          string
		Options       []byte
		Metadata      []Pair
		Private       bool
		Bots          *int
		MaxPlayers    int // 0: as many as the game allows
		MaxSpectators int
		MaxLive       int    // refused when as many rooms live
		Random        []byte // 16 bytes: the id and the seed
	}

	createRoom struct {
		origin
		creation
		once
		Code []byte // random bytes of a private room's code
	}

	// fenced names a room and the epoch in which the caller owns it.
	fenced struct {
		Room  string
		Epoch uint64
	}

	roomStarted struct {
		origin
		fenced
	}

	roomRestored struct {
		origin
		fenced
		Gone []uint64 // seats that were taken and have no session in the room
	}

	roomRefused struct {
		origin
		fenced
		Text string
	}

	// Player is who a seat is reserved for.
	Player struct {
		ID, Name string
		Team     int // 0 to 255, 0 is none
		Role     Role
	}

	reserve struct {
		origin
		Room    string
		Players []Player
		Expires int64
		once
	}

	joinOrCreate struct {
		origin
		creation // Metadata holds the filters
		Player   Player
		Expires  int64
		once
	}

	confirm struct {
		origin
		fenced
		Seat uint64
	}

	release struct {
		origin
		fenced
		Seat uint64
	}

	expire struct{ origin }

	endRoom struct {
		origin
		fenced
		Ending
	}

	endIfIdle struct {
		origin
		fenced
	}

	addKey struct {
		origin
		signingKey
		After uint64 // the newest key the proposer knew; another one makes this a no-op
	}

	updateRoom struct {
		origin
		fenced
		RoomUpdate
		Code []byte // random bytes, if the room becomes private
	}

	patchRoom struct {
		origin
		Room     string
		Any      bool     // whatever the room's version
		Versions []uint64 // else one of these
		Locked   *bool
		Private  *bool
		Set      []Pair
		Remove   []string
		Code     []byte // random bytes, if the room becomes private
	}

	freeSeat struct {
		origin
		Room string
		Seat uint64
	}

	setWebhook struct {
		origin
		On bool
	}

	acknowledge struct {
		origin
		Events []string
	}
)

// RoomUpdate says what the owner of a room wants changed; nil stays as it is. Metadata is merged key by key, an empty value
// removes its key.
type RoomUpdate struct {
	Locked   *bool
	Private  *bool
	Metadata map[string]string
}

// newCommand returns an empty command of a kind, nil for an unknown one.
func newCommand(kind byte) command {
	switch kind {
	case kindNodeUp:
		return &nodeUp{}
	case kindCreateRoom:
		return &createRoom{}
	case kindRoomStarted:
		return &roomStarted{}
	case kindRoomRefused:
		return &roomRefused{}
	case kindReserve:
		return &reserve{}
	case kindJoinOrCreate:
		return &joinOrCreate{}
	case kindConfirm:
		return &confirm{}
	case kindRelease:
		return &release{}
	case kindExpire:
		return &expire{}
	case kindEndRoom:
		return &endRoom{}
	case kindEndIfIdle:
		return &endIfIdle{}
	case kindAddKey:
		return &addKey{}
	case kindUpdateRoom:
		return &updateRoom{}
	case kindRoomRestored:
		return &roomRestored{}
	case kindPatchRoom:
		return &patchRoom{}
	case kindFreeSeat:
		return &freeSeat{}
	case kindSetWebhook:
		return &setWebhook{}
	case kindAcknowledge:
		return &acknowledge{}
	}
	return newTicketCommand(kind)
}

func encodeCommand(cmd command) []byte {
	return encodeFields([]byte{commandVersion, cmd.kind()}, cmd.fields)
}

func decodeCommand(b []byte) (command, error) {
	if len(b) < 2 || b[0] != commandVersion {
		return nil, fmt.Errorf("decode command: %w: version", ErrCommandCorrupt)
	}
	cmd := newCommand(b[1])
	if cmd == nil {
		return nil, fmt.Errorf("decode command: %w: kind %d", ErrCommandCorrupt, b[1])
	}
	if err := decodeFields(b[2:], cmd.fields); err != nil {
		return nil, fmt.Errorf("decode command of kind %d: %w: %w", b[1], ErrCommandCorrupt, err)
	}
	return cmd, nil
}
