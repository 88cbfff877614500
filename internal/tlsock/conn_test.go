//go:build linux

package tlsock

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

func TestBothWays(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p := newPair(t, version, nil)
		buf := make([]byte, 4<<10)
		if n, err := p.conn.Recv(buf); n != 0 || !errors.Is(err, sock.ErrWouldBlock) || p.conn.More() {
			t.Fatalf("Recv of nothing = %d, %v, more %v", n, err, p.conn.More())
		}
		for range 3 {
			p.peer.Write([]byte("hello"))
			if n, err := p.recv(buf); string(buf[:n]) != "hello" || err != nil {
				t.Fatalf("Recv = %q, %v", buf[:n], err)
			}
			if n, err := p.conn.Send([]byte("world")); n != 5 || err != nil {
				t.Fatalf("Send = %d, %v", n, err)
			}
			if got := p.read(5); string(got) != "world" {
				t.Fatalf("peer read %q", got)
			}
		}
	})
}

// What was sent before the connection was taken, and is in the hands of TLS, is not lost.
func TestDataBehindTheHandshake(t *testing.T) {
	p := newPair(t, tls.VersionTLS13, nil)
	if !p.conn.More() {
		t.Error("a new Conn has nothing more")
	}
}

// A record that is larger than the buffer comes out in pieces, each announced; the socket gives no more than a buffer for each.
func TestLargeRecords(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p := newPair(t, version, nil)
		want := make([]byte, 300<<10)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		go func() {
			p.peer.Write(want)
			p.peer.CloseWrite()
		}()
		var got []byte
		buf := make([]byte, 4<<10)
		for {
			n, err := p.recv(buf)
			got = append(got, buf[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("received %d bytes, want %d, or others", len(got), len(want))
		}
	})
}

// A slowTap passes on one byte for each token.
type slowTap struct {
	net.Conn
	held []byte
	on   bool
}

func (s *slowTap) Write(p []byte) (int, error) {
	if !s.on {
		return s.Conn.Write(p)
	}
	s.held = append(s.held, p...)
	return len(p), nil
}

// A record that arrives byte by byte is a record.
func TestRecordInPieces(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		var tap *slowTap
		p := newPair(t, version, func(c net.Conn) net.Conn { tap = &slowTap{Conn: c}; return tap })
		tap.on = true
		p.peer.Write([]byte("piece by piece"))
		buf := make([]byte, 64)
		p.conn.Recv(buf)
		for i, b := range tap.held {
			if _, err := tap.Conn.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
			p.await()
			n, err := p.conn.Recv(buf)
			if last := i == len(tap.held)-1; last && string(buf[:n]) != "piece by piece" || !last && !errors.Is(err, sock.ErrWouldBlock) {
				t.Fatalf("byte %d of %d: %q, %v", i+1, len(tap.held), buf[:n], err)
			}
		}
	})
}

// A peer that does not read makes the Conn busy with one message; when it reads again, it misses no byte.
func TestPeerThatDoesNotRead(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p := newPair(t, version, nil)
		p.narrow()
		var want []byte
		for i := 0; ; i++ {
			message := bytes.Repeat([]byte{byte(i)}, 10_000+i)
			n, err := p.conn.Send(message)
			if errors.Is(err, sock.ErrWouldBlock) {
				break
			}
			if n != len(message) || err != nil {
				t.Fatalf("Send = %d, %v", n, err)
			}
			if want = append(want, message...); len(want) > 64<<20 {
				t.Fatal("the socket takes everything")
			}
		}
		if !p.conn.Busy() || len(p.conn.below.tail) > 30_000 {
			t.Errorf("busy %v, %d bytes wait", p.conn.Busy(), len(p.conn.below.tail))
		}
		done := make(chan []byte)
		go func() {
			got, _ := io.ReadAll(p.peer)
			done <- got
		}()
		for deadline := time.Now().Add(patience); p.conn.Busy(); runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatal("still busy")
			}
		}
		if n, err := p.conn.Send([]byte("fin")); n != 3 || err != nil {
			t.Fatalf("Send = %d, %v", n, err)
		}
		p.conn.Shut()
		for p.conn.Busy() {
			runtime.Gosched()
		}
		if got := <-done; !bytes.Equal(got, append(want, "fin"...)) {
			t.Errorf("the peer read %d bytes, want %d, or others", len(got), len(want)+3)
		}
	})
}

