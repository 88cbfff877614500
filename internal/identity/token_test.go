package identity

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestTokens(t *testing.T) {
	rsaKey, ecKey, edKey := newSigner(t, "r", algRS256), newSigner(t, "e", algES256), newSigner(t, "o", algEdDSA)
	thief := newSigner(t, "r", algRS256)
	ecThief := newSigner(t, "e", algES256)
	c := &clock{start}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte(set(t, rsaKey, ecKey, edKey)), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := must2(t)(NewKeySet(t.Context(), KeySetConfig{Source: file, Now: c.now}))
	pub := rsaKey.jwk(t)["n"].(string)
	modulus, err := base64.RawURLEncoding.DecodeString(pub)
	must(t, modulus, err)

	symmetric := newTokens(t, Tokens{Secret: []byte(jwtSecret), Now: c.now})
	public := newTokens(t, Tokens{Set: keys, Now: c.now})
	both := newTokens(t, Tokens{Secret: []byte(jwtSecret), Set: keys, Now: c.now})
	strict := newTokens(t, Tokens{Secret: []byte(jwtSecret), Issuer: "accounts", Audience: "arena", Now: c.now})
	strictClaims := map[string]any{"iss": "accounts", "aud": []string{"web", "arena"}}
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	unsigned := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", nil)
	valid := hs256(t, nil)
	body := strings.Split(valid, ".")

	tests := []struct {
		name   string
		tokens *Tokens
		token  string
		detail string // empty: it is good
		code   string
	}{
		{name: "HS256", tokens: symmetric, token: valid},
		{name: "RS256", tokens: public, token: rsaKey.sign(t, nil)},
		{name: "ES256", tokens: public, token: ecKey.sign(t, nil)},
		{name: "EdDSA", tokens: public, token: edKey.sign(t, nil)},
		{name: "the only key of its alg needs no kid", tokens: public, token: sign(t, rsaKey.method, rsaKey.key, "", nil)},
		{name: "both kinds: HS256", tokens: both, token: valid},
		{name: "both kinds: RS256", tokens: both, token: rsaKey.sign(t, nil)},

		{name: "none", tokens: both, token: unsigned, detail: "signature"},
		{name: "none with another's signature", tokens: both, token: unsigned + body[2], detail: "signature"},
		{name: "no signature", tokens: symmetric, token: body[0] + "." + body[1] + ".", detail: "signature"},
		{name: "other claims under the signature", tokens: symmetric, token: body[0] + "." + strings.Split(hs256(t, map[string]any{"sub": "eve"}), ".")[1] + "." + body[2], detail: "signature"},
		{name: "other secret", tokens: symmetric, token: sign(t, jwt.SigningMethodHS256, []byte(jwtSecret+"x"), "", nil), detail: "signature"},
		{name: "other RSA key of the same kid", tokens: public, token: thief.sign(t, nil), detail: "signature"},
		{name: "other EC key of the same kid", tokens: public, token: ecThief.sign(t, nil), detail: "signature"},
		{name: "HS512", tokens: symmetric, token: sign(t, jwt.SigningMethodHS512, []byte(jwtSecret), "", nil), detail: "signature"},
		{name: "RS512", tokens: public, token: sign(t, jwt.SigningMethodRS512, rsaKey.key, "r", nil), detail: "signature"},
		{name: "PS256", tokens: public, token: sign(t, jwt.SigningMethodPS256, rsaKey.key, "r", nil), detail: "signature"},
		{name: "confusion: HS256 with a public key", tokens: public, token: sign(t, jwt.SigningMethodHS256, modulus, "r", nil), detail: "signature"},
		{name: "confusion: HS256 with a public key, both kinds", tokens: both, token: sign(t, jwt.SigningMethodHS256, modulus, "r", nil), detail: "signature"},
		{name: "confusion: RS256 where there is a secret only", tokens: symmetric, token: rsaKey.sign(t, nil), detail: "signature"},
		{name: "confusion: kid of another alg's key", tokens: public, token: sign(t, ecKey.method, ecKey.key, "r", nil), detail: "no key of the node"},
		{name: "unknown kid", tokens: public, token: sign(t, rsaKey.method, rsaKey.key, "x", nil), detail: "no key of the node"},
		{name: "critical header", tokens: symmetric, token: hs256(t, map[string]any{"header.crit": []string{"b64"}, "header.b64": false}), detail: "critical header"},
		{name: "not a token", tokens: symmetric, token: "a.b.c", detail: "no token that can be read"},
		{name: "two parts", tokens: symmetric, token: body[0] + "." + body[1], detail: "no token that can be read"},

		{name: "expired", tokens: symmetric, token: hs256(t, map[string]any{"exp": at(-31 * time.Second)}), detail: "has expired", code: "token_expired"},
		{name: "expired within the leeway", tokens: symmetric, token: hs256(t, map[string]any{"exp": at(-29 * time.Second)})},
		{name: "expired and forged", tokens: symmetric, token: sign(t, jwt.SigningMethodHS256, []byte("x"), "", map[string]any{"exp": at(-time.Hour)}), detail: "signature"},
		{name: "no exp", tokens: symmetric, token: hs256(t, map[string]any{"exp": nil}), detail: "exp is required"},
		{name: "not yet", tokens: symmetric, token: hs256(t, map[string]any{"nbf": at(31 * time.Second)}), detail: "not valid yet"},
		{name: "not yet within the leeway", tokens: symmetric, token: hs256(t, map[string]any{"nbf": at(29 * time.Second)})},
		{name: "issuer and audience", tokens: strict, token: hs256(t, strictClaims)},
		{name: "other issuer", tokens: strict, token: hs256(t, map[string]any{"iss": "x", "aud": "arena"}), detail: "another issuer"},
		{name: "other audience", tokens: strict, token: hs256(t, map[string]any{"iss": "accounts", "aud": "web"}), detail: "another audience"},
		{name: "no audience", tokens: strict, token: hs256(t, map[string]any{"iss": "accounts"}), detail: "lacks a claim"},
		{name: "no issuer", tokens: strict, token: hs256(t, map[string]any{"aud": "arena"}), detail: "lacks a claim"},

		{name: "no sub", tokens: symmetric, token: hs256(t, map[string]any{"sub": nil}), detail: "player id of 0 bytes"},
		{name: "long sub", tokens: symmetric, token: hs256(t, map[string]any{"sub": strings.Repeat("x", 65)}), detail: "player id of 65 bytes"},
		{name: "sub with a line feed", tokens: symmetric, token: hs256(t, map[string]any{"sub": "a\nb"}), detail: "printable"},
		{name: "sub that is a number", tokens: symmetric, token: hs256(t, map[string]any{"sub": 7}), detail: "no token that can be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, newAuth(t, Config{Tokens: tt.tokens}), "Bearer "+tt.token)
			if tt.detail == "" {
				if got.who == nil || *got.who != (Principal{Kind: Player, ID: "ada", Name: "Ada", Verified: true}) {
					t.Errorf("got %+v, want ada", got)
				}
				return
			}
			if tt.code == "" {
				tt.code = "unauthorized"
			}
			if got.who != nil || got.status != http.StatusUnauthorized || got.code != tt.code || !strings.Contains(got.detail, tt.detail) {
				t.Errorf("got %+v, want 401 %s with %q", got, tt.code, tt.detail)
			}
		})
	}
}

