package ringside

import (
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// A visitor is a connection from elsewhere.
type visitor struct {
	net.Conn
	from   string
	closed bool
}

func (v *visitor) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(v.from))
}
func (v *visitor) Close() error { v.closed = true; return nil }

// let has n connections come from an address, and returns how many of them may stay.
func let(s *http.Server, n int, from string) (stay int) {
	for range n {
		v := &visitor{from: from}
		if s.ConnState != nil {
			s.ConnState(v, http.StateNew)
		}
		if !v.closed {
			stay++
		}
	}
	return stay
}

// Every listener that strangers may reach bounds their connections, those beside the main one, too: each is a file that a player
// would need.
func TestEveryListenerIsBounded(t *testing.T) {
	t.Run("operators", func(t *testing.T) {
		n := startWalk(t, Config{AdminListen: "127.0.0.1:0"})
		let(n.server, 3000, "203.0.113.9:1")
		if got := let(n.adminServer, 100, "203.0.113.10:1"); got != maxAdminPerAddress {
			t.Errorf("%d connections of one address stay, want %d", got, maxAdminPerAddress)
		}
		if got := let(n.adminServer, 3000, "127.0.0.1:1"); got == 0 || got > maxAdminCalls {
			t.Errorf("%d connections stay, want up to %d", got, maxAdminCalls)
		}
	})
	t.Run("certificates", func(t *testing.T) {
		cfg := Config{Data: t.TempDir(), ACME: []string{"game.example.com"}, ACMEHTTP: "127.0.0.1:0"}
		cfg.fillDefaults()
		g, err := newGate(t.Context(), &cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.close)
		if got := let(g.proofs, 3000, "203.0.113.9:1"); got == 3000 {
			t.Errorf("%d connections of one address stay", got)
		}
	})
}
