package rig

import (
	"bufio"
	endian "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// First bytes of WebSocket frames that are whole messages.
const (
	TextFrame   byte = 0x81
	BinaryFrame byte = 0x82
	CloseFrame  byte = 0x88
	PingFrame   byte = 0x89
	PongFrame   byte = 0x8a
)

const (
	rawPatience = 5 * time.Second // of a dial, a handshake, a write
	maxRawFrame = 2 << 20         // bytes of a frame from the server
)

// A Raw is a peer that says what it likes: it keeps no rule of HTTP, WebSocket or the protocol. Its methods are for one goroutine.
type Raw struct {
	net.Conn
	in *bufio.Reader
}

// Connect opens a TCP connection to a node, from an address of this machine ("": any).
func Connect(addr, from string) (*Raw, error) {
	d := net.Dialer{Timeout: rawPatience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Raw{Conn: c, in: bufio.NewReader(c)}, nil
}

// UpgradeRequest is an honest request for a room's socket. extra are header lines without their ends.
func UpgradeRequest(addr, room string, extra ...string) string {
	lines := append([]string{
		"GET /v1/rooms/" + room + "/ws HTTP/1.1", "Host: " + addr, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: ringside.v1.msgpack",
	}, extra...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// Upgrade asks for a room's socket; anything but 101 is an error.
func (r *Raw) Upgrade(room string, extra ...string) error {
	if err := r.Push([]byte(UpgradeRequest(r.RemoteAddr().String(), room, extra...))); err != nil {
		return err
	}
	return r.Upgraded()
}

// Upgraded reads the answer to an upgrade; anything but 101 is an error.
func (r *Raw) Upgraded() error {
	status, _, err := r.Response()
	if err == nil && status != 101 {
		err = fmt.Errorf("upgrade: %d", status)
	}
	return err
}

// Response reads the status and the header of an HTTP response, and leaves its body.
func (r *Raw) Response() (status int, header string, err error) {
	_ = r.SetReadDeadline(time.Now().Add(rawPatience))
	var b strings.Builder
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			return 0, b.String(), fmt.Errorf("response: %w", err)
		}
		if line == "\r\n" {
			break
		}
		b.WriteString(line)
	}
	_, err = fmt.Sscanf(b.String(), "HTTP/1.1 %d", &status)
	return status, b.String(), err
}

// Frame is a masked WebSocket frame: head is its first byte, with FIN, the reserved bits and the opcode.
func Frame(head byte, payload []byte) []byte {
	b := append(FrameHeader(head, uint64(len(payload))), payload...)
	mask, body := b[len(b)-len(payload)-4:][:4], b[len(b)-len(payload):]
	for i := range body {
		body[i] ^= mask[i&3]
	}
	return b
}

// FrameHeader is the header of a masked frame that announces n bytes.
func FrameHeader(head byte, n uint64) []byte {
	b := []byte{head}
	switch {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = endian.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = endian.BigEndian.AppendUint64(append(b, 0x80|127), n)
	}
	return append(b, 0xde, 0xad, 0xbe, 0xef)
}

// Push writes bytes as they are.
func (r *Raw) Push(b []byte) error {
	_ = r.SetWriteDeadline(time.Now().Add(rawPatience))
	_, err := r.Write(b)
	return err
}

// Send writes frames as messages of their own.
func (r *Raw) Send(frames ...[]byte) error {
	var b []byte
	for _, f := range frames {
		b = append(b, Frame(BinaryFrame, f)...)
	}
	return r.Push(b)
}

// Message reads the next WebSocket frame; servers of ours send no fragments.
func (r *Raw) Message(patience time.Duration) (head byte, payload []byte, err error) {
	_ = r.SetReadDeadline(time.Now().Add(patience))
	var h [8]byte
	if _, err := io.ReadFull(r.in, h[:2]); err != nil {
		return 0, nil, err
	}
	head, size := h[0], uint64(h[1])
	switch size {
	case 126:
		_, err = io.ReadFull(r.in, h[:2])
		size = uint64(endian.BigEndian.Uint16(h[:]))
	case 127:
		_, err = io.ReadFull(r.in, h[:8])
		size = endian.BigEndian.Uint64(h[:])
	}
	if err == nil && size > maxRawFrame {
		err = fmt.Errorf("the server sends a frame of %d bytes", size)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(r.in, payload)
	return head, payload, err
}

// Reset ends the connection with a RST.
func (r *Raw) Reset() {
	if c, ok := r.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	r.Close()
}

// An Ending is how a connection ended, as its peer saw it.
type Ending struct {
	Code   int    // of the close frame, 1005 for one without, 0 without one
	Reason string // of the close frame
	TCP    string // "FIN", "RST" or, if it did not end, "open"
	After  time.Duration
	Pings  int // pongs of WebSocket that came
	Frames int // messages that came
	Junk   int // messages after the close frame, of which there must be none
}

// Ending reads until the connection ends, for patience at most.
func (r *Raw) Ending(patience time.Duration) (e Ending) {
	began := time.Now()
	for {
		head, payload, err := r.Message(time.Until(began.Add(patience)))
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			e.TCP = "FIN"
		case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			e.TCP = "RST"
		case err != nil:
			e.TCP = "open"
		case e.Code != 0:
			e.Junk++
		case head == PongFrame:
			e.Pings++
		case head == BinaryFrame:
			e.Frames++
		case head == CloseFrame && len(payload) < 2:
			e.Code = 1005
		case head == CloseFrame:
			e.Code, e.Reason = int(endian.BigEndian.Uint16(payload)), string(payload[2:])
		}
		if err != nil {
			e.After = time.Since(began)
			return e
		}
	}
}

// String is such as "4003 a frame that does not parse, FIN".
func (e Ending) String() string {
	switch {
	case e.Code == 0 && e.TCP == "open":
		return "nothing"
	case e.Code == 0:
		return "no close frame, " + e.TCP
	case e.Reason == "":
		return fmt.Sprintf("%d, %s", e.Code, e.TCP)
	}
	return fmt.Sprintf("%d %s, %s", e.Code, e.Reason, e.TCP)
}
