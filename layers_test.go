// The shape of the module, held by tests: who imports whom, and the habits
// that keep a package readable.
package ringside_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ringside-server/ringside"

// maxFileLines and maxDesignLines bound what a reader has to hold at once. A
// longer file holds two concepts; a longer design is a manual.
const (
	maxFileLines   = 600
	maxDesignLines = 150
)

// tree places every package of the module: who may import whom, downwards
// only. A pattern stands for one path element. Tests may import what they like.
var tree = []struct {
	pkg  string
	uses []string
}{
	{pkg: "internal/wire"},
	{pkg: "internal/sock"},
	{pkg: "internal/tlsock", uses: []string{"internal/sock"}},
	{pkg: "internal/stream"},
	{pkg: "internal/cluster"},
	{pkg: "internal/journal"},
	{pkg: "internal/edge"},
	{pkg: "internal/identity"},
	{pkg: "internal/playground"},
	{pkg: "internal/scaffold"},
	{pkg: "internal/backup"},
	{pkg: "internal/clock"},
	{pkg: "internal/pressure"},
	{pkg: "internal/crash"},
	{pkg: "matchmaker", uses: []string{"internal/stream"}},
	{pkg: "raftstore"},
	{pkg: "internal/view", uses: []string{"internal/wire"}},
	{pkg: "room", uses: []string{"internal/view", "internal/wire"}},
	{pkg: "internal/engine", uses: []string{"room", "internal/view", "internal/wire"}},
	{pkg: "room/roomtest", uses: []string{"room", "internal/engine", "internal/view", "internal/wire"}},
	{pkg: "internal/ws", uses: []string{"internal/wire", "internal/sock"}},
	{pkg: "internal/host", uses: []string{"room", "internal/crash", "internal/engine", "internal/ws", "internal/wire", "internal/sock", "internal/tlsock"}},
	{pkg: "internal/admin", uses: []string{"internal/host"}},
	{pkg: "clients/go", uses: []string{"internal/wire", "internal/view"}},
	{pkg: "examples/*", uses: []string{"room", "clients/go"}},
	{pkg: ".", uses: []string{"room", "room/roomtest", "internal/*", "matchmaker", "raftstore"}},
	{pkg: "server", uses: []string{".", "examples/*", "internal/playground"}},
	{pkg: "loadtest/swarm", uses: []string{"clients/go", "internal/wire", "internal/view", "internal/sock", "internal/tlsock"}},
	{pkg: "loadtest/floor", uses: []string{"internal/sock"}},
	{pkg: "loadtest/plain", uses: []string{"loadtest/floor", "internal/sock"}},
	{pkg: "loadtest", uses: []string{
		".", "loadtest/swarm", "loadtest/floor", "loadtest/plain", "clients/go", "examples/*", "matchmaker", "internal/view", "internal/wire", "internal/sock",
	}},
	{pkg: "test/echo", uses: []string{"internal/ws", "internal/wire"}},
	{pkg: "test/rig", uses: []string{"clients/go"}},
	{pkg: "test/rogue", uses: []string{"room"}},
	{pkg: "test/crowd", uses: []string{"room"}},
	{pkg: "test/crowd/server", uses: []string{".", "test/crowd", "test/rogue"}},
	{pkg: "test/rogue/server", uses: []string{".", "examples/*", "test/rogue"}},
}

// vagueNames say nothing about what is inside.
var vagueNames = []string{"common", "helpers", "models", "types", "util", "utils"}

// trustedBytes are the packages that may let msgpack choose what to build:
// they read what a node wrote. Everywhere else a five-byte header from a
// stranger would allocate gigabytes, and nested arrays overflow the stack.
var trustedBytes = []string{"room", "matchmaker", "raftstore"}

// looseDecoders are the calls of msgpack that trust an announced length or
// recurse on input.
var looseDecoders = []string{
	"Decode", "DecodeInterface", "DecodeInterfaceLoose", "DecodeMap", "DecodeMulti", "DecodeSlice",
	"DecodeTypedMap", "DecodeUntypedMap", "DecodeValue", "Query", "Skip", "Unmarshal",
}

