package ringside_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// problemSources are the packages that answer the HTTP API's calls with problems. Operators' pages have their own.
var problemSources = []string{".", "matchmaker", "internal/edge", "internal/identity", "internal/stream", "internal/host"}

// A refusal is a status and a code; status 0 stands for one that the source does not show beside the code.
type refusal struct {
	status int
	code   string
}

// docs/HTTP.md has the one table of codes. It has every code that a handler can answer, with its status, and no other; and what
// the OpenAPI document shows as an example is one of them.
func TestEveryProblemStandsInTheTable(t *testing.T) {
	table := problemTable(t)
	answered := map[refusal]bool{}
	for _, src := range sources(t) {
		if !slices.Contains(problemSources, src.pkg) {
			continue
		}
		found := refusals(src.file)
		for r, name := range found.answers {
			answered[r] = true
			if r.status == 0 && !slices.ContainsFunc(table, func(in refusal) bool { return in.code == r.code }) || r.status != 0 && !slices.Contains(table, r) {
				t.Errorf("%s answers %d %q (%s), which is not in the table of docs/HTTP.md", src.name, r.status, r.code, name)
			}
		}
		for r := range found.examples {
			if !slices.Contains(table, r) {
				t.Errorf("%s shows %d %q as an example, which is not in the table of docs/HTTP.md", src.name, r.status, r.code)
			}
		}
		for _, name := range found.hidden {
			t.Errorf("%s calls newProblem or refuse in %s with a status or a code that is no constant: the table of docs/HTTP.md cannot be held to it", src.name, name)
		}
	}
	for i, r := range table {
		if !answered[r] {
			t.Errorf("docs/HTTP.md has %d %q, which nothing answers", r.status, r.code)
		}
		if slices.Contains(table[:i], r) {
			t.Errorf("docs/HTTP.md has %d %q twice", r.status, r.code)
		}
	}
	if len(table) < 30 {
		t.Errorf("the table of docs/HTTP.md has %d codes: is it read rightly?", len(table))
	}
}

var tableCode = regexp.MustCompile("`([a-z_]+)`")

// notCodes are names of fields that the table's texts mention.
var notCodes = []string{"errors", "match"}

// problemTable reads the rows "| status | codes | again? |".
func problemTable(t *testing.T) (table []refusal) {
	t.Helper()
	_, section, ok := strings.Cut(read(t, "docs/HTTP.md"), "\n## Problems\n")
	if !ok {
		t.Fatal("docs/HTTP.md has no section Problems")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		status, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil {
			continue // the heading
		}
		for _, m := range tableCode.FindAllStringSubmatch(cells[2], -1) {
			if !slices.Contains(notCodes, m[1]) {
				table = append(table, refusal{status, m[1]})
			}
		}
	}
	return table
}

// foundRefusals is what one file says of problems, each with the function it stands in.
type foundRefusals struct {
	answers  map[refusal]string
	examples map[refusal]string
	hidden   []string // functions that make a problem of something else than constants
}

// tableDriven are functions that make problems of what stands elsewhere as a constant.
var tableDriven = []string{"problem", "asProblem", "newProblem", "tooMany", "addProblems"}

func refusals(file *ast.File) foundRefusals {
	found := foundRefusals{answers: map[refusal]string{}, examples: map[refusal]string{}}
	for _, decl := range file.Decls {
		name := ""
		if fn, ok := decl.(*ast.FuncDecl); ok {
			name = fn.Name.Name
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				found.call(n, name)
			case *ast.CompositeLit:
				found.literal(n, name)
			case *ast.CaseClause:
				found.clause(n, name)
			case *ast.ReturnStmt:
				if code := returnedText(n); name == "problemCode" && code != "" {
					found.answers[refusal{0, code}] = name
				}
			}
			return true
		})
	}
	return found
}

// call looks at newProblem(status, code, …) and edge's refuse(w, reason, status, code, …).
func (f *foundRefusals) call(call *ast.CallExpr, in string) {
	var args []ast.Expr
	switch {
	case calledName(call) == "newProblem" && len(call.Args) == 3:
		args = call.Args[:2]
	case calledName(call) == "refuse" && len(call.Args) == 5:
		args = call.Args[2:4]
	default:
		return
	}
	status, code := statusOf(args[0]), textOf(args[1])
	switch {
	case status != 0 && code != "":
		f.answers[refusal{status, code}] = in
	case !slices.Contains(tableDriven, in):
		f.hidden = append(f.hidden, in)
	}
}

// literal looks at composites that have both a status and a code, and at maps from a status to an example of a problem.
func (f *foundRefusals) literal(lit *ast.CompositeLit, in string) {
	var both refusal
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		if key, ok := kv.Key.(*ast.Ident); ok {
			switch strings.ToLower(key.Name) {
			case "status":
				both.status = statusOf(kv.Value)
			case "code":
				both.code = textOf(kv.Value)
			}
			continue
		}
		if value, ok := kv.Value.(*ast.CompositeLit); ok && statusOf(kv.Key) != 0 && len(value.Elts) == 2 {
			f.examples[refusal{statusOf(kv.Key), textOf(value.Elts[0])}] = in
		}
	}
	if both.status != 0 && both.code != "" {
		f.answers[both] = in
	}
}

// clause looks at the cases of functions called problemCode: a status, and the code it gets.
func (f *foundRefusals) clause(c *ast.CaseClause, in string) {
	if in != "problemCode" || len(c.Body) != 1 {
		return
	}
	ret, ok := c.Body[0].(*ast.ReturnStmt)
	if !ok {
		return
	}
	for _, e := range c.List {
		f.answers[refusal{statusOf(e), returnedText(ret)}] = in
	}
}

func calledName(call *ast.CallExpr) string {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

func returnedText(ret *ast.ReturnStmt) string {
	if len(ret.Results) != 1 {
		return ""
	}
	return textOf(ret.Results[0])
}

func textOf(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value) // the parser has read it
	return text
}

// statusOf reads 404 and http.StatusNotFound; 0 for anything else.
func statusOf(e ast.Expr) int {
	switch e := e.(type) {
	case *ast.BasicLit:
		status, _ := strconv.Atoi(e.Value) // 0 for what is no number
		return status
	case *ast.SelectorExpr:
		return statusNames()[e.Sel.Name]
	}
	return 0
}

// statusNames are net/http's constants: StatusNotFound is made of the words of 404.
func statusNames() map[string]int {
	names := map[string]int{}
	for status := 400; status < 600; status++ {
		text := http.StatusText(status)
		if text == "" {
			continue
		}
		name := strings.NewReplacer(" ", "", "-", "", "'", "").Replace(text)
		names[fmt.Sprint("Status", name)] = status
	}
	return names
}
