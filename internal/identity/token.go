package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Bounds of tokens.
const (
	minSecretBytes = 32 // as many as HS256 uses: a shorter secret is weaker than the signature
	leeway         = 30 * time.Second
)

// Tokens verifies the tokens (JWT) of the game's accounts. A token is signed by Secret with HS256, or by a key of Set with
// RS256, ES256 or EdDSA, and nothing else; which of the two is decided by its alg and never by what key happens to fit.
type Tokens struct {
	// Secret signs tokens with HS256, at least 32 bytes. nil: HS256 is refused.
	Secret []byte
	// Set has the public keys. nil: tokens with public keys are refused.
	Set *KeySet
	// Issuer and Audience are what iss and aud have to say. Empty: they are not looked at.
	Issuer, Audience string
	// Now is the clock. nil: time.Now.
	Now func() time.Time

	parser *jwt.Parser
}

var (
	errNoKey       = errors.New("no key of the node has signed this token")
	errNoKeyID     = errors.New("the token names no key (kid), and there are several")
	errCritical    = errors.New("the token has a critical header that is not understood")
	errUnavailable = errors.New("the keys of the accounts cannot be fetched")
)

// claims is what a token says.
type claims struct {
	jwt.RegisteredClaims
	Name string `json:"name"`
}

// NewTokens checks t and returns it ready for use.
func NewTokens(t Tokens) (*Tokens, error) {
	var methods []string
	if t.Secret != nil {
		if len(t.Secret) < minSecretBytes {
			return nil, fmt.Errorf("%d bytes: want at least %d random ones", len(t.Secret), minSecretBytes)
		}
		methods = append(methods, algHS256)
	}
	if t.Set != nil {
		methods = append(methods, algRS256, algES256, algEdDSA)
	}
	if len(methods) == 0 {
		return nil, errors.New("a secret or a set of keys is needed to verify tokens")
	}
	if t.Now == nil {
		t.Now = time.Now
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithLeeway(leeway), jwt.WithTimeFunc(t.Now), jwt.WithExpirationRequired(),
	}
	if t.Issuer != "" {
		options = append(options, jwt.WithIssuer(t.Issuer))
	}
	if t.Audience != "" {
		options = append(options, jwt.WithAudience(t.Audience))
	}
	t.parser = jwt.NewParser(options...)
	return &t, nil
}

// verify says who the token's player is, or why not.
func (t *Tokens) verify(ctx context.Context, token string) (Principal, *Problem) {
	var c claims
	_, err := t.parser.ParseWithClaims(token, &c, func(tok *jwt.Token) (any, error) { return t.key(ctx, tok) })
	if err != nil {
		return Principal{}, tokenProblem(err)
	}
	p, err := checkPlayer(c.Subject, c.Name)
	if err != nil {
		return Principal{}, invalid("the token's sub: " + err.Error())
	}
	return p, nil
}

// key finds the key that must have signed tok. The parser has refused the algs that are not allowed.
func (t *Tokens) key(ctx context.Context, tok *jwt.Token) (any, error) {
	if _, ok := tok.Header["crit"]; ok { // RFC 7515, 4.1.11: what is critical and not understood is refused
		return nil, errCritical
	}
	alg := tok.Method.Alg()
	if alg == algHS256 {
		return t.Secret, nil
	}
	kid, _ := tok.Header["kid"].(string)
	return t.Set.find(ctx, kid, alg)
}

// tokenProblem says to a client what is wrong with its token, in our words: the library's are for the log.
func tokenProblem(err error) *Problem {
	for _, known := range []error{errNoKey, errNoKeyID, errCritical} {
		if errors.Is(err, known) {
			return invalid(known.Error())
		}
	}
	switch {
	case errors.Is(err, errUnavailable):
		return &Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: errUnavailable.Error(), RetryAfter: int(refreshAtMost.Seconds())}
	case errors.Is(err, jwt.ErrTokenExpired):
		p := invalid("the token has expired: fetch a new one")
		p.Code = "token_expired"
		return p
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return invalid("the token is not valid yet (nbf)")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return invalid("the token is of another issuer (iss)")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return invalid("the token is for another audience (aud)")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalid("the token lacks a claim: exp is required, and iss and aud where the node asks for them")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return invalid("the token's signature is not valid here")
	}
	return invalid("this is no token that can be read")
}
