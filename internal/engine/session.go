package engine

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// ErrKey is returned for a text that is not a resume key.
var ErrKey = errors.New("not a resume key")

// A Secret is the random part of a resume key.
type Secret [16]byte

// A Session is a player's presence in a room across connections: from the first HELLO to Leave.
type Session struct {
	// Immutable after the join.
	id     uint32
	seat   uint64
	player *room.Player
	joined uint32 // tick

	// The session as the journal sees it.
	attached bool
	deadline uint32 // tick at which an away session's seat is given up
	key      digest // of the newest resume key
	used     digest // of the credential the connection came with; zero once it is spent
	joinedBy digest // of the seat token, while it is unspent
	applied  uint32 // newest input a Step has seen
	handled  uint32 // newest message handled
	outbox   outbox
	buckets  []bucket // per message: its rate

	// What arrived on the connection and waits for a tick.
	conn     uint64
	since    uint32  // tick in which the connection came
	greeted  bool    // WELCOME went out
	heard    uint32  // tick of the newest frame
	spoke    bool    // a frame came after HELLO
	arrived  bool    // a frame came after WELCOME: what the connection came with is spent
	frames   float32 // that may come at once
	counted  uint32  // tick at which frames was right
	allowed  float32 // frames beyond the rate: what piled up while the room did not tick
	queue    queue
	lastSeq  uint32 // newest input taken into the queue
	lastRef  uint32 // newest message taken into the queue
	leaving  bool   // for why, with farewell and lastWord
	why      room.Reason
	farewell wire.CloseCode
	lastWord string
	lost     bool
	dropped  uint32         // inputs that were not used
	acked    uint32         // newest state tick acknowledged
	closed   wire.CloseCode // of the last connection the room gave up
	inputs   []int32

	// What the connection has been sent.
	welcome     *welcome // to be sent
	sentEpoch   uint32
	sentTick    uint32 // of the last state frame; 0: none, the next is a snapshot
	baseTick    uint32 // of a kept view equal to what the client holds
	baseView    uint32 // how many views had been recorded with it
	sentSeq     uint32
	shown       uint32 // newest input that the newest view includes
	markedTick  uint32 // of the last state that went out: events sent after it are not acknowledged by it
	explicit    bool   // the next state frame names its base: DELTAB
	priv        *view.Frame
	nextHash    uint32
	rosterTick  uint32 // of the newest roster the client holds
	rosterWhole bool
	resyncTick  uint32 // of the last RESYNC answered
	pongs       []uint64
	saidEnd     bool
	skipped     uint32
	states      uint32
}

// digest is the SHA-256 of a credential, cut to 16 bytes: keys are not kept where a checkpoint shows them.
type digest [16]byte

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

func (d digest) matches(o digest) bool {
	return d != digest{} && subtle.ConstantTimeCompare(d[:], o[:]) == 1
}

// ID is the session's number in its room; Slot its player's.
func (s *Session) ID() uint32 { return s.id }
func (s *Session) Slot() int  { return s.player.Slot }

// Seat is the directory's number of the seat.
func (s *Session) Seat() uint64 { return s.seat }

// Conn is the host's name of the connection, 0 while away.
func (s *Session) Conn() uint64 { return s.conn }

// Skipped is how many state frames the session was not sent; Dropped how many of its inputs were not used.
func (s *Session) Skipped() uint32 { return s.skipped }
func (s *Session) Dropped() uint32 { return s.dropped }

// Touch loads what the next Receive and Flush need of the session from memory; what it returns means nothing. A host that is about
// to serve many sessions, with system calls between them, touches all of them first: those loads overlap, later ones would not.
func (s *Session) Touch() uint32 {
	n := s.id + s.applied + s.heard + s.counted + s.lastSeq + s.acked + s.sentTick + s.nextHash + s.states
	if s.greeted && len(s.queue.items) > 0 {
		n += s.queue.items[0].seq
	}
	return n
}

// Away reports whether the connection is lost and the seat held. Waiting is how many inputs and messages no tick has taken.
func (s *Session) Away() bool                      { return !s.attached }
func (s *Session) Waiting() (inputs, messages int) { return s.queue.inputs, s.queue.msgs }

// Joined is the tick in which the session began. LastClose is the code with which the room last gave up a connection of it,
// 0 if it never did.
func (s *Session) Joined() uint32            { return s.joined }
func (s *Session) LastClose() wire.CloseCode { return s.closed }

// unspent reports whether there is a credential besides the newest key that opens the session.
func (s *Session) unspent() bool { return s.used != digest{} || s.joinedBy != digest{} }

// leaveFor makes the session end at the next tick; the first reason counts.
func (s *Session) leaveFor(why room.Reason, code wire.CloseCode, text string) {
	if !s.leaving {
		s.leaving, s.why, s.farewell, s.lastWord = true, why, code, cut(text, wire.MaxText)
	}
}

const keyPrefix = "r1."

// FormatKey writes a resume key: it names the room, so that any node can route it.
func FormatKey(roomID string, session uint32, secret Secret) string {
	return keyPrefix + roomID + "." + strconv.FormatUint(uint64(session), 36) + "." + base64.RawURLEncoding.EncodeToString(secret[:])
}

// IsKey reports whether a HELLO's token is a resume key rather than a seat token.
func IsKey(token string) bool { return strings.HasPrefix(token, keyPrefix) }

// ParseKey takes a resume key apart.
func ParseKey(key string) (roomID string, session uint32, secret Secret, err error) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	parts := strings.Split(rest, ".")
	if !ok || len(key) > 512 || len(parts) != 3 {
		return "", 0, secret, ErrKey
	}
	id, err := strconv.ParseUint(parts[1], 36, 32)
	if err != nil {
		return "", 0, secret, fmt.Errorf("%w: session", ErrKey)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(b) != len(secret) {
		return "", 0, secret, fmt.Errorf("%w: secret", ErrKey)
	}
	return parts[0], uint32(id), Secret(b), nil
}
