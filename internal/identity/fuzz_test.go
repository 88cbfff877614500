package identity

import (
	"net/http"
	"strings"
	"testing"
)

// The Authorization header that a stranger sends is a credential, bounded and without a space at its ends, or a mistake in words.
func FuzzCredential(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer x", "bearer  x ", "Basic eDp5", "Bearer " + strings.Repeat("x", maxBearerBytes+1), "Bearer a b", "Bearer\tx"} {
		f.Add(s, false)
	}
	f.Add("Bearer x", true)
	f.Fuzz(func(t *testing.T, line string, twice bool) {
		r := &http.Request{Header: http.Header{"Authorization": {line}}}
		if twice {
			r.Header.Add("Authorization", line)
		}
		bearer, shown, malformed := credential(r)
		if !shown || (bearer == "") != (malformed != "") || twice && bearer != "" {
			t.Fatalf("%q, twice %v: %q, shown %v, malformed %q", line, twice, bearer, shown, malformed)
		}
		if len(bearer) > maxBearerBytes || bearer != strings.Trim(bearer, " ") || !strings.HasSuffix(strings.TrimRight(line, " "), bearer) {
			t.Errorf("%q: %q", line, bearer)
		}
		if bearer != "" && strings.Contains(malformed, bearer) {
			t.Errorf("%q repeats the credential", malformed)
		}
	})
}

// A key file is read as keys that all open, and nothing else does, or is refused without a word of a secret.
func FuzzKeyFile(f *testing.F) {
	for _, s := range []string{
		"", "# none\n", "backend=0123456789abcdef\n# a comment\n\r\nZmVkY2JhOTg3NjU0MzIxMA==\n", "a=short\n", "a=0123456789abcdef\na=fedcba9876543210",
		"0123456789abcdef\n0123456789abcdef\n", "b=0123456789 abcdef\n", strings.Repeat("x", maxKeyBytes+1), "=0123456789abcdef", "n\xff=0123456789abcdef",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := ParseKeyFile(text)
		if err != nil {
			return
		}
		keys, err := ParseKeys(lines)
		if err != nil {
			for _, line := range lines {
				name, secret := splitKey(line)
				if len(secret) > maxKeyNameBytes && !strings.Contains(name, secret) && strings.Contains(err.Error(), secret) {
					t.Errorf("%q repeats a secret", err)
				}
			}
			return
		}
		if len(keys) != len(lines) || len(keys) > maxKeys {
			t.Fatalf("%d keys of %d lines", len(keys), len(lines))
		}
		for i, line := range lines {
			_, secret := splitKey(line)
			if name, ok := findKey(keys, secret); !ok || name != keys[i].Name || name == "" {
				t.Errorf("key %d does not open, or as %q", i+1, name)
			}
			if name, ok := findKey(keys, secret+"x"); ok && !strings.Contains(text, secret+"x") {
				t.Errorf("more than key %d opens as %q", i+1, name)
			}
		}
	})
}
