package ws

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

const fin = 0x80

// AppendHeader appends the header of an unmasked binary message of n bytes, which the caller appends behind it.
func AppendHeader(dst []byte, n int) []byte { return appendHeader(dst, ws.OpBinary, n) }

func appendHeader(dst []byte, op ws.OpCode, n int) []byte {
	dst = append(dst, fin|byte(op))
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 126, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// AppendClose appends a close frame. A reason of more than 123 bytes is cut between two characters. Code 0 makes the frame
// without one that answers a close without one.
func AppendClose(dst []byte, code wire.CloseCode, reason string) []byte {
	if code == 0 {
		return appendHeader(dst, ws.OpClose, 0)
	}
	reason = cut(reason, wire.MaxCloseReason)
	dst = appendHeader(dst, ws.OpClose, 2+len(reason))
	return append(append(dst, byte(code>>8), byte(code)), reason...)
}

// AppendPong appends the answer to a ping.
func AppendPong(dst, payload []byte) []byte {
	return append(appendHeader(dst, ws.OpPong, len(payload)), payload...)
}

// firstUnknown is the first code above those that RFC 6455 gives to anybody.
const firstUnknown ws.StatusCode = 5000

// ParseClose reads the code of a close frame's payload: 0 if it is empty, 1002 if it is none that may be sent.
func ParseClose(payload []byte) wire.CloseCode {
	if len(payload) == 0 {
		return 0
	}
	if len(payload) == 1 {
		return wire.CloseCode(ws.StatusProtocolError)
	}
	code := ws.StatusCode(binary.BigEndian.Uint16(payload))
	if code >= firstUnknown || ws.CheckCloseFrameData(code, string(payload[2:])) != nil {
		return wire.CloseCode(ws.StatusProtocolError)
	}
	return wire.CloseCode(code)
}

// cut returns at most n bytes of s, which is UTF-8, without half a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
