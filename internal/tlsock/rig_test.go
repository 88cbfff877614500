//go:build linux

package tlsock

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ringside-server/ringside/internal/sock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// A pair is a Conn and its peer, which is an ordinary client.
type pair struct {
	tb    testing.TB
	conn  *Conn
	peer  *tls.Conn
	raw   *net.TCPConn // below peer
	epoll *sock.Epoll
}

// newConfigs makes what both sides need to trust each other.
func newConfigs(tb testing.TB) (server, client *tls.Config) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tlsock"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	server = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: "localhost"}
}

// newPair connects through a Listener and takes the server's side. tap sees the client's raw connection first; nil: none.
func newPair(tb testing.TB, version uint16, tap func(net.Conn) net.Conn) *pair {
	tb.Helper()
	return newPairOf(tb, func(server, _ *tls.Config) { server.MaxVersion = version }, tap)
}

func newPairOf(tb testing.TB, change func(server, client *tls.Config), tap func(net.Conn) net.Conn) *pair {
	tb.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer plain.Close()
	server, client := newConfigs(tb)
	change(server, client)
	l := tls.NewListener(Listener(plain), server)
	raw, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	p := &pair{tb: tb, raw: raw.(*net.TCPConn)}
	if tap != nil {
		raw = tap(raw)
	}
	p.peer = tls.Client(raw, client)
	p.peer.SetDeadline(time.Now().Add(patience))
	done := make(chan error, 1)
	go func() { done <- p.peer.Handshake() }()
	conn, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	secure := conn.(*tls.Conn)
	if err := errors.Join(secure.Handshake(), <-done); err != nil {
		tb.Fatal(err)
	}
	if p.conn, err = Take(secure); err != nil {
		tb.Fatal(err)
	}
	if p.epoll, err = sock.NewEpoll(); err != nil {
		tb.Fatal(err)
	}
	if err := p.epoll.Add(p.conn.FD(), sock.In|sock.RdHup, 1); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.peer.Close(); p.conn.Close(); p.epoll.Close() })
	return p
}

// await waits until the Conn is worth a Recv.
func (p *pair) await() {
	p.tb.Helper()
	var events [1]sock.Event
	if p.conn.More() {
		return
	}
	for deadline := time.Now().Add(patience); ; {
		if n, err := p.epoll.Wait(events[:], time.Second); n == 1 || err != nil {
			return
		}
		if time.Now().After(deadline) {
			p.tb.Fatal("nothing arrives")
		}
	}
}

// recv receives until there is something: one Recv for each wake.
func (p *pair) recv(buf []byte) (int, error) {
	p.tb.Helper()
	for {
		p.await()
		if n, err := p.conn.Recv(buf); !errors.Is(err, sock.ErrWouldBlock) {
			return n, err
		}
	}
}

// end receives to the end and returns what that was.
func (p *pair) end() (got int, err error) {
	p.tb.Helper()
	buf := make([]byte, 4<<10)
	for {
		n, err := p.recv(buf)
		got += n
		if err != nil {
			return got, err
		}
	}
}

// both are the versions that a node speaks.
var both = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func eachVersion(t *testing.T, test func(t *testing.T, version uint16)) {
	for name, version := range both {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, version) })
	}
}

// read takes n bytes at the peer.
func (p *pair) read(n int) []byte {
	p.tb.Helper()
	got := make([]byte, n)
	if _, err := io.ReadFull(p.peer, got); err != nil {
		p.tb.Fatal(err)
	}
	return got
}

// narrow leaves little room between the two.
func (p *pair) narrow() {
	p.tb.Helper()
	p.raw.SetReadBuffer(4 << 10)
	if err := (sock.Options{NoDelay: true, SendBuffer: 16 << 10}).Set(p.conn.FD()); err != nil {
		p.tb.Fatal(err)
	}
}