// source is one Go file that is not a test, whatever its build tags.
type source struct {
	name  string // slashes, from the module's root
	pkg   string // the directory, "." for the root
	lines int
	file  *ast.File
}

func TestEveryPackageHasItsPlace(t *testing.T) {
	seen := map[string]bool{}
	for _, src := range sources(t) {
		if _, ok := allowed(src.pkg); ok || seen[src.pkg] {
			continue
		}
		seen[src.pkg] = true
		t.Errorf("package %q is not placed in the tree: add it to `tree` in layers_test.go with the packages of ours it may import, and to the tree in docs/ARCHITECTURE.md", src.pkg)
	}
}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, src := range sources(t) {
		uses, ok := allowed(src.pkg)
		if !ok {
			continue // TestEveryPackageHasItsPlace reports it
		}
		for _, spec := range src.file.Imports {
			dep, ours := ownPackage(spec)
			if ours && !matches(uses, dep) {
				t.Errorf("%s imports %s, but %q may import only %q: turn the dependency round (the caller declares an interface), or change `tree` and say why in docs/ARCHITECTURE.md", src.name, dep, src.pkg, uses)
			}
		}
	}
}

func TestPackagesAreNouns(t *testing.T) {
	for _, src := range sources(t) {
		if slices.Contains(vagueNames, src.file.Name.Name) || slices.Contains(vagueNames, path.Base(src.pkg)) {
			t.Errorf("%s: package %s: name a package after the thing it holds; %q are not things", src.name, src.file.Name.Name, vagueNames)
		}
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	for _, src := range sources(t) {
		for _, decl := range src.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: register explicitly, from main or a constructor", src.name)
			}
		}
	}
}

func TestHostileBytesAreDecodedByHand(t *testing.T) {
	for _, src := range sources(t) {
		if slices.Contains(trustedBytes, src.pkg) || !importsMsgpack(src.file) {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(looseDecoders, sel.Sel.Name) {
				t.Errorf("%s calls %s in a file that imports msgpack: read element by element and check each length against the bytes left (internal/wire does), only %q may decode whole values", src.name, sel.Sel.Name, trustedBytes)
			}
			return true
		})
	}
}

func TestFilesStayReadable(t *testing.T) {
	for _, src := range sources(t) {
		if src.lines > maxFileLines && !ast.IsGenerated(src.file) {
			t.Errorf("%s has %d lines, want at most %d: split it by concept", src.name, src.lines, maxFileLines)
		}
	}
	walk(t, func(name string) {
		if path.Base(name) != "DESIGN.md" {
			return
		}
		if got := strings.Count(read(t, name), "\n"); got > maxDesignLines {
			t.Errorf("%s has %d lines, want at most %d: keep purpose, decisions and the subtle point", name, got, maxDesignLines)
		}
	})
}

// allowed returns what pkg may import of ours, and whether it is in the tree.
func allowed(pkg string) (uses []string, ok bool) {
	for _, row := range tree {
		if matches([]string{row.pkg}, pkg) {
			return row.uses, true
		}
	}
	return nil, false
}

func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, pkg)
		return ok && err == nil
	})
}

// ownPackage returns the directory of an import of this module.
func ownPackage(spec *ast.ImportSpec) (pkg string, ours bool) {
	imported, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return "", false
	}
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func importsMsgpack(f *ast.File) bool {
	return slices.ContainsFunc(f.Imports, func(spec *ast.ImportSpec) bool {
		return strings.Contains(spec.Path.Value, "/msgpack")
	})
}

// sources parses the module's files itself, instead of asking the go command:
// it sees the files of every platform, and the test cache notices each change.
func sources(t testing.TB) []source {
	t.Helper()
	var found []source
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return
		}
		text := read(t, name)
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		found = append(found, source{name: name, pkg: path.Dir(name), lines: strings.Count(text, "\n"), file: file})
	})
	return found
}

// walk calls visit with every file of the module. Like the go command it skips
// testdata, hidden directories and nested modules.
func walk(t testing.TB, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			visit(filepath.ToSlash(name))
		case name != "." && foreign(name, d.Name()):
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the module: %v", err)
	}
}

func foreign(dir, base string) bool {
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
