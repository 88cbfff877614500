package ringside

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ringside-server/ringside/internal/identity"
)

// maxSecretFileBytes bounds files with keys and secrets.
const maxSecretFileBytes = 1 << 20

// A Player is who an account belongs to.
type Player struct {
	// ID is the account's own name for the player: 1 to 64 printable bytes. A seat is sold to an ID once per room.
	ID string
	// Name is what others read. Default: what the player asks for.
	Name string
}

// AuthFunc asks the game's accounts who sent r. The zero Player is nobody in particular, who may read but not join. The text
// of an error is what the client reads in its 401. A panic is answered 500 and logged. It is called by many goroutines at
// once and bounds its own time.
type AuthFunc func(ctx context.Context, r *http.Request) (Player, error)

// WithAuth lets a function of the game say who a player is, instead of tokens (-jwt-…). It is asked about each call of the
// HTTP API that carries no API key.
func WithAuth(ask AuthFunc) Option {
	return func(c *Config) { c.auth = ask }
}

// identityFlags are the flags about who calls.
func identityFlags(fs *flag.FlagSet, cfg *Config) {
	fs.Var(listValue{&cfg.APIKeys}, "api-key", "`keys` for servers, NAME=SECRET or SECRET, with commas between them; whoever shows one may do everything (better: the environment, or -api-key-file)")
	fs.StringVar(&cfg.APIKeyFile, "api-key-file", cfg.APIKeyFile, "`file` with one API key per line")
	fs.StringVar(&cfg.JWTSecret, "jwt-secret", cfg.JWTSecret, "`secret` of players' tokens signed with HS256, at least 32 bytes (better: the environment, or -jwt-secret-file)")
	fs.StringVar(&cfg.JWTSecretFile, "jwt-secret-file", cfg.JWTSecretFile, "`file` with that secret")
	fs.StringVar(&cfg.JWKS, "jwt-jwks", cfg.JWKS, "`file or https URL` of the public keys of players' tokens: RS256, ES256, EdDSA")
	fs.StringVar(&cfg.JWTIssuer, "jwt-issuer", cfg.JWTIssuer, "what iss of a player's `token` has to say (default: anything)")
	fs.StringVar(&cfg.JWTAudience, "jwt-audience", cfg.JWTAudience, "what aud of a player's `token` has to say (default: anything)")
	fs.Var(listValue{&cfg.Public}, "public", "what is `open` to callers without an API key: join, list, both, or none")
}

// A listValue is a flag of words with commas between them.
type listValue struct{ list *[]string }

// String implements flag.Value.
func (v listValue) String() string {
	if v.list == nil {
		return ""
	}
	return strings.Join(*v.list, ",")
}

// Set implements flag.Value.
func (v listValue) Set(s string) error {
	*v.list = nil
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*v.list = append(*v.list, word)
		}
	}
	return nil
}

// A limitValue is a flag of a rate, whose 0 means none; in a Config 0 is the default.
type limitValue struct{ n *int }

// String implements flag.Value.
func (v limitValue) String() string {
	if v.n == nil {
		return ""
	}
	return strconv.Itoa(max(*v.n, 0))
}

// Set implements flag.Value.
func (v limitValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return errors.New("want a number from 0, which means no limit")
	}
	if *v.n = n; n == 0 {
		*v.n = -1
	}
	return nil
}

// apiKeys reads the API keys of the flag and of the file.
func (c *Config) apiKeys() ([]identity.Key, error) {
	list := c.APIKeys
	name := "-api-key"
	if c.APIKeyFile != "" {
		name = "-api-key-file"
		text, err := readSecretFile(c.APIKeyFile)
		if err != nil {
			return nil, configError(name, err)
		}
		lines, err := identity.ParseKeyFile(text)
		if err != nil {
			return nil, configError(name, fmt.Errorf("%s: %w", c.APIKeyFile, err))
		}
		list = append(list[:len(list):len(list)], lines...)
	}
	keys, err := identity.ParseKeys(list)
	if err != nil {
		return nil, configError(name, err)
	}
	return keys, nil
}

// tokens makes the verifier of players' tokens, nil if there are none.
func (c *Config) tokens(ctx context.Context) (*identity.Tokens, *identity.KeySet, error) {
	secret := c.JWTSecret
	switch {
	case c.JWTSecret != "" && c.JWTSecretFile != "":
		return nil, nil, configError("-jwt-secret-file", errors.New("there is a -jwt-secret, too"))
	case c.JWTSecretFile != "":
		text, err := readSecretFile(c.JWTSecretFile)
		if err != nil {
			return nil, nil, configError("-jwt-secret-file", err)
		}
		if secret = strings.TrimRight(text, "\r\n"); secret == "" {
			return nil, nil, configError("-jwt-secret-file", fmt.Errorf("%s is empty", c.JWTSecretFile))
		}
	}
	if secret == "" && c.JWKS == "" {
		if c.JWTIssuer != "" || c.JWTAudience != "" {
			return nil, nil, configError("-jwt-issuer", errors.New("nothing verifies tokens: set -jwt-secret or -jwt-jwks, too"))
		}
		return nil, nil, nil
	}
	if c.auth != nil {
		return nil, nil, configError("-jwt-secret", errors.New("the game has accounts of its own (WithAuth), which replace tokens"))
	}
	t := identity.Tokens{Now: c.wall, Issuer: c.JWTIssuer, Audience: c.JWTAudience}
	if secret != "" {
		t.Secret = []byte(secret)
	}
	if c.JWKS != "" {
		set, err := identity.NewKeySet(ctx, identity.KeySetConfig{Source: c.JWKS, Log: c.Log})
		if err != nil {
			return nil, nil, configError("-jwt-jwks", err)
		}
		t.Set = set
		if c.JWTAudience == "" {
			c.Log.Warn().Msg("tokens are accepted whatever they were issued for: set -jwt-audience if others use the same accounts")
		}
	}
	tokens, err := identity.NewTokens(t)
	if err != nil {
		return nil, nil, configError("-jwt-secret", err)
	}
	return tokens, t.Set, nil
}

// accounts is the game's function as identity calls it.
func (c *Config) accounts() identity.Accounts {
	if c.auth == nil {
		return nil
	}
	return func(ctx context.Context, r *http.Request) (id, name string, err error) {
		p, err := c.auth(ctx, r)
		return p.ID, p.Name, err
	}
}

func readSecretFile(name string) (string, error) {
	text, err := readBounded(name, maxSecretFileBytes)
	return string(text), err
}

func configError(flagName string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrConfig, flagName, err)
}
