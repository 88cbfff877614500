package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// accounts is a server that publishes a set.
type accounts struct {
	url    string
	status int
	body   string
	asked  atomic.Int32
}

func newAccounts(t *testing.T, body string) *accounts {
	t.Helper()
	a := &accounts{status: http.StatusOK, body: body}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.asked.Add(1)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	return a
}

func (a *accounts) expect(t *testing.T, n int32) {
	t.Helper()
	if got := a.asked.Load(); got != n {
		t.Errorf("the set was fetched %d times, want %d", got, n)
	}
}

func TestRotation(t *testing.T) {
	old, young, third := newSigner(t, "1", algEdDSA), newSigner(t, "2", algEdDSA), newSigner(t, "3", algES256)
	srv := newAccounts(t, set(t, old))
	c := &clock{start}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	keys := must2(t)(NewKeySet(t.Context(), KeySetConfig{Source: srv.url, Transport: transport, Now: c.now}))
	a := newAuth(t, Config{Tokens: newTokens(t, Tokens{Set: keys, Now: c.now})})
	try := func(what string, s signer, status int) {
		t.Helper()
		if got := ask(t, a, "Bearer "+s.sign(t, nil)); got.status != status {
			t.Errorf("%s: %+v, want %d", what, got, status)
		}
	}
	try("first key", old, 204)
	srv.expect(t, 1)

	srv.body = set(t, old, young)
	try("a new key, a moment after the last fetch", young, 401)
	srv.expect(t, 1)
	c.at = c.at.Add(refreshAtMost)
	try("a new key", young, 204)
	try("the old one still", old, 204)
	srv.expect(t, 2)
	for range 5 {
		try("unknown keys do not fetch each time", third, 401)
	}
	srv.expect(t, 2)

	c.at = c.at.Add(refreshAtMost)
	srv.status = http.StatusBadGateway
	try("a third key while the accounts are down", third, 503)
	srv.expect(t, 3)
	try("known keys stay", old, 204)
	srv.status, srv.body = http.StatusOK, `{"keys":[]}`
	c.at = c.at.Add(refreshAtMost)
	try("a set without keys is none", third, 503)
	try("known keys stay", young, 204)
	srv.body = set(t, young) + strings.Repeat(" ", maxSetBytes)
	c.at = c.at.Add(refreshAtMost)
	try("a set that is too large is none", third, 503)
	try("known keys stay", young, 204)

	srv.body = set(t, third)
	c.at = c.at.Add(refreshAtMost)
	try("withdrawn keys go with the next set", third, 204)
	try("withdrawn", old, 401)
	srv.expect(t, 6)
}

func TestAccountsThatComeUpLater(t *testing.T) {
	s := newSigner(t, "1", algEdDSA)
	srv := newAccounts(t, "")
	c := &clock{start}
	var log bytes.Buffer
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	keys := must2(t)(NewKeySet(t.Context(), KeySetConfig{Source: srv.url, Transport: transport, Now: c.now, Log: zerolog.New(&log)}))
	a := newAuth(t, Config{Tokens: newTokens(t, Tokens{Set: keys, Now: c.now})})
	if got := ask(t, a, "Bearer "+s.sign(t, nil)); got.status != 503 || got.retry != "10" {
		t.Errorf("got %+v, want 503", got)
	}
	srv.body = set(t, s)
	c.at = c.at.Add(refreshAtMost)
	if got := ask(t, a, "Bearer "+s.sign(t, nil)); got.who == nil {
		t.Errorf("got %+v, want ada", got)
	}
	if !strings.Contains(log.String(), "not loaded") || !strings.Contains(log.String(), "loaded again") {
		t.Errorf("log %s", &log)
	}
}

// A transport answers without a network, in virtual time.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBackgroundRefresh(t *testing.T) {
	old, young := newSigner(t, "1", algEdDSA), newSigner(t, "2", algEdDSA)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		body := set(t, old)
		keys := must2(t)(NewKeySet(ctx, KeySetConfig{Source: "https://accounts.example", Transport: transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}))
		go keys.Run(ctx)
		body = set(t, young)
		time.Sleep(refreshEvery - time.Second)
		if _, err := keys.look("2", algEdDSA); !errors.Is(err, errNoKey) {
			t.Errorf("before: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, err := keys.look("2", algEdDSA); err != nil {
			t.Errorf("after: %v", err)
		}
		stop()
		synctest.Wait()
	})
}

