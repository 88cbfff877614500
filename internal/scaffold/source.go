package scaffold

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// module is what a game requires. It is not published, so that a game's go.mod says where its source is.
const module = "github.com/ringside-server/ringside"

// maxModFile bounds go.mod and go.sum; ours are some 30 KB.
const maxModFile = 1 << 20

// A source is a folder with the module's source, and what its go.mod asks for: a game needs the same to be built without a
// network.
type source struct {
	dir       string
	goVersion string
	requires  string
	sums      string
}

// findSource looks at dir if it is set; else at where this program was compiled, then upwards from the current folder and from
// the program itself.
func findSource(dir string) (*source, error) {
	if dir != "" {
		src, err := readSource(dir)
		if err != nil {
			return nil, fmt.Errorf("-ringside: %w", err)
		}
		return src, nil
	}
	var places []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) { // -trimpath leaves no folder
		places = append(places, filepath.Dir(file))
	}
	if here, err := os.Getwd(); err == nil {
		places = append(places, here)
	}
	if program, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(program))
	}
	for _, place := range places {
		for ; ; place = filepath.Dir(place) {
			if src, err := readSource(place); err == nil {
				return src, nil
			}
			if place == filepath.Dir(place) {
				break
			}
		}
	}
	return nil, errors.New("the source of Ringside, with which games are built, is nowhere near: say where with -ringside DIR, a checkout of " + module)
}

// readSource reads go.mod and go.sum of a folder.
func readSource(dir string) (*source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	mod, err := readBounded(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	src := &source{dir: dir}
	if err := src.parse(mod); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if strings.ContainsAny(dir, "\"`\\\n") {
		return nil, fmt.Errorf("%s: a go.mod cannot name this folder; move it", dir)
	}
	src.sums, err = readBounded(filepath.Join(dir, "go.sum"))
	return src, err
}

func readBounded(name string) (string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if st.Size() > maxModFile {
		return "", fmt.Errorf("%s: %d bytes, at most %d", name, st.Size(), maxModFile)
	}
	text, err := os.ReadFile(name)
	return string(text), err
}

// parse takes the requirements out of our own go.mod, which the go command has formatted: one a line, in blocks.
func (s *source) parse(mod string) error {
	var requires strings.Builder
	ours, inside := false, false
	for line := range strings.Lines(mod) {
		line = strings.TrimSpace(line)
		rest, single := strings.CutPrefix(line, "require ")
		switch {
		case line == "module "+module:
			ours = true
		case strings.HasPrefix(line, "go "):
			s.goVersion = strings.TrimPrefix(line, "go ")
		case line == "require (":
			inside = true
		case line == ")":
			inside = false
		case single, inside && line != "":
			if !single {
				rest = line
			}
			requirement, _, _ := strings.Cut(rest, "//")
			fmt.Fprintf(&requires, "\t%s // indirect\n", strings.TrimSpace(requirement))
		}
	}
	if !ours || s.goVersion == "" {
		return fmt.Errorf("no checkout of %s", module)
	}
	s.requires = strings.TrimSuffix(requires.String(), "\n")
	return nil
}
