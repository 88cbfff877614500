package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"unicode"
	"unicode/utf8"
)

// maxIDBytes is the matchmaker's bound of a player's id; maxNameBytes is far above what it keeps of a name.
const (
	maxIDBytes   = 64
	maxNameBytes = 256
)

// Kind is what a caller is.
type Kind uint8

// The kinds, in the order of what they may do.
const (
	Anonymous Kind = iota // nobody in particular
	Player                // a player with an account
	Server                // the game's backend, or anybody at all in open mode
)

// String is for logs.
func (k Kind) String() string {
	switch k {
	case Player:
		return "player"
	case Server:
		return "server"
	default:
		return "anonymous"
	}
}

// A Principal is who calls. The zero value is nobody in particular.
type Principal struct {
	Kind     Kind
	ID       string // a player's id, 1 to 64 printable bytes; empty for others
	Name     string // a player's name as its token says, at most 256 bytes; may be empty
	Verified bool   // a credential was shown; a Server that is not verified is one by open mode
	Key      string // the name of the API key, for logs and as the scope of idempotency keys; empty for others
}

type contextKey struct{}

// With returns a context whose caller is p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the caller, Anonymous where none was set.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(contextKey{}).(Principal)
	return p
}

// Public is what callers without an API key may do over HTTP.
type Public struct {
	Join bool // take a seat for oneself
	List bool // read games and rooms
}

// ParsePublic reads the words join and list, or none alone.
func ParsePublic(words []string) (p Public, err error) {
	if len(words) == 1 && words[0] == "none" {
		return p, nil
	}
	for _, word := range words {
		switch word {
		case "join":
			p.Join = true
		case "list":
			p.List = true
		default:
			return Public{}, fmt.Errorf("%q: want join, list, both with a comma, or none", word)
		}
	}
	if len(words) == 0 {
		return p, errors.New("empty: want join, list, both with a comma, or none")
	}
	return p, nil
}

// Act is something a caller wants to do.
type Act uint8

// The acts. What is neither Join nor List is Manage: create rooms, sell seats to others, end rooms.
const (
	Join Act = iota
	List
	Manage
)

// Refusal says why p may not do what it wants, nil if it may. A 401 means that a credential would help, a 403 that this
// caller's does not, or that nobody's does as the node is configured.
func (a *Authenticator) Refusal(p Principal, act Act) *Problem {
	switch {
	case p.Kind == Server:
		return nil
	case act == List && a.cfg.Public.List:
		return nil
	case act == Join && a.cfg.Public.Join:
		if p.Kind == Anonymous && a.knowsPlayers() {
			return unauthorized("this node seats players with an account only: send Authorization: Bearer <your token>")
		}
		return nil
	}
	return a.needsKey(p, act)
}

// needsKey says what is missing to somebody who is not a Server.
func (a *Authenticator) needsKey(p Principal, act Act) *Problem {
	what := "this"
	switch act {
	case Join:
		what = "joining is not public on this node: it"
	case List:
		what = "listing is not public on this node: it"
	case Manage:
	}
	switch {
	case len(a.cfg.Keys) == 0:
		return forbidden(what + " needs an API key, and this node has none: start it with -api-key (or RINGSIDE_API_KEY)")
	case p.Kind == Player:
		return forbidden(what + " needs an API key, and a player's token is not one")
	}
	return unauthorized(what + " needs an API key: send Authorization: Bearer <api key>")
}

// checkPlayer makes a Principal of what an account says of a player.
func checkPlayer(id, name string) (Principal, error) {
	if id == "" || len(id) > maxIDBytes || !printable(id) {
		return Principal{}, fmt.Errorf("player id of %d bytes: want 1 to %d that are printable", len(id), maxIDBytes)
	}
	if len(name) > maxNameBytes {
		name = name[:maxNameBytes]
		for !utf8.ValidString(name) && len(name) > maxNameBytes-utf8.UTFMax {
			name = name[:len(name)-1]
		}
	}
	return Principal{Kind: Player, ID: id, Name: name, Verified: true}, nil
}

func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func forbidden(detail string) *Problem {
	return &Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: detail}
}

func unauthorized(detail string) *Problem {
	return &Problem{Status: http.StatusUnauthorized, Code: "unauthorized", Detail: detail}
}
