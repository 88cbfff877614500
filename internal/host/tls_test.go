//go:build linux

package host

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"testing"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/tlsock"
)

// A tlsBench is a bench whose players speak TLS, by the same means as the worker.
type tlsBench struct {
	*bench
	players []*tlsock.Conn
}

func newTLSBench(tb testing.TB, rooms, players int) *tlsBench {
	tb.Helper()
	b := &tlsBench{bench: newBench(tb, rooms, 0)}
	srv := httptest.NewUnstartedServer(nil) // for its certificate
	srv.StartTLS()
	defer srv.Close()
	trust := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trust.ServerName = "example.com"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	secure := tls.NewListener(tlsock.Listener(ln), &tls.Config{MinVersion: tls.VersionTLS12, Certificates: srv.TLS.Certificates})
	defer secure.Close()
	for _, h := range b.w.adopted {
		for slot := range players {
			near, far := connectTLS(tb, secure, trust)
			l, err := b.host.newLink(near)
			if err != nil {
				tb.Fatal(err)
			}
			if _, ok := l.(*tlsLink); !ok {
				tb.Fatalf("TLS is served by a %T", l)
			}
			player, err := tlsock.Take(far)
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { player.Close() })
			b.players = append(b.players, player)
			b.seat(h, slot, l)
		}
	}
	b.w.takeMail()
	return b
}

// connectTLS makes both ends of a connection whose handshake is over.
func connectTLS(tb testing.TB, l net.Listener, trust *tls.Config) (near, far *tls.Conn) {
	tb.Helper()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	far = tls.Client(tlsock.Wrap(raw), trust)
	done := make(chan error, 1)
	go func() { done <- far.Handshake() }()
	conn, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	near = conn.(*tls.Conn)
	if err := errors.Join(near.Handshake(), <-done); err != nil {
		tb.Fatal(err)
	}
	return near, far
}

// inputs has every player send one.
func (b *tlsBench) inputs() {
	b.seq++
	for i, p := range b.players {
		binary.BigEndian.PutUint32(b.frames[i][seqAt+1:], b.seq)
		if _, err := p.Send(b.frames[i]); err != nil {
			b.tb.Fatal(err)
		}
	}
}

// reads has every player read all there is.
func (b *tlsBench) reads() {
	for _, p := range b.players {
		for n, err := p.Recv(b.buf[:]); err == nil && (n == len(b.buf) || p.More()); {
			n, err = p.Recv(b.buf[:])
		}
	}
}

// A wake of TLS connections allocates what crypto/tls does to ask a socket, twice 24 bytes for each that has something; states go
// out for nothing.
func TestWakeOfTLS(t *testing.T) {
	b := newTLSBench(t, 2, 8)
	for range 400 {
		b.inputs()
		b.step()
		b.reads()
	}
	if n := b.host.stats.FramesReceived.Load(); n < 390*16 {
		t.Fatalf("only %d frames received", n)
	}
	if raceEnabled {
		t.Skip("pools forget at random under the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const wakes = 100
	for what, most := range map[string]uint64{"with inputs": 2 * 16, "without": 0} {
		least := ^uint64(0)
		for range 3 { // the runtime counts its own
			var n uint64
			for range wakes {
				if most > 0 {
					b.inputs()
				}
				n += mallocs(b.step)
				b.reads()
			}
			least = min(least, n)
		}
		if least > most*wakes {
			t.Errorf("%d allocations in %d wakes %s, want %d at most", least, wakes, what, most*wakes)
		}
	}
}

// What arrives in one record is larger than a worker's buffer: it is taken over several wakes, though the socket has nothing more.
func TestLargeRecordOverWakes(t *testing.T) {
	b := newTLSBench(t, 1, 1)
	for range 20 {
		b.step()
		b.reads()
	}
	before := b.host.stats.FramesReceived.Load()
	pong := []byte{0x8a, 0x80 | 100, 0, 0, 0, 0} // unasked for, of 106 bytes
	pong = append(pong, make([]byte, 100)...)
	var all []byte
	for range 140 {
		all = append(all, pong...)
	}
	c := b.w.adopted[0].conns[0]
	received := c.received
	if _, err := b.players[0].Send(all); err != nil {
		t.Fatal(err)
	}
	most := uint64(0)
	for range 40 {
		at := c.received
		b.step()
		b.reads()
		most = max(most, c.received-at)
	}
	if got := c.received - received; got != uint64(len(all)) || most > recvBytes || before != b.host.stats.FramesReceived.Load() {
		t.Errorf("%d of %d bytes were received, %d in one wake", got, len(all), most)
	}
}

// A room that is frozen leaves its connections alone, marks included.
func TestFrozenTLS(t *testing.T) {
	b := newTLSBench(t, 1, 1)
	for range 20 {
		b.step()
		b.reads()
	}
	c := b.w.adopted[0].conns[0]
	l := c.link.(*tlsLink)
	if _, err := b.players[0].Send(make([]byte, 3*recvBytes)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	p := l.poller
	for len(p.ready) == 0 {
		if _, err := p.poll(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := l.recv(buf); err != nil && !errors.Is(err, sock.ErrWouldBlock) {
			t.Fatal(err)
		}
	}
	for range 10 {
		ids, err := p.poll(nil)
		if err != nil || len(ids) == 0 || len(ids) > 2 {
			t.Fatalf("%d reports of one connection, %v", len(ids), err)
		}
		for _, id := range ids {
			if id != c.id {
				t.Fatalf("report of %#x, want %#x", id, c.id)
			}
			p.unread(l, id)
		}
	}
}
