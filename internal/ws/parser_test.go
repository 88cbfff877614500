package ws

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

const limit = 4096

var mask = [4]byte{0x11, 0x22, 0x33, 0x44}

func frame(op ws.OpCode, last bool, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, last, []byte(payload)), mask))
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// parseAll feeds a stream in chunks of at most size bytes and writes down what comes out.
func parseAll(stream []byte, size int) (out []string, p Parser) {
	stream = bytes.Clone(stream)
	for len(stream) > 0 {
		chunk := stream[:min(size, len(stream))]
		stream = stream[len(chunk):]
		for len(chunk) > 0 {
			m, n, err := p.Next(chunk, limit)
			if err != nil {
				return append(out, err.Error()), p
			}
			if n == 0 {
				return append(out, "no progress"), p
			}
			chunk = chunk[n:]
			if m.Op != None {
				out = append(out, fmt.Sprintf("%x %q", m.Op, m.Payload))
			}
		}
	}
	return out, p
}

func TestParser(t *testing.T) {
	bin, cont, ping, text := ws.OpBinary, ws.OpContinuation, ws.OpPing, ws.OpText
	unmasked := ws.MustCompileFrame(ws.NewBinaryFrame([]byte("hello")))
	rsv := frame(bin, true, "x")
	rsv[0] |= 0x40
	long := strings.Repeat("0123456789", 40)
	full := strings.Repeat("x", limit)
	for _, tt := range []struct {
		name   string
		stream []byte
		want   []string
	}{
		{"one", frame(bin, true, "hello"), []string{`2 "hello"`}},
		{"empty", frame(bin, true, ""), []string{`2 ""`}},
		{"two", join(frame(bin, true, "a"), frame(bin, true, long)), []string{`2 "a"`, fmt.Sprintf("2 %q", long)}},
		{"limit", frame(bin, true, full), []string{fmt.Sprintf("2 %q", full)}},
		{"fragments", join(frame(bin, false, "ab"), frame(cont, false, ""), frame(cont, true, "cd"), frame(bin, true, "e")), []string{`2 "abcd"`, `2 "e"`}},
		{"ping inside", join(frame(bin, false, "ab"), frame(ping, true, "p"), frame(cont, true, "cd")), []string{`9 "p"`, `2 "abcd"`}},
		{"close", frame(ws.OpClose, true, "\x0f\xa0bye"), []string{`8 "\x0f\xa0bye"`}},
		{"fragments of the limit", join(frame(bin, false, full[:4000]), frame(cont, true, full[4000:])), []string{fmt.Sprintf("2 %q", full)}},
		{"cut off", frame(bin, true, "hello")[:8], nil},

		{"too large", frame(bin, true, full+"x")[:8], []string{ErrTooLarge.Error()}},
		{"too large in fragments", join(frame(bin, false, full), frame(cont, true, "x")), []string{ErrTooLarge.Error()}},
		{"huge", []byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, []string{ErrTooLarge.Error()}},
		{"negative", []byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, []string{ErrProtocol.Error()}},
		{"unmasked", unmasked, []string{ErrProtocol.Error()}},
		{"reserved bit", rsv, []string{ErrProtocol.Error()}},
		{"reserved opcode", frame(ws.OpCode(3), true, ""), []string{ErrProtocol.Error()}},
		{"text", frame(text, true, "hello"), []string{ErrText.Error()}},
		{"long ping", frame(ping, true, long[:126]), []string{ErrProtocol.Error()}},
		{"ping in fragments", frame(ping, false, "p"), []string{ErrProtocol.Error()}},
		{"continuation of nothing", frame(cont, true, "x"), []string{ErrProtocol.Error()}},
		{"message inside a message", join(frame(bin, false, "ab"), frame(bin, true, "cd")), []string{ErrProtocol.Error()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 1 << 20} {
				got, _ := parseAll(tt.stream, size)
				if fmt.Sprint(got) != fmt.Sprint(tt.want) {
					t.Errorf("in chunks of %d: got %.200q, want %.200q", size, got, tt.want)
				}
			}
		})
	}
}

func TestParserKeepsNothing(t *testing.T) {
	stream := join(frame(ws.OpBinary, false, "ab"), frame(ws.OpPing, true, "p"), frame(ws.OpContinuation, true, "cd"))
	var p Parser
	for i := range stream {
		if _, _, err := p.Next(stream[i:i+1], limit); err != nil {
			t.Fatal(err)
		}
	}
	if !p.Idle() {
		t.Error("a partial is kept behind a whole message")
	}
}

// A header that announces much must not make the parser hold much.
func TestParserHoldsWhatArrived(t *testing.T) {
	var p Parser
	head := frame(ws.OpBinary, true, strings.Repeat("x", limit))[:9]
	if _, _, err := p.Next(head, limit); err != nil {
		t.Fatal(err)
	}
	if n := cap(p.part.message); n > 64 {
		t.Errorf("%d bytes are held for 1 that arrived", n)
	}
}

func TestParserDoesNotAllocate(t *testing.T) {
	stream := join(frame(ws.OpBinary, true, strings.Repeat("x", 60)), frame(ws.OpPing, true, "p"), frame(ws.OpBinary, true, strings.Repeat("y", 200)))
	buf := make([]byte, len(stream))
	var p Parser
	if n := testing.AllocsPerRun(100, func() {
		copy(buf, stream)
		for b := buf; len(b) > 0; {
			_, n, err := p.Next(b, limit)
			if err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
	}); n != 0 {
		t.Errorf("%v allocations for whole frames", n)
	}
}

func TestCloseCode(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want wire.CloseCode
	}{{ErrTooLarge, wire.CloseTooLarge}, {ErrText, 1003}, {ErrProtocol, 1002}, {errors.New("other"), 1002}} {
		if got := CloseCode(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
}

// FuzzParser cuts one stream in three ways: what comes out must be the same.
func FuzzParser(f *testing.F) {
	f.Add(join(frame(ws.OpBinary, true, "hello"), frame(ws.OpPing, true, "p")), uint8(3))
	f.Add(join(frame(ws.OpBinary, false, "ab"), frame(ws.OpPing, true, "p"), frame(ws.OpContinuation, true, "cd"), frame(ws.OpClose, true, "")), uint8(5))
	f.Add(frame(ws.OpBinary, true, strings.Repeat("x", limit+1)), uint8(100))
	f.Add([]byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, p := parseAll(stream, 1<<20)
		if p.part != nil && len(p.part.message) > limit {
			t.Fatalf("%d bytes are held", len(p.part.message))
		}
		for _, n := range []int{1, int(size) + 1} {
			if got, _ := parseAll(stream, n); fmt.Sprint(got) != fmt.Sprint(whole) {
				t.Fatalf("in chunks of %d: %q, whole: %q", n, got, whole)
			}
		}
	})
}

func BenchmarkParser(b *testing.B) {
	stream := frame(ws.OpBinary, true, strings.Repeat("x", 60))
	buf := make([]byte, len(stream))
	var p Parser
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, stream)
		if _, _, err := p.Next(buf, limit); err != nil {
			b.Fatal(err)
		}
	}
}
