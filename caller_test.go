package ringside

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/identity"
	"github.com/ringside-server/ringside/matchmaker"
)

// What the matchmaker is told about callers.
func TestCallers(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	cfg := Config{APIKeys: []string{"game=" + secret}, JWTSecret: secret, Data: t.TempDir()}
	cfg.fillDefaults()
	g, err := newGate(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	const noKey, noPlayer = "this needs an API key: send Authorization: Bearer <api key>", "this node seats players with an account only: send Authorization: Bearer <your token>"
	long := strings.Repeat("x", 64)
	tests := []struct {
		name string
		p    identity.Principal
		want matchmaker.Caller
	}{
		{"server", identity.Principal{Kind: identity.Server, Key: "game"}, matchmaker.Caller{Server: true, Principal: "k/game"}},
		{"anybody", identity.Principal{}, matchmaker.Caller{Principal: "a/invalid IP", NoServer: noKey, Challenge: true, NoPlayer: noPlayer, PlayerChallenge: true}},
		{"player", identity.Principal{Kind: identity.Player, ID: "game", Name: "Ada"},
			matchmaker.Caller{Player: "game", Name: "Ada", Principal: "p/game", NoServer: "this needs an API key, and a player's token is not one"}},
	}
	for _, tt := range tests {
		if got := g.caller(identity.With(t.Context(), tt.p)); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	one := g.caller(identity.With(t.Context(), identity.Principal{Kind: identity.Player, ID: long})).Principal
	two := g.caller(identity.With(t.Context(), identity.Principal{Kind: identity.Player, ID: long[1:] + "y"})).Principal
	if len(one) > maxPrincipalBytes || one == two || !strings.HasPrefix(one, "h/") {
		t.Errorf("players with long ids are %q and %q", one, two)
	}
}

// Who has a /64 of IPv6 is one caller and one client, whichever of its addresses calls: codes that are guessed and streams that
// are held count together.
func TestNetworkIsOneCaller(t *testing.T) {
	cfg := Config{Data: t.TempDir(), TrustedProxies: []string{"127.0.0.1"}}
	cfg.fillDefaults()
	g, err := newGate(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	who := func(peer, forwarded string) (principal, client string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/games", nil)
		r.RemoteAddr = peer
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		g.wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			principal, client = g.caller(r.Context()).Principal, cfg.streamConfig(nil).ClientOf(r)
		})).ServeHTTP(httptest.NewRecorder(), r)
		return principal, client
	}
	for _, tt := range []struct {
		name, a, b string
		one        bool
	}{
		{"a /64", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"two /64", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"two of IPv4", "203.0.113.9", "203.0.113.10", false},
		{"IPv4 in IPv6", "203.0.113.9", "::ffff:203.0.113.9", true},
	} {
		principalA, clientA := who("127.0.0.1:5", tt.a)
		principalB, clientB := who("127.0.0.1:5", tt.b)
		if principalA == "" || clientA == "" || (principalA == principalB) != tt.one || (clientA == clientB) != tt.one {
			t.Errorf("%s: principals %q %q, clients %q %q", tt.name, principalA, principalB, clientA, clientB)
		}
	}
	if _, a := who("[::1]:5", ""); a != "[::1]:5" {
		t.Errorf("a program on this machine is client %q, want one for each connection", a)
	}
}