func must2(t testing.TB) func(*KeySet, error) *KeySet {
	return func(s *KeySet, err error) *KeySet {
		t.Helper()
		return must(t, s, err)
	}
}

func TestLongNamesAreCut(t *testing.T) {
	tokens := newTokens(t, Tokens{Secret: []byte(jwtSecret), Now: (&clock{start}).now})
	p, problem := tokens.verify(t.Context(), hs256(t, map[string]any{"name": strings.Repeat("é", 200) + "x"}))
	if problem != nil || p.Name != strings.Repeat("é", 128) {
		t.Errorf("got %d bytes, %v", len(p.Name), problem)
	}
	if p, problem = tokens.verify(t.Context(), hs256(t, map[string]any{"name": "x" + strings.Repeat("é", 200)})); p.Name != "x"+strings.Repeat("é", 127) {
		t.Errorf("got %q, %v", p.Name, problem)
	}
}

func TestTokensNeedAKey(t *testing.T) {
	if _, err := NewTokens(Tokens{}); err == nil {
		t.Error("tokens without any key")
	}
	if _, err := NewTokens(Tokens{Secret: []byte("short")}); err == nil || !strings.Contains(err.Error(), "5 bytes: want at least 32") {
		t.Errorf("a short secret: %v", err)
	}
}

func FuzzToken(f *testing.F) {
	tokens, err := NewTokens(Tokens{Secret: []byte(jwtSecret), Now: (&clock{start}).now})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(hs256(f, nil))
	f.Add(hs256(f, map[string]any{"sub": "x"}))
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.")
	f.Fuzz(func(t *testing.T, token string) {
		p, problem := tokens.verify(context.Background(), token)
		if (problem == nil) != (p.Kind == Player) {
			t.Errorf("%q: %+v and %v", token, p, problem)
		}
		if p.Kind == Player && !strings.HasPrefix(token, "eyJ") {
			t.Errorf("%q is of %+v", token, p)
		}
	})
}
