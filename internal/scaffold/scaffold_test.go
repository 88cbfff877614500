package scaffold

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run calls Run in an empty folder, or in dir.
func run(t testing.TB, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	t.Chdir(dir)
	var out, err bytes.Buffer
	code = Run(args, &out, &err)
	return code, out.String(), err.String()
}

// goIn runs the go command in a folder, without a network.
func goIn(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "PWD="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// What is written builds, is formatted, passes its own tests, and is a whole server, with nothing but the module cache.
func TestANewGameIsWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	code, stdout, stderr := run(t, dir, "coin-rush2")
	if code != 0 || !strings.Contains(stdout, "coin-rush2 is a game now") {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	game := filepath.Join(dir, "coin-rush2")
	list, err := filepath.Glob(filepath.Join(game, "*.go"))
	if err != nil || len(list) != 3 {
		t.Fatalf("Go files %q, %v", list, err)
	}
	for _, name := range list {
		before, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if goIn(t, game, "fmt", name); !bytes.Equal(before, readFile(t, name)) {
			t.Errorf("%s is not formatted", name)
		}
	}
	goIn(t, game, "vet", "./...")
	if out := goIn(t, game, "test", "-count=1", "./..."); !strings.Contains(out, "ok") {
		t.Errorf("its tests say %q", out)
	}
	if out := goIn(t, game, "run", ".", "-version"); !strings.HasPrefix(out, "ringside ") {
		t.Errorf("its server says %q", out)
	}
	if mod := string(readFile(t, filepath.Join(game, "go.mod"))); !strings.HasPrefix(mod, "module coin-rush2\n") {
		t.Errorf("go.mod begins with %.40q", mod)
	}
	for _, name := range []string{"README.md", "Dockerfile", ".gitignore", ".dockerignore", "go.sum"} {
		if text := string(readFile(t, filepath.Join(game, name))); text == "" || strings.Contains(text, "[[") {
			t.Errorf("%s is empty or not filled in", name)
		}
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"mygame": true, "a": true, "coin-rush2": true, strings.Repeat("a", 32): true,
		"": false, "MyGame": false, "my game": false, "my_game": false, "2048": false, "-x": false, "ä": false, "a/b": false, "..": false,
		strings.Repeat("a", 33): false, "time": false, "main": false, "cmd": false, "vendor": false,
	} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("%q: %v, want it accepted: %v", name, err, ok)
		}
	}
}

// Every refusal says what to do, and writes nothing.
func TestRefusals(t *testing.T) {
	full := t.TempDir()
	if err := os.MkdirAll(filepath.Join(full, "mygame"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "mygame", "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module other\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		dir  string
		args []string
		code int
		want string
	}{
		{"no name", "", nil, 2, "want one name, got 0"},
		{"two names", "", []string{"a", "b"}, 2, "want one name, got 2"},
		{"unknown flag", "", []string{"-force", "a"}, 2, "flag provided but not defined"},
		{"help", "", []string{"-help"}, 0, "ringside new [-ringside DIR] NAME"},
		{"bad name", "", []string{"My Game"}, 1, "want lower-case letters, digits and '-'"},
		{"a word of Go's", "", []string{"time"}, 1, "time-game for example"},
		{"folder with files", full, []string{"mygame"}, 1, "has files in it"},
		{"source that is none", "", []string{"-ringside", other, "a"}, 1, "no checkout of github.com/ringside-server/ringside"},
		{"source that is not there", "", []string{"-ringside", filepath.Join(other, "x"), "a"}, 1, "-ringside: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := c.dir
			if dir == "" {
				dir = t.TempDir()
			}
			code, stdout, stderr := run(t, dir, c.args...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, stdout %q, stderr %q; want %d and %q", code, stdout, stderr, c.code, c.want)
			}
			if list, err := os.ReadDir(dir); err != nil || c.dir == "" && len(list) != 0 {
				t.Errorf("it left %v, %v", list, err)
			}
		})
	}
	if list, err := os.ReadDir(filepath.Join(full, "mygame")); err != nil || len(list) != 1 {
		t.Errorf("a folder that was not empty has %v, %v", list, err)
	}
}

// An empty folder is taken, and -ringside names what stands in go.mod.
func TestSourceAndFolderOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mygame"), 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "a copy")
	if err := os.Mkdir(copied, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := os.WriteFile(filepath.Join(copied, name), readFile(t, filepath.Join("..", "..", name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := run(t, dir, "-ringside", copied, "mygame"); code != 0 {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	if mod := string(readFile(t, filepath.Join(dir, "mygame", "go.mod"))); !strings.Contains(mod, `=> "`+copied+`"`) {
		t.Errorf("go.mod does not say where the source is:\n%s", mod)
	}
}

// Requirements are taken over line by line, however many blocks there are.
func TestOurOwnRequirements(t *testing.T) {
	src := &source{}
	err := src.parse("module " + module + "\n\ngo 1.26.0\n\nrequire a.example/x v1.0.0\n\nrequire (\n\tb.example/y v1.2.3\n\tc.example/z v0.1.0 // indirect\n)\n")
	want := "\ta.example/x v1.0.0 // indirect\n\tb.example/y v1.2.3 // indirect\n\tc.example/z v0.1.0 // indirect"
	if err != nil || src.requires != want || src.goVersion != "1.26.0" {
		t.Errorf("%q, Go %q, %v", src.requires, src.goVersion, err)
	}
}

// The image is built with the newest release of the version that go.mod wants.
func TestImageOfTheBuild(t *testing.T) {
	for version, want := range map[string]string{"1.26.0": "1.26", "1.26": "1.26", "1.27rc1": "1.27rc1"} {
		if got := (&values{Go: version}).GoImage(); got != want {
			t.Errorf("Go %s: image of %s, want %s", version, got, want)
		}
	}
}
