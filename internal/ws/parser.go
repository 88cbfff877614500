package ws

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// Errors of a Parser: all of them cost the sender its connection, with the code of CloseCode.
var (
	// ErrProtocol is a violation of RFC 6455: an unmasked frame, a reserved bit or opcode, a wrong continuation.
	ErrProtocol = errors.New("websocket: broken framing")
	// ErrText is a text message.
	ErrText = errors.New("websocket: text message")
	// ErrTooLarge is a message that announces more bytes than the limit.
	ErrTooLarge = errors.New("websocket: message too large")
)

// CloseCode is the code to close a connection with after an error of a Parser.
func CloseCode(err error) wire.CloseCode {
	switch {
	case errors.Is(err, ErrTooLarge):
		return wire.CloseTooLarge
	case errors.Is(err, ErrText):
		return wire.CloseCode(ws.StatusUnsupportedData)
	}
	return wire.CloseCode(ws.StatusProtocolError)
}

// An Op says what a Message is.
type Op uint8

// What a Parser returns. None means that all bytes were taken and more are needed.
const (
	None   Op = 0
	Text   Op = Op(ws.OpText) // never, but under the build tag conformance
	Binary Op = Op(ws.OpBinary)
	Close  Op = Op(ws.OpClose)
	Ping   Op = Op(ws.OpPing)
	Pong   Op = Op(ws.OpPong)
)

// A Message is one whole message, or a control frame between its fragments, unmasked.
type Message struct {
	Op      Op
	Payload []byte
}

// A Parser turns the bytes of one connection into messages, in whatever pieces they come. It holds nothing but the beginning
// of a message that is not complete, one pointer else. After an error it must not be used again. The zero value is ready.
//
// A frame that lies whole in the buffer, and is a whole message, is unmasked where it is and returned without a copy: that is
// the case that happens. Everything else (a cut header, a cut payload, fragments) goes through a partial, a copy that grows as
// bytes arrive, never by what a header announces. How the bytes were cut makes no difference to what comes out.
type Parser struct {
	part *partial
}

// A partial is what of a message, or of a control frame between fragments, has arrived.
type partial struct {
	head    [ws.MaxHeaderSize]byte
	headLen int       // bytes of an unfinished header; 0 while in a payload
	inside  bool      // a frame's header has been read, its payload is not complete
	frame   ws.Header // while inside
	got     int       // bytes of the frame's payload that have arrived
	open    bool      // a message's first fragments have arrived, its last has not begun
	op      ws.OpCode // of the message; right once its first fragment has ended
	message []byte    // payload of the fragments so far
	control []byte    // payload of the control frame so far
}

// Next takes the first message out of buf and returns how many bytes it used. With None it has used them all and keeps what
// it needs. limit is the most bytes a message may have, over all fragments; what announces more is refused before it is kept.
// The payload may lie in buf, which is changed. Bytes of a refused message count as used.
func (p *Parser) Next(buf []byte, limit int) (m Message, n int, err error) {
	for n < len(buf) {
		if p.part == nil || p.part.empty() {
			m, used, whole, err := p.inPlace(buf[n:], limit)
			if err != nil || whole {
				return m, n + used, err
			}
		}
		if p.part == nil {
			p.part = new(partial)
		}
		m, used, err := p.part.feed(buf[n:], limit)
		n += used
		if p.part.empty() && !p.part.open {
			p.part = nil
		}
		if err != nil || m.Op != None {
			return m, n, err
		}
	}
	return Message{}, n, nil
}

// Idle reports whether nothing of an unfinished message is held.
func (p *Parser) Idle() bool { return p.part == nil }

// inPlace tries the case that happens: a whole frame that is a message of its own, or a control frame. It keeps nothing.
func (p *Parser) inPlace(buf []byte, limit int) (m Message, n int, whole bool, err error) {
	h, size, err := readHeader(buf)
	if err != nil || size == 0 {
		return m, 0, false, err
	}
	open, sofar := false, 0
	if p.part != nil {
		open, sofar = p.part.open, len(p.part.message)
	}
	if err := check(h, open, sofar, limit); err != nil {
		return m, size, false, err
	}
	if !h.Fin || h.OpCode == ws.OpContinuation || int64(len(buf)-size) < h.Length {
		return m, 0, false, nil
	}
	payload := buf[size : size+int(h.Length)]
	ws.Cipher(payload, h.Mask, 0)
	return Message{Op: Op(h.OpCode), Payload: payload}, size + len(payload), true, nil
}

