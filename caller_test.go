package ringside

import (
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
