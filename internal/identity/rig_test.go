package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiKey    = "backend-secret-0123456789"
	jwtSecret = "0123456789abcdef0123456789abcdef"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A clock stands still until it is moved.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// A signer is a key of the accounts.
type signer struct {
	kid    string
	method jwt.SigningMethod
	key    crypto.Signer
}

func newSigner(t testing.TB, kid, alg string) signer {
	t.Helper()
	s := signer{kid: kid, method: jwt.GetSigningMethod(alg)}
	var err error
	switch alg {
	case algRS256:
		s.key, err = rsa.GenerateKey(rand.Reader, 2048)
	case algES256:
		s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		_, s.key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// jwk is the public half as a set shows it.
func (s signer) jwk(t testing.TB) map[string]any {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	switch pub := s.key.Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": s.kid, "use": "sig", "n": b64(pub.N.Bytes()), "e": b64([]byte{1, 0, 1})}
	case *ecdsa.PublicKey:
		b, err := pub.Bytes()
		must(t, b, err)
		return map[string]any{"kty": "EC", "crv": "P-256", "kid": s.kid, "alg": algES256, "x": b64(b[1:33]), "y": b64(b[33:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": s.kid, "x": b64(pub)}
	}
	t.Fatal("a key of another kind")
	return nil
}

func set(t testing.TB, signers ...signer) string {
	t.Helper()
	var list []any
	for _, s := range signers {
		list = append(list, s.jwk(t))
	}
	return toSet(t, list...)
}

// sign makes a token of claims; "header.x" sets a member of the header, nil removes one.
func sign(t testing.TB, method jwt.SigningMethod, key any, kid string, claims map[string]any) string {
	t.Helper()
	body := jwt.MapClaims{"sub": "ada", "name": "Ada", "exp": start.Add(time.Minute).Unix()}
	tok := jwt.NewWithClaims(method, body)
	if kid != "" {
		tok.Header["kid"] = kid
	}
	for k, v := range claims {
		switch name, header := strings.CutPrefix(k, "header."); {
		case header:
			tok.Header[name] = v
		case v == nil:
			delete(body, k)
		default:
			body[k] = v
		}
	}
	signed, err := tok.SignedString(key)
	return must(t, signed, err)
}

func (s signer) sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return sign(t, s.method, s.key, s.kid, claims)
}

func hs256(t testing.TB, claims map[string]any) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, []byte(jwtSecret), "", claims)
}

// An answer is what a caller got, and whom the handler saw if it was reached.
type answer struct {
	status    int
	challenge string
	retry     string
	code      string
	detail    string
	who       *Principal
}

// ask sends a request with these Authorization headers.
func ask(t testing.TB, a *Authenticator, headers ...string) (got answer) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/rooms", nil)
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	w := httptest.NewRecorder()
	a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := From(r.Context())
		got.who = &p
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
	got.status, got.challenge, got.retry = w.Code, w.Header().Get("WWW-Authenticate"), w.Header().Get("Retry-After")
	if w.Code == http.StatusNoContent {
		return got
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type %q", ct)
	}
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"type", "title", "status", "detail", "code"} {
		if body[member] == nil {
			t.Errorf("no %s in %s", member, w.Body)
		}
	}
	got.code, _ = body["code"].(string)
	got.detail, _ = body["detail"].(string)
	return got
}

func keysOf(t testing.TB, list ...string) []Key {
	t.Helper()
	keys, err := ParseKeys(list)
	return must(t, keys, err)
}

func newAuth(t testing.TB, cfg Config) *Authenticator {
	t.Helper()
	a, err := New(cfg)
	return must(t, a, err)
}

func newTokens(t testing.TB, tok Tokens) *Tokens {
	t.Helper()
	got, err := NewTokens(tok)
	return must(t, got, err)
}

func toSet(t testing.TB, keys ...any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	return string(must(t, text, err))
}