// The goodbye goes out behind what waits, and the end of the stream behind that.
func TestShutWhileBusy(t *testing.T) {
	p := newPair(t, tls.VersionTLS13, nil)
	p.narrow()
	sent := 0
	for !p.conn.Busy() {
		n, err := p.conn.Send(make([]byte, 20<<10))
		if sent += n; err != nil {
			t.Fatal(err)
		}
	}
	p.conn.Shut()
	if !p.conn.Busy() {
		t.Fatal("everything went out")
	}
	done := make(chan error)
	go func() {
		n, err := io.Copy(io.Discard, p.peer)
		if int(n) != sent {
			t.Errorf("the peer read %d bytes, want %d", n, sent)
		}
		done <- err // nil: TLS's own goodbye; io.ErrUnexpectedEOF without
	}()
	for p.conn.Busy() {
		runtime.Gosched()
	}
	if err := <-done; err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	if _, err := p.raw.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the goodbye: %v, want the end of the stream", err)
	}
	p.peer.Write([]byte("still there"))
	buf := make([]byte, 64)
	if n, err := p.recv(buf); string(buf[:n]) != "still there" || err != nil {
		t.Errorf("Recv after Shut = %q, %v", buf[:n], err)
	}
}

func TestHowItEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(p *pair)
		want error
	}{
		{"goodbye", func(p *pair) { p.peer.Write([]byte("last")); p.peer.CloseWrite() }, io.EOF},
		{"end of the socket", func(p *pair) { p.peer.Write([]byte("last")); p.raw.CloseWrite() }, io.EOF},
		{"in a record", func(p *pair) { p.peer.Write([]byte("last")); p.raw.Write([]byte{23, 3, 3}); p.raw.CloseWrite() }, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, tls.VersionTLS13, nil)
			tt.end(p)
			if got, err := p.end(); got != 4 || !errors.Is(err, tt.want) {
				t.Errorf("%d bytes, then %v, want 4 and %v", got, err, tt.want)
			}
			if _, err := p.conn.Recv(make([]byte, 1)); !errors.Is(err, tt.want) {
				t.Errorf("and then %v", err)
			}
		})
	}
}

func TestGarbageIsAnswered(t *testing.T) {
	p := newPair(t, tls.VersionTLS13, nil)
	p.raw.Write([]byte("GET / HTTP/1.1\r\n\r\n and whatever comes to mind"))
	if _, err := p.end(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("garbage: %v", err)
	}
	var alert net.Error
	if _, err := p.peer.Read(make([]byte, 1)); !errors.As(err, &alert) {
		t.Errorf("the peer reads %v, want an alert", err)
	}
}

func TestTakeRefuses(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	if c := tls.Server(a, &tls.Config{MinVersion: tls.VersionTLS13}); Takes(c) {
		t.Error("a pipe can be taken")
	} else if _, err := Take(c); !errors.Is(err, ErrTransport) {
		t.Errorf("Take of a pipe: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	early := tls.Client(Wrap(raw), &tls.Config{MinVersion: tls.VersionTLS13, ServerName: "localhost"})
	if _, err := Take(early); !Takes(early) || !errors.Is(err, ErrTransport) {
		t.Errorf("Take before the handshake: %v", err)
	}
	if _, err := raw.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
}

// A Conn that is closed harms no descriptor that got its number.
func TestAfterClose(t *testing.T) {
	p := newPair(t, tls.VersionTLS13, nil)
	if err := p.conn.Close(); err != nil || p.conn.FD() != -1 {
		t.Fatalf("Close = %v, descriptor %d", err, p.conn.FD())
	}
	_, recv := p.conn.Recv(make([]byte, 1))
	_, send := p.conn.Send([]byte("x"))
	if again := p.conn.Close(); !errors.Is(recv, net.ErrClosed) || !errors.Is(send, net.ErrClosed) || !errors.Is(again, net.ErrClosed) {
		t.Errorf("Recv %v, Send %v, Close %v", recv, send, again)
	}
	if err := p.conn.tls.Close(); err == nil {
		t.Error("TLS below can be closed")
	}
	below := p.conn.below
	if below.RemoteAddr().String() != "<nil>" || below.LocalAddr().String() != "<nil>" || below.SetDeadline(time.Now()) != nil {
		t.Errorf("addresses %v, %v", below.RemoteAddr(), below.LocalAddr())
	}
}