// empty reports whether the partial stands between two frames.
func (q *partial) empty() bool { return q.headLen == 0 && !q.inside }

// feed takes bytes of one frame: its header byte by byte until it is complete, then of the payload what is there.
func (q *partial) feed(buf []byte, limit int) (m Message, n int, err error) {
	if !q.inside {
		for n < len(buf) && !q.inside {
			q.head[q.headLen] = buf[n]
			q.headLen++
			n++
			if q.frame, q.inside, err = q.header(limit); err != nil {
				return m, n, err
			}
		}
		if !q.inside {
			return m, n, nil
		}
		q.headLen, q.got = 0, 0
	}
	take := min(len(buf)-n, int(q.frame.Length)-q.got)
	dst := q.target()
	start := len(*dst)
	*dst = append(*dst, buf[n:n+take]...)
	ws.Cipher((*dst)[start:], q.frame.Mask, q.got)
	q.got += take
	n += take
	if q.got == int(q.frame.Length) {
		m = q.complete()
	}
	return m, n, nil
}

// header reads the frame's header once enough of it is there.
func (q *partial) header(limit int) (h ws.Header, ok bool, err error) {
	h, size, err := readHeader(q.head[:q.headLen])
	if err != nil || size == 0 {
		return h, false, err
	}
	return h, true, check(h, q.open, len(q.message), limit)
}

func (q *partial) target() *[]byte {
	if q.frame.OpCode.IsControl() {
		return &q.control
	}
	return &q.message
}

// complete ends a frame: with a message if it was the last of one.
func (q *partial) complete() (m Message) {
	q.inside = false
	if q.frame.OpCode.IsControl() {
		m = Message{Op: Op(q.frame.OpCode), Payload: q.control}
		q.control = nil
		return m
	}
	if q.frame.OpCode != ws.OpContinuation {
		q.op = q.frame.OpCode
	}
	if q.open = !q.frame.Fin; q.open {
		return m
	}
	m = Message{Op: Op(q.op), Payload: q.message}
	q.message = nil
	return m
}

// readHeader reads the header at the start of buf; size 0 if it is not complete. gobwas's own reader wants an io.Reader and
// costs 15 ns more.
func readHeader(buf []byte) (h ws.Header, size int, err error) {
	if len(buf) < 2 {
		return h, 0, nil
	}
	h.Fin = buf[0]&0x80 != 0
	h.Rsv = buf[0] & 0x70 >> 4
	h.OpCode = ws.OpCode(buf[0] & 0x0f)
	h.Masked = buf[1]&0x80 != 0
	size = 2
	switch length := buf[1] & 0x7f; length {
	case 126:
		if size += 2; len(buf) >= size {
			h.Length = int64(binary.BigEndian.Uint16(buf[2:]))
		}
	case 127:
		if size += 8; len(buf) >= size {
			long := binary.BigEndian.Uint64(buf[2:])
			if h.Length = int64(long); h.Length < 0 {
				return h, size, ErrProtocol
			}
		}
	default:
		h.Length = int64(length)
	}
	if h.Masked {
		if size += 4; len(buf) >= size {
			copy(h.Mask[:], buf[size-4:])
		}
	}
	if len(buf) < size {
		return h, 0, nil
	}
	return h, size, nil
}

// check holds a frame to the rules. open says that a fragmented message of sofar bytes waits for its continuation.
func check(h ws.Header, open bool, sofar, limit int) error {
	state := ws.StateServerSide
	if open {
		state = state.Set(ws.StateFragmented)
	}
	switch {
	case ws.CheckHeader(h, state) != nil:
		return ErrProtocol
	case h.OpCode == ws.OpText && !acceptText:
		return ErrText
	case h.OpCode.IsData() || h.OpCode == ws.OpContinuation:
		if h.Length > int64(limit-sofar) {
			return ErrTooLarge
		}
	}
	return nil
}
