package ringside

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringside-server/ringside/room"
)

// parseConfigFile reads "name value" lines like ff's plain parser, and says at which line one is wrong.
func parseConfigFile(r io.Reader, set func(name, value string) error) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value := line, "true" // a flag alone is a bool that is set
		if i := strings.IndexAny(line, " \t="); i >= 0 {
			name, value = line[:i], strings.TrimSpace(line[i+1:])
		}
		if i := strings.Index(value, " #"); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		if err := set(strings.TrimLeft(name, "-"), value); err != nil {
			return &lineError{line: n, name: name, err: err}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	return nil
}

// A lineError is what is wrong with a line of the config file.
type lineError struct {
	line int
	name string
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// explain says an error of parsing in one line, with the file it is about.
func explain(err error, fs *flag.FlagSet) error {
	file := fs.Lookup("config").Value.String()
	var at *lineError
	switch {
	case errors.As(err, &at) && strings.Contains(at.err.Error(), "not defined in flag set"):
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("%s:%d: there is no flag %q%s", file, at.line, at.name, didYouMean(at.name, "", names))
	case errors.As(err, &at):
		text := at.err.Error()
		if inner := errors.Unwrap(at.err); inner != nil {
			text = fmt.Sprintf("%s: %v", at.name, inner)
		}
		return fmt.Errorf("%s:%d: %s", file, at.line, text)
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission):
		return fmt.Errorf("-config: %w", err)
	}
	return errors.New(flagError(err, fs))
}

// checkConfig is -check-config: everything that Start would refuse without starting anything, and what it would use.
func checkConfig(ctx context.Context, cfg *Config, fs *flag.FlagSet, stdout io.Writer) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	var names []string
	for _, def := range cfg.Games {
		p, err := room.Compile(def)
		if err != nil {
			return err
		}
		names = append(names, p.Def.Name)
	}
	quiet := *cfg
	quiet.ACMEHTTP = "" // files are read, nothing listens
	gate, err := newGate(ctx, &quiet)
	if err != nil {
		return err
	}
	gate.close()
	if err := checkData(cfg.Data); err != nil {
		return fmt.Errorf("%w: -data: %w", ErrConfig, err)
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	fmt.Fprintf(stdout, "the configuration is good; games: %s\n", strings.Join(names, ", "))
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" || f.Name == "check-config" || f.Name == "version" {
			return
		}
		from := "default"
		if set[f.Name] {
			from = "set"
		}
		fmt.Fprintf(stdout, "  %-20s %-8s %s\n", f.Name, from, masked(f.Name, f.Value.String()))
	})
	return nil
}

// checkData makes sure that the data folder can be written, or made.
func checkData(dir string) error {
	st, err := os.Stat(dir)
	for errors.Is(err, os.ErrNotExist) {
		if up := filepath.Dir(dir); up != dir {
			dir = up
			st, err = os.Stat(dir)
			continue
		}
		break
	}
	switch {
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	}
	f, err := os.CreateTemp(dir, ".ringside-check-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// masked hides a value that must not be in a terminal's memory; the name of a file with secrets is none.
func masked(name, value string) string {
	secret := false
	for _, word := range []string{"key", "secret", "token", "password"} {
		secret = secret || strings.Contains(name, word)
	}
	if !secret || value == "" || strings.HasSuffix(name, "-file") || strings.HasPrefix(name, "tls-") {
		return value
	}
	return "***"
}
