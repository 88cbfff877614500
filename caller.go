package ringside

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/ringside-server/ringside/internal/edge"
	"github.com/ringside-server/ringside/internal/identity"
	"github.com/ringside-server/ringside/matchmaker"
)

// maxPrincipalBytes is the matchmaker's bound.
const maxPrincipalBytes = 64

// caller tells the matchmaker who calls, in its own words.
func (g *gate) caller(ctx context.Context) matchmaker.Caller {
	p := identity.From(ctx)
	c := matchmaker.Caller{Server: p.Kind == identity.Server, Player: p.ID, Name: p.Name, Principal: principal(ctx, p)}
	if ip := edge.ClientIP(ctx); ip.IsValid() && !ip.IsLoopback() {
		c.Address = "a/" + edge.Holder(ctx).String()
	}
	if no := g.auth.Refusal(p, identity.Manage); no != nil {
		c.NoServer, c.Challenge = no.Detail, no.Status == http.StatusUnauthorized
	}
	if no := g.auth.Refusal(p, identity.Join); no != nil {
		c.NoPlayer, c.PlayerChallenge = no.Detail, no.Status == http.StatusUnauthorized
	}
	return c
}

// principal names whose requests belong together: an API key's, a player's, an address's or, of IPv6, a /64's: who has one has
// 2^64 addresses to guess join codes from. The letter in front keeps a player from being called like a key.
func principal(ctx context.Context, p identity.Principal) string {
	name := "a/" + edge.Holder(ctx).String()
	switch p.Kind {
	case identity.Server:
		name = "k/" + p.Key
	case identity.Player:
		name = "p/" + p.ID
	case identity.Anonymous:
	}
	if len(name) <= maxPrincipalBytes {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "h/" + hex.EncodeToString(sum[:16])
}

// public is what the matchmaker opens to callers who are no servers.
func (g *gate) public() matchmaker.Public {
	return matchmaker.Public{Join: g.opened.Join, List: g.opened.List}
}