// Many tokens with a new key fetch the set once, and a caller that goes away leaves the fetch to the others.
func TestOneFetchForMany(t *testing.T) {
	old, young := newSigner(t, "1", algEdDSA), newSigner(t, "2", algEdDSA)
	synctest.Test(t, func(t *testing.T) {
		body, calls := set(t, old), 0
		keys := must2(t)(NewKeySet(t.Context(), KeySetConfig{Source: "https://accounts.example", Transport: transport(func(*http.Request) (*http.Response, error) {
			calls++
			time.Sleep(time.Second)
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}))
		body = set(t, young)
		time.Sleep(refreshAtMost)
		impatient, cancel := context.WithCancel(t.Context())
		results := make(chan error, 11)
		find := func(ctx context.Context) {
			_, err := keys.find(ctx, "2", algEdDSA)
			results <- err
		}
		go find(impatient)
		synctest.Wait()
		for range 10 {
			go find(t.Context())
		}
		cancel()
		for range 11 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if calls != 2 {
			t.Errorf("%d fetches, want 2", calls)
		}
	})
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(file, []byte(set(t, newSigner(t, "1", algEdDSA))), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := transport(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"http://accounts.example/"}}, Body: http.NoBody, Request: r}, nil
	})
	for _, tt := range []struct{ source, err string }{
		{file, ""},
		{filepath.Join(dir, "none.json"), "no such file"},
		{"http://accounts.example/jwks.json", "want a file or an https URL"},
		{"ftp://accounts.example/jwks.json", "want a file or an https URL"},
		{"https://", "want a file or an https URL"},
	} {
		_, err := NewKeySet(t.Context(), KeySetConfig{Source: tt.source})
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", tt.source, err, tt.err)
		}
	}
	s := must2(t)(NewKeySet(t.Context(), KeySetConfig{Source: "https://accounts.example", Transport: elsewhere}))
	if _, err := s.fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "not https") {
		t.Errorf("redirected to http: %v", err)
	}
}

func TestSets(t *testing.T) {
	rsaKey, ecKey := newSigner(t, "r", algRS256), newSigner(t, "e", algES256)
	with := func(s signer, changes map[string]any) string {
		j := s.jwk(t)
		for k, v := range changes {
			j[k] = v
		}
		return toSet(t, j)
	}
	many := make([]any, 65)
	for i := range many {
		many[i] = map[string]any{"kty": "oct"}
	}
	tests := []struct {
		name, text string
		keys       int
		err        string
	}{
		{name: "both", text: set(t, rsaKey, ecKey), keys: 2},
		{name: "not JSON", text: "<html>", err: "not a JSON Web Key Set"},
		{name: "no keys", text: "{}", err: "no key for"},
		{name: "symmetric keys are never used", text: toSet(t, map[string]any{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}), err: "no key for"},
		{name: "HS256 on an RSA key", text: with(rsaKey, map[string]any{"alg": "HS256"}), err: "no key for"},
		{name: "for encryption", text: with(rsaKey, map[string]any{"use": "enc"}), err: "no key for"},
		{name: "for signing only", text: with(rsaKey, map[string]any{"key_ops": []string{"sign"}}), err: "no key for"},
		{name: "other curve", text: with(ecKey, map[string]any{"crv": "P-384"}), err: "no key for"},
		{name: "private", text: with(rsaKey, map[string]any{"d": "AQAB"}), err: "a private key"},
		{name: "weak", text: with(rsaKey, map[string]any{"n": "AQAB"}), err: "want 2048 to 8192"},
		{name: "huge", text: with(rsaKey, map[string]any{"n": strings.Repeat("_", 2000)}), err: "want 2048 to 8192"},
		{name: "even exponent", text: with(rsaKey, map[string]any{"e": "Ag"}), err: "RSA exponent"},
		{name: "exponent of one", text: with(rsaKey, map[string]any{"e": "AQ"}), err: "RSA exponent"},
		{name: "huge exponent", text: with(rsaKey, map[string]any{"e": "_____w"}), err: "RSA exponent"},
		{name: "no modulus", text: with(rsaKey, map[string]any{"n": ""}), err: "n is 0 bytes long"},
		{name: "not base64url", text: with(rsaKey, map[string]any{"n": "+/"}), err: "n is not base64url"},
		{name: "off the curve", text: with(ecKey, map[string]any{"y": ecKey.jwk(t)["x"]}), err: "key 1"},
		{name: "short coordinate", text: with(ecKey, map[string]any{"x": "AQ"}), err: "x is 1 bytes long, want 32"},
		{name: "long kid", text: with(ecKey, map[string]any{"kid": strings.Repeat("x", 257)}), err: "kid of 257 bytes"},
		{name: "too many", text: toSet(t, many...), err: "65 keys in the set, at most 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := parseSet([]byte(tt.text))
			if len(keys) != tt.keys || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %d keys, %v; want %d, %q", len(keys), err, tt.keys, tt.err)
			}
		})
	}
}

func TestTwoKeysWithoutNames(t *testing.T) {
	one, two := newSigner(t, "", algEdDSA), newSigner(t, "", algEdDSA)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte(set(t, one, two)), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := must2(t)(NewKeySet(t.Context(), KeySetConfig{Source: file}))
	if _, err := keys.find(t.Context(), "", algEdDSA); !errors.Is(err, errNoKeyID) {
		t.Errorf("got %v, want %v", err, errNoKeyID)
	}
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(set(f, newSigner(f, "e", algES256), newSigner(f, "o", algEdDSA))))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","x":"%[1]s","y":"%[1]s"}]}`, strings.Repeat("A", 43))))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseSet(text)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxSetKeys {
			t.Errorf("%d keys and %v", len(keys), err)
		}
	})
}
