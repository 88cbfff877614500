package ringside

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// A node that cannot be what it was told to be says which flag is wrong, and never shows a secret.
func TestGateConfig(t *testing.T) {
	const secret = "0123456789abcdef"
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name string
		args []string
		err  string // empty: it starts
	}{
		{name: "nothing"},
		{name: "short key", args: []string{"-api-key", "game=" + secret[1:]}, err: "-api-key: key 1 (game) is 15 characters long: want at least 16"},
		{name: "two keys", args: []string{"-api-key", "a=" + secret + ", b=" + secret + "2"}},
		{name: "key file", args: []string{"-api-key-file", file("keys", "# keys\ngame="+secret+"\n"), "-api-key", secret + "3"}},
		{name: "no key file", args: []string{"-api-key-file", filepath.Join(dir, "none")}, err: "-api-key-file: open"},
		{name: "empty key file", args: []string{"-api-key-file", file("empty", "# none\n")}, err: "no key in it"},
		{name: "huge key file", args: []string{"-api-key-file", file("huge", strings.Repeat("#", 1<<20+1))}, err: "is larger than 1048576 bytes"},
		{name: "short secret", args: []string{"-jwt-secret", secret}, err: "-jwt-secret: 16 bytes: want at least 32"},
		{name: "secret file", args: []string{"-jwt-secret-file", file("secret", secret+secret+"\n")}},
		{name: "empty secret file", args: []string{"-jwt-secret-file", file("nothing", "\n")}, err: "-jwt-secret-file"},
		{name: "two secrets", args: []string{"-jwt-secret", secret + secret, "-jwt-secret-file", file("secret2", secret+secret)}, err: "there is a -jwt-secret, too"},
		{name: "issuer of nothing", args: []string{"-jwt-issuer", "x"}, err: "nothing verifies tokens"},
		{name: "no key set", args: []string{"-jwt-jwks", filepath.Join(dir, "none")}, err: "-jwt-jwks: open"},
		{name: "key set over http", args: []string{"-jwt-jwks", "http://accounts.example/"}, err: "want a file or an https URL"},
		{name: "public", args: []string{"-public", "join,watch"}, err: `-public: "watch": want join, list`},
		{name: "proxies", args: []string{"-trusted-proxies", "10.0.0.0/8,proxy"}, err: `-trusted-proxies: `},
		{name: "origin", args: []string{"-allow-origin", "game.example.com"}, err: `-allow-origin: "game.example.com" is no origin`},
		{name: "no limits", args: []string{"-limit-ip", "0", "-limit-player", "0"}},
		{name: "negative limit", args: []string{"-limit-ip", "-3"}, err: "want a number from 0"},
		{name: "huge limit", args: []string{"-limit-player", "1000001"}, err: "-limit-player: 1000001: want 1 to 1000000"},
		{name: "certificate without key", args: []string{"-tls-cert", "x"}, err: "set -tls-cert and -tls-key"},
		{name: "no certificate", args: []string{"-tls-cert", "x", "-tls-key", "y"}, err: "-tls-cert: certificate x with key y"},
		{name: "two certificates", args: []string{"-tls-cert", "x", "-tls-key", "y", "-acme", "a.example"}, err: "set -acme or -tls-cert"},
		{name: "e-mail for nothing", args: []string{"-acme-email", "a@b"}, err: "set -acme, too"},
		{name: "name that is none", args: []string{"-acme", "localhost"}, err: `-acme: "localhost" is no public host name`},
		{name: "sends", args: []string{"-sends", "uring"}},
		{name: "other sends", args: []string{"-sends", "fast"}, err: `-sends: "fast": want auto, plain or uring`},
		{name: "where the authority asks", args: []string{"-acme", "a.example", "-acme-http", "80"}, err: `-acme-http: "80" is not host:port`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			cfg := Config{Log: zerolog.New(&stderr)}
			idleGame(&cfg)
			_, err := parseFlags(&cfg, append([]string{"-data", dir}, tt.args...), &stderr)
			if err == nil {
				err = cfg.validate()
			}
			if err == nil {
				_, err = newGate(t.Context(), &cfg)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), secret[1:]) {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
	cfg := Config{JWTSecret: secret + secret, auth: func(context.Context, *http.Request) (Player, error) { return Player{}, nil }}
	cfg.fillDefaults()
	if _, err := newGate(t.Context(), &cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "WithAuth") {
		t.Errorf("tokens and WithAuth: %v", err)
	}
}

// When a node trusts this machine, and what it says when it does not and has no key.
func TestOpenMode(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		open bool
		warn bool
	}{
		{name: "default", open: true},
		{name: "localhost", cfg: Config{Listen: "localhost:0"}, open: true},
		{name: "IPv6", cfg: Config{Listen: "[::1]:0"}, open: true},
		{name: "all addresses", cfg: Config{Listen: "0.0.0.0:7777"}, warn: true},
		{name: "all addresses, short", cfg: Config{Listen: ":7777"}, warn: true},
		{name: "one address", cfg: Config{Listen: "192.0.2.1:7777"}, warn: true},
		{name: "key", cfg: Config{APIKeys: []string{"0123456789abcdef"}}},
		{name: "all addresses, key", cfg: Config{Listen: ":7777", APIKeys: []string{"0123456789abcdef"}}},
		{name: "advertised", cfg: Config{Advertise: "wss://play.example.com"}, warn: true},
		{name: "proxy", cfg: Config{TrustedProxies: []string{"127.0.0.1"}}, warn: true},
		{name: "ACME", cfg: Config{ACME: []string{"play.example.com"}}, warn: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			tt.cfg.Log, tt.cfg.Data = zerolog.New(&log), t.TempDir()
			tt.cfg.fillDefaults()
			if _, err := newGate(t.Context(), &tt.cfg); err != nil {
				t.Fatal(err)
			}
			open := len(tt.cfg.APIKeys) == 0 && tt.cfg.trustsThisMachine()
			if warned := strings.Count(log.String(), "-api-key (or RINGSIDE_API_KEY)") == 1; open != tt.open || warned != tt.warn || strings.Count(log.String(), "\n") > 1 {
				t.Errorf("open %v, log %s; want %v, warned %v", open, &log, tt.open, tt.warn)
			}
		})
	}
}
