//go:build unix

package scaffold

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// edit does with a block of Go what the page tells its reader: a block with a package clause is the whole file; of any other
// each declaration replaces the one of its name, or is added at the end. Imports are never touched: the page shows them with a
// whole file.
func (r *reader) edit(name, code string) {
	r.Helper()
	r.edits++
	if strings.HasPrefix(code, "package ") || strings.HasPrefix(code, "//") && strings.Contains(code, "\npackage ") {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			r.Fatal(err)
		}
		r.save(name, code)
		return
	}
	r.save(name, merge(r, string(readFile(r, name)), code))
}

// save writes a file, which has to be formatted as the go command does it.
func (r *reader) save(name, code string) {
	r.Helper()
	if strings.HasSuffix(name, ".go") {
		nice, err := format.Source([]byte(code))
		if err != nil {
			r.Fatalf("line %d: %v in\n%s", r.line, err, code)
		}
		if string(nice) != code {
			r.Errorf("line %d: %s is not formatted", r.line, filepath.Base(name))
		}
	}
	if err := os.WriteFile(name, []byte(code), 0o600); err != nil {
		r.Fatal(err)
	}
}

// A declaration is a stretch of a file, its comment included.
type declaration struct {
	names      []string
	start, end int
}

// merge puts the declarations of code into file.
func merge(t testing.TB, file, code string) string {
	t.Helper()
	const clause = "package p\n"
	for _, d := range declarations(t, clause+code) {
		text := (clause + code)[d.start:d.end]
		old := declarations(t, file)
		i := slices.IndexFunc(old, func(o declaration) bool {
			return slices.ContainsFunc(o.names, func(n string) bool { return slices.Contains(d.names, n) })
		})
		if i < 0 {
			file += "\n" + text + "\n"
			continue
		}
		file = file[:old[i].start] + text + file[old[i].end:]
	}
	return file
}

func declarations(t testing.TB, file string) (list []declaration) {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "", file, parser.ParseComments)
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	for _, d := range f.Decls {
		one := declaration{start: set.Position(d.Pos()).Offset, end: set.Position(d.End()).Offset}
		var doc *ast.CommentGroup
		switch d := d.(type) {
		case *ast.FuncDecl:
			doc = d.Doc
			one.names = []string{receiver(d) + d.Name.Name}
		case *ast.GenDecl:
			if doc = d.Doc; d.Tok == token.IMPORT {
				continue
			}
			one.names = specified(d)
		}
		if doc != nil {
			one.start = set.Position(doc.Pos()).Offset
		}
		list = append(list, one)
	}
	return list
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if id, ok := of.(*ast.Ident); ok {
		return id.Name + "."
	}
	return "?."
}

func specified(d *ast.GenDecl) (names []string) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			names = append(names, s.Name.Name)
		case *ast.ValueSpec:
			for _, n := range s.Names {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

func TestMerge(t *testing.T) {
	const file = "package p\n\nimport \"fmt\"\n\n// A is one.\ntype A struct{}\n\n// M is its method.\nfunc (a *A) M() {}\n\nfunc M() { fmt.Println() }\n"
	for _, c := range []struct{ name, code, want string }{
		{"a method", "// M is new.\nfunc (a A) M() int { return 1 }\n", strings.Replace(file, "// M is its method.\nfunc (a *A) M() {}", "// M is new.\nfunc (a A) M() int { return 1 }", 1)},
		{"a function of the same name", "func M() {}\n", strings.Replace(file, "func M() { fmt.Println() }", "func M() {}", 1)},
		{"a type and something new", "type A int\n\nconst b = 1\n", strings.Replace(file, "// A is one.\ntype A struct{}", "type A int", 1) + "\nconst b = 1\n"},
	} {
		if got := merge(t, file, c.code); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
