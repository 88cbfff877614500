package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// Bounds of API keys. 16 characters cannot be guessed at the rate at which guesses are answered; the rest are far above what
// anybody needs.
const (
	minKeyBytes     = 16
	maxKeyBytes     = 512
	maxKeyNameBytes = 32
	maxKeys         = 1024
)

// A Key is an API key. The secret itself is not kept.
type Key struct {
	Name string
	sum  [sha256.Size]byte
}

// ParseKeys reads API keys, each NAME=SECRET or a secret alone; those without a name are called key1, key2 … by their
// position. An error names the position and never the secret.
func ParseKeys(list []string) ([]Key, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("%d keys, at most %d", len(list), maxKeys)
	}
	var keys []Key
	names, sums := map[string]bool{}, map[[sha256.Size]byte]bool{}
	for i, text := range list {
		name, secret := splitKey(text)
		if name == "" {
			name = fmt.Sprintf("key%d", i+1)
		}
		k := Key{Name: name, sum: sha256.Sum256([]byte(secret))}
		switch {
		case len(secret) < minKeyBytes:
			return nil, fmt.Errorf("key %d (%s) is %d characters long: want at least %d", i+1, name, len(secret), minKeyBytes)
		case len(secret) > maxKeyBytes:
			return nil, fmt.Errorf("key %d (%s) is %d characters long: want at most %d", i+1, name, len(secret), maxKeyBytes)
		case !visible(secret):
			return nil, fmt.Errorf("key %d (%s) has a character that no Authorization header carries: want visible ASCII without commas", i+1, name)
		case names[name]:
			return nil, fmt.Errorf("key %d: another key is called %s, too", i+1, name)
		case sums[k.sum]:
			return nil, fmt.Errorf("key %d (%s) is the same as another key", i+1, name)
		}
		names[name], sums[k.sum] = true, true
		keys = append(keys, k)
	}
	return keys, nil
}

// ParseKeyFile reads a file with one key per line; empty lines and those that begin with # are skipped.
func ParseKeyFile(text string) ([]string, error) {
	var list []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if list = append(list, line); len(list) > maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no key in it: want one per line, NAME=SECRET or a secret alone")
	}
	return list, nil
}

// splitKey finds the name in front of a secret. The padding of base64 is no separator.
func splitKey(text string) (name, secret string) {
	name, secret, found := strings.Cut(text, "=")
	if !found || strings.Trim(secret, "=") == "" || !keyName(name) {
		return "", text
	}
	return name, secret
}

func keyName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= maxKeyNameBytes
}

// visible reports whether s is made of printable ASCII without space and comma.
func visible(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == ',' {
			return false
		}
	}
	return true
}

// findKey looks at every key, whichever it is: how long that takes says nothing about the secrets.
func findKey(keys []Key, secret string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for i := range keys {
		if subtle.ConstantTimeCompare(keys[i].sum[:], sum[:]) == 1 {
			name, ok = keys[i].Name, true
		}
	}
	return name, ok
}
