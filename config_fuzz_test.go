package ringside

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A config file is read or refused in one line that names the file and the place; what is read is the same when it is written down
// again, and is good or an ErrConfig.
func FuzzConfigFile(f *testing.F) {
	for _, s := range []string{
		"", "# nothing\n", "max-rooms 500\nlisten 127.0.0.1:0 # here\n-data=/tmp/x\n", "version\n", "max-rooms 1e3\n", "max-memory 1GiB\nbackend goroutine",
		"drain-timeout 3s\nallow-origin https://a.example,*\napi-key 0123456789abcdef", "no-such-flag 1\n", "max-rooms\n", "config x\n", "node \x00\n", "limit-ip 0\r\nlimit-player -1\r\n",
		"check-config maybe\n", strings.Repeat("x", 70_000),
	} {
		f.Add([]byte(s))
	}
	name := filepath.Join(f.TempDir(), "ringside.conf")
	read := func(t *testing.T, text []byte) (Config, *flag.FlagSet, error) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := Config{}
		idleGame(&cfg)
		var said strings.Builder
		flags, err := parseFlags(&cfg, []string{"-config", name}, &said)
		return cfg, flags.set, err
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, set, err := read(t, text)
		if err != nil {
			if !errors.Is(err, flag.ErrHelp) && strings.TrimSpace(err.Error()) == "" {
				t.Errorf("%q is refused without a word", text)
			}
			return
		}
		if err := cfg.validate(); err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", text, err)
		}
		var again strings.Builder
		set.Visit(func(f *flag.Flag) {
			if f.Name != "config" && f.Name != "max-memory" { // its words are rounded
				again.WriteString(f.Name + "=" + f.Value.String() + "\n")
			}
		})
		_, second, err := read(t, []byte(again.String()))
		if err != nil {
			t.Fatalf("%q, written again as %q: %v", text, again.String(), err)
		}
		set.Visit(func(f *flag.Flag) {
			if f.Name != "config" && f.Name != "max-memory" && f.Value.String() != second.Lookup(f.Name).Value.String() {
				t.Errorf("%s is %q, written again %q", f.Name, f.Value, second.Lookup(f.Name).Value)
			}
		})
	})
}
