package matchmaker

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
)

// refuse is the answer to a caller who may not do what they ask for; why comes first, then what they may not.
func (c *Caller) refuse(why, what string) error {
	if why == "" {
		why = what
	}
	if c.Challenge {
		p := newProblem(http.StatusUnauthorized, "unauthorized", why)
		p.header.Set("WWW-Authenticate", "Bearer")
		return p
	}
	return newProblem(http.StatusForbidden, "forbidden", why)
}

// server returns the caller, and a problem unless it is a server; what says what only they may do.
func (m *Matchmaker) server(ctx context.Context, what string) (Caller, error) {
	c := m.caller(ctx)
	if c.Server {
		return c, nil
	}
	return c, c.refuse(c.NoServer, "only a server may "+what)
}

// lister is server for lists, which players may read where Public says so.
func (m *Matchmaker) lister(ctx context.Context) (Caller, error) {
	c := m.caller(ctx)
	if c.Server || m.cfg.Public.List {
		return c, nil
	}
	return c, c.refuse(c.NoServer, "only a server may read lists of rooms")
}

// player returns the caller, and a problem unless they may take seats.
func (m *Matchmaker) player(ctx context.Context) (Caller, error) {
	c := m.caller(ctx)
	switch {
	case c.Server:
		return c, nil
	case c.NoPlayer != "":
		c.Challenge = c.PlayerChallenge
		return c, c.refuse(c.NoPlayer, "")
	case !m.cfg.Public.Join:
		return c, c.refuse(c.NoServer, "only a server may take seats, and hand them to its players")
	}
	return c, nil
}

// myself is the player that a caller asks a seat for. Servers may speak for anybody, others for themselves: with their proven
// id, or with a new one that nobody else knows.
func (c *Caller) myself(p Player) (Player, error) {
	switch {
	case c.Server:
		return p, nil
	case p.Team != 0:
		return p, newProblem(http.StatusForbidden, "forbidden", "only a server may choose a team")
	case c.Player == "":
		p.ID = ""
		return p, nil
	case p.ID != "" && p.ID != c.Player:
		return p, newProblem(http.StatusForbidden, "player_mismatch", fmt.Sprintf("you are %q: leave id out, or send this one", c.Player))
	}
	p.ID = c.Player
	if p.Name == "" {
		p.Name = c.Name
	}
	return p, nil
}

// asks says who makes a call that may come twice, and what it asks for: the same call, path and body.
func (c *Caller) asks(key, what string, body any) (asked, error) {
	if key == "" {
		return asked{principal: c.Principal}, nil
	}
	b, err := json.Marshal(body)
	if err != nil {
		return asked{}, invalid("body: %w", err)
	}
	sum := sha256.Sum256(append([]byte(what+"\x00"), b...))
	return asked{principal: c.Principal, key: key, hash: sum[:replayHashBytes]}, nil
}

// replayedHeader is the value of Idempotent-Replayed.
func replayedHeader(replayed bool) string {
	if replayed {
		return "true"
	}
	return ""
}
