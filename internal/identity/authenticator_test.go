package identity

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestWhoCalls(t *testing.T) {
	everybody := func(*http.Request) bool { return true }
	keys := keysOf(t, "game="+apiKey, "0123456789abcdef")
	tokens := newTokens(t, Tokens{Secret: []byte(jwtSecret), Now: (&clock{start}).now})
	server := &Principal{Kind: Server, Verified: true, Key: "game"}
	player := &Principal{Kind: Player, ID: "ada", Name: "Ada", Verified: true}
	nobody := &Principal{}
	tests := []struct {
		name    string
		cfg     Config
		headers []string
		who     *Principal // nil: refused
		detail  string
	}{
		{name: "nothing known, nothing shown", who: nobody},
		{name: "open", cfg: Config{Open: everybody}, who: &Principal{Kind: Server}},
		{name: "open, but there are keys", cfg: Config{Open: everybody, Keys: keys}, who: nobody},
		{name: "open, and a credential", cfg: Config{Open: everybody}, headers: []string{"Bearer " + apiKey}, detail: "knows no API keys"},
		{name: "open, and a player's token", cfg: Config{Open: everybody, Tokens: tokens}, headers: []string{"Bearer " + hs256(t, nil)}, who: player},
		{name: "key", cfg: Config{Keys: keys}, headers: []string{"Bearer " + apiKey}, who: server},
		{name: "scheme in capitals", cfg: Config{Keys: keys}, headers: []string{"BEARER  " + apiKey + " "}, who: server},
		{name: "second key", cfg: Config{Keys: keys}, headers: []string{"Bearer 0123456789abcdef"}, who: &Principal{Kind: Server, Verified: true, Key: "key2"}},
		{name: "key with its name", cfg: Config{Keys: keys}, headers: []string{"Bearer game=" + apiKey}, detail: "none of the node's API keys"},
		{name: "beginning of a key", cfg: Config{Keys: keys}, headers: []string{"Bearer " + apiKey[:20]}, detail: "none of the node's API keys"},
		{name: "empty header", cfg: Config{Keys: keys}, headers: []string{""}, detail: "not understood"},
		{name: "empty bearer", cfg: Config{Keys: keys}, headers: []string{"Bearer "}, detail: "empty behind Bearer"},
		{name: "basic", cfg: Config{Keys: keys}, headers: []string{"Basic YTpi"}, detail: "send Authorization: Bearer"},
		{name: "bare key", cfg: Config{Keys: keys}, headers: []string{apiKey}, detail: "send Authorization: Bearer"},
		{name: "two headers", cfg: Config{Keys: keys}, headers: []string{"Bearer " + apiKey, "Bearer " + apiKey}, detail: "more than one"},
		{name: "long", cfg: Config{Keys: keys}, headers: []string{"Bearer " + strings.Repeat("x", 9000)}, detail: "9000 bytes long, at most 8192"},
		{name: "token beside keys", cfg: Config{Keys: keys, Tokens: tokens}, headers: []string{"Bearer " + hs256(t, nil)}, who: player},
		{name: "key beside tokens", cfg: Config{Keys: keys, Tokens: tokens}, headers: []string{"Bearer " + apiKey}, who: server},
		{name: "wrong key beside tokens", cfg: Config{Keys: keys, Tokens: tokens}, headers: []string{"Bearer " + apiKey + "x"}, detail: "no token that can be read"},
		{name: "token without tokens", cfg: Config{Keys: keys}, headers: []string{"Bearer " + hs256(t, nil)}, detail: "none of the node's API keys"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failed := 0
			tt.cfg.Failed = func(*http.Request) { failed++ }
			got := ask(t, newAuth(t, tt.cfg), tt.headers...)
			if tt.who != nil {
				if got.who == nil || *got.who != *tt.who || failed != 0 {
					t.Errorf("got %+v of %+v, %d failures; want %+v", got.who, got, failed, tt.who)
				}
				return
			}
			if got.status != http.StatusUnauthorized || got.code != "unauthorized" || !strings.Contains(got.detail, tt.detail) || failed != 1 || got.who != nil {
				t.Errorf("got %+v, %d failures; want 401 with %q", got, failed, tt.detail)
			}
			if got.challenge != `Bearer realm="ringside", error="invalid_token"` {
				t.Errorf("WWW-Authenticate: %s", got.challenge)
			}
		})
	}
}

