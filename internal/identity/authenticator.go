package identity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// maxBearerBytes bounds a credential. A token with many claims is 2 KiB.
const maxBearerBytes = 8 << 10

// maxDetailBytes bounds what an Accounts function says to a client.
const maxDetailBytes = 300

// ErrConfig is wrapped by the errors of New.
var ErrConfig = errors.New("identity config")

// Accounts asks the game's own accounts who sent r: id and name of the player, both empty for nobody in particular. The text
// of an error is shown to the client as the reason of a 401. It is called by many goroutines at once.
type Accounts func(ctx context.Context, r *http.Request) (id, name string, err error)

// Config says whom an Authenticator knows. The zero value knows nobody: everybody is Anonymous.
type Config struct {
	// Keys are the API keys; who shows one is a Server.
	Keys []Key
	// Tokens verifies players' tokens. nil: a token is refused.
	Tokens *Tokens
	// Accounts replaces Tokens: it is asked about each request without an API key.
	Accounts Accounts
	// Open says whether a request without a credential comes from a Server. It is not asked when there are Keys. nil: none does.
	Open func(*http.Request) bool
	// Public is what callers without an API key may do.
	Public Public
	// Throttle says how long the sender of r has to wait before another credential of it is looked at, 0 for not at all. API
	// keys that are right always pass. nil: nobody waits.
	Throttle func(r *http.Request) time.Duration
	// Failed is called for each credential that was refused. nil: nobody wants to know.
	Failed func(r *http.Request)
	// Log takes what an operator must know. Default: silent.
	Log zerolog.Logger
}

// An Authenticator finds out who calls. It is safe for concurrent use.
type Authenticator struct {
	cfg Config // Immutable after New.
}

// New checks the config.
func New(cfg Config) (*Authenticator, error) {
	if cfg.Tokens != nil && cfg.Accounts != nil {
		return nil, fmt.Errorf("%w: players are known by their tokens or by a function of the game, not both", ErrConfig)
	}
	if cfg.Open == nil || len(cfg.Keys) > 0 {
		cfg.Open = func(*http.Request) bool { return false }
	}
	if cfg.Throttle == nil {
		cfg.Throttle = func(*http.Request) time.Duration { return 0 }
	}
	if cfg.Failed == nil {
		cfg.Failed = func(*http.Request) {}
	}
	return &Authenticator{cfg: cfg}, nil
}

// knowsPlayers reports whether players have accounts.
func (a *Authenticator) knowsPlayers() bool { return a.cfg.Tokens != nil || a.cfg.Accounts != nil }

// Wrap finds out who calls before next is; see From. A credential that is refused is answered here.
func (a *Authenticator) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, problem := a.identify(r)
		if problem != nil {
			if problem.Status == http.StatusUnauthorized {
				a.cfg.Failed(r)
			}
			problem.Write(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), p)))
	})
}

// identify asks in the order of cost: the API keys, then the sender's patience, then signatures or the game's accounts.
func (a *Authenticator) identify(r *http.Request) (Principal, *Problem) {
	bearer, shown, malformed := credential(r)
	if bearer != "" {
		if name, ok := findKey(a.cfg.Keys, bearer); ok {
			return Principal{Kind: Server, Verified: true, Key: name}, nil
		}
	}
	if !shown && a.cfg.Accounts == nil {
		return a.stranger(r), nil
	}
	if wait := a.cfg.Throttle(r); wait > 0 && shown {
		return Principal{}, impatient(wait)
	}
	switch {
	case a.cfg.Accounts != nil:
		return a.askAccounts(r)
	case malformed != "":
		return Principal{}, invalid(malformed)
	case a.cfg.Tokens != nil:
		return a.cfg.Tokens.verify(r.Context(), bearer)
	case len(a.cfg.Keys) > 0:
		return Principal{}, invalid("this is none of the node's API keys")
	}
	return Principal{}, invalid("this node knows no API keys and no tokens: start it with -api-key or -jwt-…, or send no Authorization header")
}

// HoldsKey reports whether a request shows one of the API keys. A credential that is none is a problem.
func (a *Authenticator) HoldsKey(r *http.Request) (bool, *Problem) {
	bearer, shown, malformed := credential(r)
	if bearer != "" {
		if _, ok := findKey(a.cfg.Keys, bearer); ok {
			return true, nil
		}
	}
	if !shown {
		return false, nil
	}
	if wait := a.cfg.Throttle(r); wait > 0 {
		return false, impatient(wait)
	}
	a.cfg.Failed(r)
	if malformed != "" {
		return false, invalid(malformed)
	}
	return false, invalid("this is none of the node's API keys")
}

func impatient(wait time.Duration) *Problem {
	return &Problem{
		Status: http.StatusTooManyRequests, Code: "too_many_requests", RetryAfter: int(math.Ceil(wait.Seconds())),
		Detail: "too many credentials from this address were refused",
	}
}

// stranger is who shows nothing.
func (a *Authenticator) stranger(r *http.Request) Principal {
	if a.cfg.Open(r) {
		return Principal{Kind: Server}
	}
	return Principal{}
}

// credential takes the token out of the Authorization header; malformed says what is wrong with it.
func credential(r *http.Request) (bearer string, shown bool, malformed string) {
	lines := r.Header.Values("Authorization")
	if len(lines) == 0 {
		return "", false, ""
	}
	if len(lines) > 1 {
		return "", true, "there is more than one Authorization header"
	}
	scheme, bearer, _ := strings.Cut(lines[0], " ")
	bearer = strings.Trim(bearer, " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return "", true, "the Authorization header is not understood: send Authorization: Bearer <api key or token>"
	case bearer == "":
		return "", true, "the Authorization header is empty behind Bearer"
	case len(bearer) > maxBearerBytes:
		return "", true, fmt.Sprintf("the credential is %d bytes long, at most %d", len(bearer), maxBearerBytes)
	}
	return bearer, true, ""
}

// askAccounts calls the game's function. A panic in it costs that request only.
func (a *Authenticator) askAccounts(r *http.Request) (p Principal, problem *Problem) {
	defer func() {
		if cause := recover(); cause != nil {
			a.cfg.Log.Error().Any("panic", cause).Bytes("stack", debug.Stack()).Msg("the game's auth function panicked")
			p, problem = Principal{}, broken()
		}
	}()
	id, name, err := a.cfg.Accounts(r.Context(), r)
	switch {
	case err != nil:
		return Principal{}, invalid(strings.ToValidUTF8(err.Error()[:min(len(err.Error()), maxDetailBytes)], ""))
	case id == "" && name == "":
		return a.stranger(r), nil
	}
	p, err = checkPlayer(id, name)
	if err != nil {
		a.cfg.Log.Error().Err(err).Msg("the game's auth function named a player that cannot be")
		return Principal{}, broken()
	}
	return p, nil
}

func broken() *Problem {
	return &Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "the game's accounts did not answer; see the log of this node"}
}

func invalid(detail string) *Problem {
	p := unauthorized(detail)
	p.Invalid = true
	return p
}
