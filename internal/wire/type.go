package wire

import "strconv"

// Subprotocol is the WebSocket subprotocol both sides name in the upgrade.
const Subprotocol = "ringside.v1.msgpack"

// Version is the one protocol version this package speaks.
const Version = 1

// Sizes of whole messages in bytes, over all fragments of a WebSocket message. The socket enforces them before it reads;
// the parsers here take a frame of any size.
const (
	MaxClientMessage = 4096
	MaxHello         = 8192 // HELLO and TWIN
	MaxServerMessage = 1 << 20
	MaxCloseReason   = 123 // what a WebSocket close frame has room for
)

// Limits inside frames, in bytes or counted elements. The parsers enforce all but MaxInputsPerFrame, which needs the
// width of the game's input.
const (
	MaxInputsPerFrame = 8
	MaxToken          = 4096 // half a HELLO: a token never crowds out the rest
	MaxKey            = 512
	MaxSDK            = 64
	MaxRoom           = 128
	MaxURL            = 512
	MaxURLs           = 16
	MaxSchema         = 64 << 10
	MaxPayload        = 64 << 10 // all that may stand unacknowledged
	MaxText           = 1024     // ERR and END: a sentence for a person
	MaxResult         = 16 << 10
	MaxRosterEntries  = 4096
	MaxName           = 128
	MaxData           = 256
)

// A Type is element 0 of a frame: 1–31 from a client, 32–63 from a server, 64 and above extensions that are ignored by
// who does not know them.
type Type uint8

// The frames a client sends.
const (
	TypeHello Type = 1 + iota
	TypeInput
	TypeAck
	TypePing
	TypeMsg
	TypeLeave
	TypeResync
	TypeTwin
)

// The frames a server sends.
const (
	TypeWelcome Type = 33 + iota
	TypeSnapshot
	TypeDelta
	TypeDeltaB
	TypeEvent
	TypePong
	TypeHash
	TypeMoved
	TypeErr
	TypeStat
	TypeRoster
	TypeReply
	TypeEnd
)

// FirstExtension is the lowest type that a receiver ignores when it does not know it.
const FirstExtension Type = 64

var typeNames = [...]string{
	TypeHello: "HELLO", TypeInput: "INPUT", TypeAck: "ACK", TypePing: "PING", TypeMsg: "MSG", TypeLeave: "LEAVE",
	TypeResync: "RESYNC", TypeTwin: "TWIN",
	TypeWelcome: "WELCOME", TypeSnapshot: "SNAPSHOT", TypeDelta: "DELTA", TypeDeltaB: "DELTAB", TypeEvent: "EVENT",
	TypePong: "PONG", TypeHash: "HASH", TypeMoved: "MOVED", TypeErr: "ERR", TypeStat: "STAT", TypeRoster: "ROSTER",
	TypeReply: "REPLY", TypeEnd: "END",
}

// String is the name in docs/PROTOCOL.md, or TYPE(n) for a number without one.
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "TYPE(" + strconv.Itoa(int(t)) + ")"
}

// PeekType reads the array header and element 0 of a frame and nothing more. A type it does not know is no error: whether
// it may be ignored is the caller's to say.
func PeekType(frame []byte) (Type, error) {
	r := NewReader(frame)
	t, _ := r.frameHead()
	return t, r.err
}

// frameHead reads the array header and the type, and returns how many elements are left.
func (r *Reader) frameHead() (t Type, left int) {
	n := r.ArrayLen()
	v := r.Uint32()
	if n == 0 || v > 0xff {
		r.fail()
		return 0, 0
	}
	return Type(v), n - 1
}

// openFrame starts to read a frame that must be of type t with at least least elements behind the type; extra is how many
// there are beyond those.
func openFrame(frame []byte, t Type, least int) (r Reader, extra int) {
	r = NewReader(frame)
	got, left := r.frameHead()
	if got != t || left < least {
		r.fail()
	}
	return r, left - least
}

// openNested starts to read an array inside a frame, by the same rule as openFrame.
func (r *Reader) openNested(least int) (extra int) {
	n := r.ArrayLen()
	if n < least {
		r.fail()
	}
	return n - least
}

// endFrame passes over the extra elements that a later version may have added and refuses bytes behind the frame.
func (r *Reader) endFrame(extra int) error {
	r.Skip(extra)
	if r.Len() != 0 {
		r.fail()
	}
	return r.err
}
