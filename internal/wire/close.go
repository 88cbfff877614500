package wire

import "strconv"

// A CloseCode is the code of a WebSocket close frame. The hundreds say what the client does next: 40xx stops, 41xx
// resumes, 42xx asks the matchmaker for another room, 43xx follows the room.
type CloseCode uint16

// Close codes after which a client stops.
const (
	CloseLeft CloseCode = 4000 + iota
	CloseToken
	CloseVersion
	CloseMalformed
	CloseUnexpected
	CloseTooLarge
	CloseRate
	CloseKicked
	CloseFull
	CloseEnded
	CloseReplaced
	CloseSilent
	CloseFault
)

// Close codes after which a client resumes its session.
const (
	CloseSlow CloseCode = 4100 + iota
	CloseDraining
	ClosePingTimeout
	CloseRestored
)

// Close codes after which a client needs another room, and the one that names another place for the same room.
const (
	CloseLost          CloseCode = 4200
	CloseResumeUnknown CloseCode = 4201
	CloseMoved         CloseCode = 4300
)

// A RetryRule is what a client does after a close.
type RetryRule uint8

// The rules.
const (
	RetryNever      RetryRule = iota // stop and show the reason
	RetryResume                      // same session: the same url, then WELCOME's urls
	RetryMatchmaker                  // the session is over, its room with it: a new seat
	RetryMoved                       // same session at the URL that the close reason holds
)

// closeTable is docs/PROTOCOL.md §9; a test compares them line by line.
var closeTable = [...]struct {
	code   CloseCode
	name   string
	reason string // at most MaxCloseReason bytes
	retry  RetryRule
}{
	{CloseLeft, "left", "the player left (LEAVE)", RetryNever},
	{CloseToken, "token", "token or key refused, expired, spent", RetryNever},
	{CloseVersion, "version", "no protocol version in common", RetryNever},
	{CloseMalformed, "malformed", "a frame that does not parse", RetryNever},
	{CloseUnexpected, "unexpected", "a frame type that has no place here", RetryNever},
	{CloseTooLarge, "too_large", "a message over its limit", RetryNever},
	{CloseRate, "rate", "too many frames", RetryNever},
	{CloseKicked, "kicked", "removed by the game or an operator", RetryNever},
	{CloseFull, "full", "no place in the room", RetryNever},
	{CloseEnded, "ended", "the room ended; END came before", RetryNever},
	{CloseReplaced, "replaced", "the same session connected elsewhere", RetryNever},
	{CloseSilent, "silent", "no HELLO in time, or nothing after it", RetryNever},
	{CloseFault, "fault", "the game failed; END came before", RetryNever},
	{CloseSlow, "slow", "could not keep up for 5 s", RetryResume},
	{CloseDraining, "draining", "this node is going away", RetryResume},
	{ClosePingTimeout, "ping_timeout", "nothing was heard", RetryResume},
	{CloseRestored, "restored", "the room was restored: come back", RetryResume},
	{CloseLost, "lost", "the room is gone", RetryMatchmaker},
	{CloseResumeUnknown, "resume_unknown", "the session is no longer held", RetryMatchmaker},
	{CloseMoved, "moved", "the room is elsewhere", RetryMoved},
}

// String is the code's name, or its number where it has none.
func (c CloseCode) String() string {
	for i := range closeTable {
		if closeTable[i].code == c {
			return closeTable[i].name
		}
	}
	return strconv.Itoa(int(c))
}

// Reason is the text to send in the close frame when there is nothing better to say, "" for a code without one. After
// CloseMoved a client needs the room's URL there instead.
func (c CloseCode) Reason() string {
	for i := range closeTable {
		if closeTable[i].code == c {
			return closeTable[i].reason
		}
	}
	return ""
}

// Retry is what a client does after the code. A code of ours that is newer than this table goes by its hundreds;
// WebSocket's own codes mean a lost socket, except those that say that one side broke the protocol.
func (c CloseCode) Retry() RetryRule {
	switch {
	case c >= 4300 && c < 4400:
		return RetryMoved
	case c >= 4200 && c < 4300:
		return RetryMatchmaker
	case c >= 4100 && c < 4200:
		return RetryResume
	case c >= 4000, c == 1002, c == 1003:
		return RetryNever
	}
	return RetryResume
}
