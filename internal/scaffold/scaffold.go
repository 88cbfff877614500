package scaffold

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed template
var files embed.FS

// maxName is a room.Definition's bound of a game's name.
const maxName = 32

const usage = `ringside new begins a game: a folder with a small game that runs, its test, and how to ship it.

Usage:
  ringside new [-ringside DIR] NAME

NAME is the game's name and that of the folder: lower-case letters, digits and '-'.

`

// Run is the subcommand: it writes the folder and returns the exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("ringside new", flag.ContinueOnError)
	fs.SetOutput(stderr)
	dir := fs.String("ringside", "", "`folder` of Ringside's source, which the game is built with (default: the one this program was built from)")
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case fs.NArg() != 1:
		fmt.Fprintf(stderr, "ringside new: want one name, got %d; as in: ringside new mygame\n", fs.NArg())
		return 2
	}
	name := fs.Arg(0)
	if err := create(name, *dir); err != nil {
		fmt.Fprintf(stderr, "ringside new: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s is a game now. In the folder %s,\n\n  go test ./...\n  go run .\n\nand open the address it prints. The rules are in game.go.\n", name, name)
	return 0
}

// create writes the folder name below the current one.
func create(name, ringside string) error {
	if err := checkName(name); err != nil {
		return err
	}
	src, err := findSource(ringside)
	if err != nil {
		return err
	}
	if err := emptyFolder(name); err != nil {
		return err
	}
	return write(name, &values{Name: name, Ringside: src.dir, Go: src.goVersion, Requires: src.requires, Sums: src.sums})
}

// checkName accepts what is a game's name, a folder's name and a module path alike.
func checkName(name string) error {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return fmt.Errorf("%q is no name for a game: want lower-case letters, digits and '-', beginning with a letter", name)
		}
	}
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("%q is no name for a game: want 1 to %d characters", name, maxName)
	case reserved(name):
		return fmt.Errorf("%q means something else to Go: choose another name, %s-game for example", name, name)
	}
	return nil
}

// reserved reports whether a module of that name would hide a package of Go's library, or be none at all to the go command.
func reserved(name string) bool {
	const words = " all archive bufio builtin bytes cmd cmp compress container context crypto database debug embed encoding errors" +
		" expvar flag fmt go hash html image index internal io iter log main maps math mime net os path plugin reflect regexp" +
		" runtime slices sort std strconv strings structs sync syscall test testdata testing text time tool toolchain unicode" +
		" unique unsafe vendor weak work "
	return strings.Contains(words, " "+name+" ")
}

// emptyFolder makes the folder, or takes one in which nothing is.
func emptyFolder(name string) error {
	entries, err := os.ReadDir(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.Mkdir(name, 0o755)
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("the folder %s is there and has files in it, which stay as they are: choose another name, or remove it", name)
	}
	return nil
}

// values are what the templates are filled with.
type values struct {
	Name     string // of game, folder and module
	Ringside string // the folder of Ringside's source
	Go       string // the least version of Go, 1.26.0
	Requires string // lines of go.mod
	Sums     string // go.sum
}

// GoImage is the tag of the build image: the newest release of that version, 1.26.
func (v *values) GoImage() string {
	parts := strings.SplitN(v.Go, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// The template "game.go.tmpl" becomes the file "game.go"; a leading "dot-" stands for the dot that embed would skip.
func write(dir string, v *values) error {
	list, err := fs.ReadDir(files, "template")
	if err != nil {
		return err
	}
	for _, entry := range list {
		text, err := fs.ReadFile(files, "template/"+entry.Name())
		if err != nil {
			return err
		}
		t, err := template.New(entry.Name()).Delims("[[", "]]").Option("missingkey=error").Parse(string(text))
		if err != nil {
			return fmt.Errorf("template: %w", err)
		}
		var out strings.Builder
		if err := t.Execute(&out, v); err != nil {
			return fmt.Errorf("template: %w", err)
		}
		name := strings.TrimSuffix(entry.Name(), ".tmpl")
		if rest, hidden := strings.CutPrefix(name, "dot-"); hidden {
			name = "." + rest
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(out.String()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "go.sum"), []byte(v.Sums), 0o644)
}