// The rules of DESIGN.md, row by row.
func TestRefusals(t *testing.T) {
	keys := keysOf(t, apiKey)
	tokens := newTokens(t, Tokens{Secret: []byte(jwtSecret)})
	both, listOnly, joinOnly := Public{Join: true, List: true}, Public{List: true}, Public{Join: true}
	anybody, player, server := Principal{}, Principal{Kind: Player, ID: "ada", Verified: true}, Principal{Kind: Server}
	const ok = 0
	tests := []struct {
		name               string
		cfg                Config
		who                Principal
		join, list, manage int
		manageDetail       string
	}{
		{"server", Config{}, server, ok, ok, ok, ""},
		{"anybody, no key", Config{Public: both}, anybody, ok, ok, 403, "start it with -api-key (or RINGSIDE_API_KEY)"},
		{"anybody, keys", Config{Public: both, Keys: keys}, anybody, ok, ok, 401, "send Authorization: Bearer <api key>"},
		{"anybody, accounts", Config{Public: both, Keys: keys, Tokens: tokens}, anybody, 401, ok, 401, "<api key>"},
		{"player", Config{Public: both, Keys: keys, Tokens: tokens}, player, ok, ok, 403, "a player's token is not one"},
		{"player, no key", Config{Public: both, Tokens: tokens}, player, ok, ok, 403, "this node has none"},
		{"player, nothing public", Config{Keys: keys, Tokens: tokens}, player, 403, 403, 403, "a player's token is not one"},
		{"anybody, list only", Config{Public: listOnly, Keys: keys}, anybody, 401, ok, 401, "<api key>"},
		{"anybody, join only", Config{Public: joinOnly, Keys: keys}, anybody, ok, 401, 401, "<api key>"},
		{"anybody, nothing public, no key", Config{}, anybody, 403, 403, 403, "this node has none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuth(t, tt.cfg)
			for act, want := range map[Act]int{Join: tt.join, List: tt.list, Manage: tt.manage} {
				p := a.Refusal(tt.who, act)
				if want == ok {
					if p != nil {
						t.Errorf("act %d: %v, want none", act, p)
					}
					continue
				}
				if p == nil || p.Status != want || p.Invalid {
					t.Errorf("act %d: %+v, want %d", act, p, want)
				}
			}
			if p := a.Refusal(tt.who, Manage); p != nil && !strings.Contains(p.Detail, tt.manageDetail) {
				t.Errorf("says %q, want %q in it", p.Detail, tt.manageDetail)
			}
		})
	}
}

func TestAccountsOfTheGame(t *testing.T) {
	var id, name string
	var fail error
	var log bytes.Buffer
	a := newAuth(t, Config{
		Keys: keysOf(t, apiKey), Public: Public{Join: true}, Log: zerolog.New(&log),
		Accounts: func(context.Context, *http.Request) (string, string, error) {
			if id == "panic" {
				panic("boom")
			}
			return id, name, fail
		},
	})
	tests := []struct {
		name     string
		id, text string
		err      error
		headers  []string
		status   int
		kind     Kind
		detail   string
		log      string
	}{
		{name: "player", id: "7", text: "Ada", headers: []string{"Ticket abc"}, status: 204, kind: Player},
		{name: "player without header", id: "7", text: "Ada", status: 204, kind: Player},
		{name: "nobody", status: 204, kind: Anonymous},
		{name: "API key first", err: errors.New("not asked"), headers: []string{"Bearer " + apiKey}, status: 204, kind: Server},
		{name: "refused", err: errors.New("you are banned until Friday"), status: 401, detail: "you are banned until Friday"},
		{name: "long reason", err: errors.New(strings.Repeat("é", 500)), status: 401, detail: strings.Repeat("é", 150)},
		{name: "panic", id: "panic", status: 500, detail: "see the log", log: "auth function panicked"},
		{name: "long id", id: strings.Repeat("x", 65), status: 500, detail: "see the log", log: "player id of 65 bytes"},
		{name: "name alone", text: "Ada", status: 500, detail: "see the log", log: "player id of 0 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, name, fail = tt.id, tt.text, tt.err
			log.Reset()
			got := ask(t, a, tt.headers...)
			if got.status != tt.status || got.detail != tt.detail && !strings.Contains(got.detail, tt.detail) || len(got.detail) > maxDetailBytes {
				t.Errorf("got %+v", got)
			}
			if got.status == 204 && got.who.Kind != tt.kind {
				t.Errorf("the caller is %+v", got.who)
			}
			if !strings.Contains(log.String(), tt.log) {
				t.Errorf("log %s, want %q", &log, tt.log)
			}
		})
	}
	if p := a.Refusal(Principal{}, Join); p == nil || p.Status != 401 {
		t.Errorf("nobody may join although there are accounts: %v", p)
	}
	if _, err := New(Config{Accounts: a.cfg.Accounts, Tokens: &Tokens{}}); !errors.Is(err, ErrConfig) {
		t.Errorf("tokens and accounts: %v", err)
	}
}

// Who tries credentials too fast waits; a right API key never does.
func TestThrottle(t *testing.T) {
	a := newAuth(t, Config{
		Keys: keysOf(t, apiKey), Tokens: newTokens(t, Tokens{Secret: []byte(jwtSecret), Now: (&clock{start}).now}),
		Throttle: func(*http.Request) time.Duration { return 1200 * time.Millisecond },
		Failed:   func(*http.Request) { t.Error("a credential that was not looked at counts as refused") },
	})
	for _, bearer := range []string{apiKey + "x", hs256(t, nil)} {
		if got := ask(t, a, "Bearer "+bearer); got.status != http.StatusTooManyRequests || got.retry != "2" || got.code != "too_many_requests" {
			t.Errorf("got %+v, want 429 and 2 s", got)
		}
	}
	if got := ask(t, a, "Bearer "+apiKey); got.who == nil || got.who.Kind != Server {
		t.Errorf("the right key: %+v", got)
	}
	if got := ask(t, a); got.who == nil || got.who.Kind != Anonymous {
		t.Errorf("no credential: %+v", got)
	}
}

func TestContextWithoutCaller(t *testing.T) {
	if p := From(t.Context()); p != (Principal{}) {
		t.Errorf("got %+v, want nobody", p)
	}
	p := Principal{Kind: Player, ID: "ada", Name: "Ada", Verified: true}
	if got := From(With(t.Context(), p)); got != p {
		t.Errorf("got %+v, want %+v", got, p)
	}
}
