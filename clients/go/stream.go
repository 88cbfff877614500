package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrFraming is returned by Stream.Next for bytes that no WebSocket server sends.
var ErrFraming = errors.New("broken WebSocket framing")

// A StreamKind is what Stream.Next found.
type StreamKind uint8

// What a Stream yields.
const (
	StreamNothing StreamKind = iota // the rest is not there yet
	StreamMessage                   // a whole binary message
	StreamPing                      // to be answered: AppendPong with the payload
	StreamClose                     // the end: CloseReason of the payload
)

// A Stream is the receiving side of a WebSocket client, without the socket: bytes go in as they arrive, messages come out.
// Messages that arrive whole are not copied. Its zero value is ready.
//
//	s.Push(buf[:n])
//	for kind, p, err := s.Next(); kind != StreamNothing; kind, p, err = s.Next() { … }
type Stream struct {
	in      []byte // not yet taken: what was pushed last, or kept with it behind
	kept    []byte // memory of a frame that has arrived in part
	message []byte // fragments of a message
	open    bool   // a fragmented message goes on
}

// Push gives the Stream the next bytes. They must stay unchanged until Next answers StreamNothing.
func (s *Stream) Push(b []byte) {
	if len(s.kept) == 0 {
		s.in = b
		return
	}
	s.kept = append(s.kept, b...)
	s.in = s.kept
}

// Next takes one message or control frame. The payload is valid until the next call. After an error or StreamClose the
// Stream is of no more use.
func (s *Stream) Next() (StreamKind, []byte, error) {
	for {
		h, size, err := header(s.in)
		if err == nil && size > 0 {
			err = s.check(h)
		}
		if err != nil {
			return StreamNothing, nil, fmt.Errorf("%w: %w", ErrFraming, err)
		}
		end := size + int(h.Length)
		if size == 0 || end > len(s.in) {
			s.keep()
			return StreamNothing, nil, nil
		}
		payload := s.in[size:end:end]
		s.in = s.in[end:]
		if kind, p := s.take(h, payload); kind != StreamNothing {
			return kind, p, nil
		}
	}
}

var errLength = errors.New("message too long")

// check refuses a frame by its header, before its payload is waited for.
func (s *Stream) check(h ws.Header) error {
	state := ws.StateClientSide
	if s.open {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return err
	}
	if h.OpCode == ws.OpText {
		return errors.New("a text message")
	}
	held := 0
	if s.open {
		held = len(s.message)
	}
	if h.OpCode.IsData() && h.Length > int64(wire.MaxServerMessage-held) {
		return errLength
	}
	return nil
}

// take handles one whole frame; StreamNothing means that it was only a part, or nothing to tell.
func (s *Stream) take(h ws.Header, payload []byte) (StreamKind, []byte) {
	switch h.OpCode {
	case ws.OpClose:
		return StreamClose, payload
	case ws.OpPing:
		return StreamPing, payload
	case ws.OpPong:
		return StreamNothing, nil
	case ws.OpBinary:
		if h.Fin {
			return StreamMessage, payload
		}
		s.open, s.message = true, append(s.message[:0], payload...)
		return StreamNothing, nil
	}
	s.message = append(s.message, payload...)
	if !h.Fin {
		return StreamNothing, nil
	}
	s.open = false
	return StreamMessage, s.message
}

// keep saves what has arrived of the next frame, for the bytes belong to the caller.
func (s *Stream) keep() {
	switch {
	case len(s.in) == 0:
		s.kept = s.kept[:0]
	case len(s.kept) == 0:
		s.kept = append(s.kept, s.in...)
	default: // in is the tail of kept
		s.kept = s.kept[:copy(s.kept, s.in)]
	}
	s.in = nil
}

// header reads a frame header at the start of b; size 0 means that it is not all there.
func header(b []byte) (h ws.Header, size int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin, h.Rsv, h.OpCode = b[0]&0x80 != 0, b[0]>>4&7, ws.OpCode(b[0]&0x0f)
	h.Masked = b[1]&0x80 != 0
	switch n := b[1] & 0x7f; {
	case n < 126:
		h.Length, size = int64(n), 2
	case n == 126 && len(b) >= 4:
		h.Length, size = int64(binary.BigEndian.Uint16(b[2:])), 4
	case n == 127 && len(b) >= 10:
		v := binary.BigEndian.Uint64(b[2:])
		if v > wire.MaxServerMessage {
			return h, 0, errLength
		}
		h.Length, size = int64(v), 10
	}
	return h, size, nil
}

// AppendFrame appends one binary message as a WebSocket client sends it: in one masked frame.
func AppendFrame(dst, message []byte) []byte { return appendFrame(dst, ws.OpBinary, message) }

// AppendPong appends the answer to a ping.
func AppendPong(dst, payload []byte) []byte { return appendFrame(dst, ws.OpPong, payload) }

// AppendClose appends a close frame.
func AppendClose(dst []byte, code CloseCode, reason string) []byte {
	if code == 0 {
		return appendFrame(dst, ws.OpClose, nil)
	}
	return appendFrame(dst, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xffff:
		dst = append(dst, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32())
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[start:], mask, 0)
	return dst
}

// CloseReason reads the payload of a close frame; code 0 if it has none.
func CloseReason(payload []byte) (code CloseCode, reason string) {
	if len(payload) < 2 {
		return 0, ""
	}
	return CloseCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
}
