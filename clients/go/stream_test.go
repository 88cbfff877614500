package client

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// frames is a stream of server frames and what must come out of it.
func frames() (stream []byte, want []string) {
	var b bytes.Buffer
	long := bytes.Repeat([]byte("0123456789"), 7000)
	for _, f := range []ws.Frame{
		ws.NewBinaryFrame([]byte("a")),
		ws.NewFrame(ws.OpBinary, false, []byte("fra")),
		ws.NewPingFrame([]byte("p")),
		ws.NewFrame(ws.OpContinuation, false, []byte("gmen")),
		ws.NewPongFrame(nil),
		ws.NewFrame(ws.OpContinuation, true, []byte("ts")),
		ws.NewBinaryFrame(nil),
		ws.NewBinaryFrame(long[:300]),
		ws.NewBinaryFrame(long),
		ws.NewCloseFrame(ws.NewCloseFrameBody(4101, "bye")),
	} {
		ws.MustWriteFrame(&b, f)
	}
	return b.Bytes(), []string{"a", "ping p", "fragments", "", string(long[:300]), string(long), "close \x10\x05bye"}
}

func TestStreamInPiecesOfAnySize(t *testing.T) {
	stream, want := frames()
	for _, size := range []int{1, 2, 3, 7, 100, 4096, len(stream)} {
		var s Stream
		var got []string
		for rest := stream; len(rest) > 0; {
			piece := append([]byte(nil), rest[:min(size, len(rest))]...)
			rest = rest[len(piece):]
			s.Push(piece)
			for {
				kind, p, err := s.Next()
				if err != nil {
					t.Fatal(err)
				}
				if kind == StreamNothing {
					break
				}
				got = append(got, map[StreamKind]string{StreamPing: "ping ", StreamClose: "close "}[kind]+string(p))
			}
			clear(piece) // the bytes are the caller's again
		}
		if len(got) != len(want) {
			t.Fatalf("pieces of %d: %d messages, want %d", size, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("pieces of %d: message %d is %d bytes, want %d", size, i, len(got[i]), len(want[i]))
			}
		}
	}
}

func TestStreamRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"text", []byte{0x81, 0}},
		{"masked", []byte{0x82, 0x80}},
		{"compressed", []byte{0xc2, 0}},
		{"reserved opcode", []byte{0x83, 0}},
		{"continuation of nothing", []byte{0x80, 0}},
		{"cut ping", []byte{0x09, 0}},
		{"long ping", []byte{0x89, 126, 0, 200}},
		{"16 MiB", []byte{0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0}},
		{"huge", []byte{0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255}},
	} {
		var s Stream
		s.Push(c.bytes)
		if _, _, err := s.Next(); !errors.Is(err, ErrFraming) {
			t.Errorf("%s: %v, want ErrFraming", c.name, err)
		}
	}
}

func TestAppendFrameIsWhatServersRead(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 5000, 70000} {
		want := bytes.Repeat([]byte{7}, n)
		r := bytes.NewReader(AppendFrame(nil, want))
		h, got, err := readFrame(r)
		if err != nil || !h.Masked || h.OpCode != ws.OpBinary || r.Len() != 0 {
			t.Fatalf("%d bytes: %+v, %v", n, h, err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came out as %d", n, len(got))
		}
	}
	if code, reason := CloseReason([]byte{0x0f, 0xa0, 'x'}); code != wire.CloseLeft || reason != "x" {
		t.Errorf("CloseReason = %d, %q", code, reason)
	}
}

func TestStreamDoesNotAllocate(t *testing.T) {
	var b bytes.Buffer
	for range 3 {
		ws.MustWriteFrame(&b, ws.NewBinaryFrame(make([]byte, 90)))
	}
	whole := b.Bytes()
	var s Stream
	out := make([]byte, 0, 256)
	run := func(b []byte) {
		s.Push(b)
		for kind, p, _ := s.Next(); kind != StreamNothing; kind, p, _ = s.Next() {
			out = AppendFrame(out[:0], p)
		}
	}
	run(whole[:50])
	run(whole[50:])
	if n := testing.AllocsPerRun(100, func() { run(whole[:150]); run(whole[150:]) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzStream cuts one stream in three ways: what comes out must be the same, and no message is longer than a server's may be.
func FuzzStream(f *testing.F) {
	stream, _ := frames()
	f.Add(stream[:40], 3)
	f.Add([]byte{0x02, 1, 'a', 0x89, 1, 'p', 0x80, 1, 'b', 0x88, 2, 0x0f, 0xa0, 0x82, 0}, 4)
	f.Add([]byte{0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0}, 5)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole := streamed(t, b, len(b)+1)
		for _, size := range []int{1, min(max(cut, 2), len(b)+1)} {
			if got := streamed(t, b, size); !slices.Equal(got, whole) {
				t.Fatalf("in pieces of %d: %q, whole: %q", size, got, whole)
			}
		}
	})
}

// streamed is what comes out of bytes that arrive in pieces, up to an error or a close frame.
func streamed(t *testing.T, b []byte, size int) (out []string) {
	t.Helper()
	var s Stream
	for piece := range slices.Chunk(b, size) {
		s.Push(piece)
		for {
			kind, p, err := s.Next()
			if err != nil {
				return append(out, "error")
			}
			if len(p) > wire.MaxServerMessage {
				t.Fatalf("%d bytes of kind %d", len(p), kind)
			}
			if kind == StreamNothing {
				break
			}
			if out = append(out, fmt.Sprintf("%d %q", kind, p)); kind == StreamClose {
				return out
			}
		}
	}
	return out
}
