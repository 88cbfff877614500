package identity

import (
	"slices"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	const secret = "0123456789abcdef"
	tests := []struct {
		name  string
		list  []string
		names []string
		err   string
	}{
		{name: "none"},
		{name: "bare", list: []string{secret}, names: []string{"key1"}},
		{name: "named", list: []string{"eu-1.game_x=" + secret}, names: []string{"eu-1.game_x"}},
		{name: "mixed", list: []string{"a=" + secret, secret + "2"}, names: []string{"a", "key2"}},
		{name: "padded base64", list: []string{"c2VjcmV0IHNlY3JldA==", "c2VjcmV0IHNlY3JldDE="}, names: []string{"key1", "key2"}},
		{name: "no name in front", list: []string{"=" + secret}, names: []string{"key1"}},
		{name: "a name that is none", list: []string{"ab/cd=" + secret}, names: []string{"key1"}},
		{name: "short", list: []string{secret[1:]}, err: "key 1 (key1) is 15 characters long: want at least 16"},
		{name: "short with a name", list: []string{secret, "abcdefghijklmnop=x"}, err: "key 2 (abcdefghijklmnop) is 1 characters long"},
		{name: "long", list: []string{strings.Repeat("x", 513)}, err: "want at most 512"},
		{name: "space", list: []string{secret + " x"}, err: "no Authorization header carries"},
		{name: "beyond ASCII", list: []string{secret + "é"}, err: "no Authorization header carries"},
		{name: "a name twice", list: []string{"a=" + secret, "a=" + secret + "2"}, err: "another key is called a"},
		{name: "a secret twice", list: []string{"a=" + secret, "b=" + secret}, err: "key 2 (b) is the same as another key"},
		{name: "too many", list: make([]string, 1025), err: "1025 keys, at most 1024"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := ParseKeys(tt.list)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
				return
			}
			var names []string
			for _, k := range keys {
				names = append(names, k.Name)
			}
			if err != nil || !slices.Equal(names, tt.names) {
				t.Errorf("got %q, %v, want %q", names, err, tt.names)
			}
		})
	}
}

func TestKeyFile(t *testing.T) {
	list, err := ParseKeyFile("# the game\ngame=0123456789abcdef\n\n  fedcba9876543210 \r\n")
	if want := []string{"game=0123456789abcdef", "fedcba9876543210"}; err != nil || !slices.Equal(list, want) {
		t.Errorf("got %q, %v, want %q", list, err, want)
	}
	for text, want := range map[string]string{"": "no key in it", "# x\n": "no key in it", strings.Repeat("x\n", 1025): "more than 1024"} {
		if _, err := ParseKeyFile(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

func TestPublicWords(t *testing.T) {
	for text, want := range map[string]Public{"join,list": {true, true}, "list": {List: true}, "join": {Join: true}, "none": {}} {
		if got, err := ParsePublic(strings.Split(text, ",")); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "all", "none,join", "join,"} {
		if got, err := ParsePublic(strings.Split(text, ",")); err == nil || got != (Public{}) {
			t.Errorf("%q: %+v, %v, want an error", text, got, err)
		}
	}
	if _, err := ParsePublic(nil); err == nil {
		t.Error("no words are accepted")
	}
}
