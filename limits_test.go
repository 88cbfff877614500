package ringside_test

import (
	"go/ast"
	"go/constant"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside"
)

// docs/LIMITS.md is held to the code: a row names the flag or the constant it is about, and its default is that one's value.

var (
	limitName  = regexp.MustCompile("`([^`]+)`")
	flagLine   = regexp.MustCompile(`^  -([a-z-]+) .*\(default ([^)]+)\)$`)
	boundConst = regexp.MustCompile(`^[mM]ax[A-Z]`)
	amount     = regexp.MustCompile(`^([0-9,.]+)(?: ?(B|KiB|MiB|GiB|ms|s|min|h))?$`)
	units      = map[string]float64{
		"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
		"ms": float64(time.Millisecond), "s": float64(time.Second), "min": float64(time.Minute), "h": float64(time.Hour),
	}
)

// unlisted are constants that are called like a limit and bound nothing that comes from outside, with the reason.
var unlisted = map[string]string{
	"internal/admin.maxLimit":          "the most that a question for rooms may ask for",
	"internal/engine.maxBody":          "wire.MaxServerMessage without its header",
	"internal/engine.maxName":          "of what the node itself wrote",
	"internal/engine.maxSlots":         "of what the node itself wrote",
	"internal/host.maxCatchUp":         "how a late tick is made up for",
	"internal/host.maxFaultPart":       "of what the node itself wrote",
	"internal/host.maxKeep":            "scratch memory",
	"internal/host.maxNap":             "how a worker sleeps",
	"internal/identity.maxDetailBytes": "text of an error",
	"internal/journal.MaxName":         "of what the node itself wrote",
	"internal/scaffold.maxModFile":     "of ringside new",
	"internal/scaffold.maxName":        "of ringside new",
	"internal/stream.maxWriters":       "goroutines, one for each processor",
	"internal/view.MaxSchemaBytes":     "wire.MaxSchema",
	"matchmaker.maxEventBytes":         "of ids that the node itself made",
	"matchmaker.maxNameBytes":          "maxNameRunes in bytes",
	"matchmaker.maxRecordBytes":        "of what the node itself wrote",
	"matchmaker.maxQueueFile":          "ringside.maxQueueFileBytes is less",
	"matchmaker.maxSteps":              "how a pass is shared out",
	"matchmaker.maxWindow":             "every rating fits",
	"raftstore.MaxCommandBytes":        "maxEntryBytes without its header",
	"raftstore.maxLockText":            "of what the node itself wrote",
	"ringside.maxLimit":                "the most that -limit-ip takes",
	"ringside.maxPrincipalBytes":       "longer ones are hashed",
	"room.MaxID":                       "view.MaxID",
	"room.MaxResult":                   "wire.MaxResult",
}

// A limitRow is what a row says of one flag or constant.
type limitRow struct {
	line  string
	name  string // a flag with its dash, or package.constant
	value float64
}

// limitRows reads the table; a row may have several names, and as many defaults.
func limitRows(t *testing.T) (rows []limitRow) {
	t.Helper()
	for line := range strings.Lines(read(t, "docs/LIMITS.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "what" {
			continue
		}
		names := limitName.FindAllStringSubmatch(cells[3], -1)
		values := strings.Split(cells[2], "; ")
		if len(names) == 0 || len(names) != len(values) {
			t.Errorf("%d names and %d defaults: %s", len(names), len(values), line)
			continue
		}
		for i, v := range values {
			m := amount.FindStringSubmatch(strings.TrimSpace(v))
			if m == nil {
				t.Errorf("%q is no amount: %s", v, line)
				continue
			}
			n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, limitRow{line: line, name: names[i][1], value: n * units[m[2]]})
		}
	}
	return rows
}

// helpFlags are the flags of -help that have a number or a time for a default.
func helpFlags(t *testing.T) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for line := range strings.Lines(ringside.HelpText()) {
		m := flagLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		if d, err := time.ParseDuration(m[2]); err == nil {
			found["-"+m[1]] = float64(d)
		} else if n, err := strconv.Atoi(m[2]); err == nil {
			found["-"+m[1]] = float64(n)
		}
	}
	return found
}

func TestLimitsTable(t *testing.T) {
	flags, consts := helpFlags(t), numbers(t)
	if len(flags) < 15 || len(consts) < 100 {
		t.Fatalf("%d flags, %d constants: are they read rightly?", len(flags), len(consts))
	}
	named := map[string]bool{}
	rows := limitRows(t)
	if len(rows) < 150 {
		t.Errorf("%d rows: is the table read rightly?", len(rows))
	}
	for _, r := range rows {
		named[r.name] = true
		want, ok := flags[r.name]
		if !ok {
			want, ok = consts[r.name]
		}
		switch {
		case !ok:
			t.Errorf("%s is no flag with a number and no constant: %s", r.name, r.line)
		case want != r.value:
			t.Errorf("%s is %v in the code, and %v in docs/LIMITS.md", r.name, want, r.value)
		}
	}
	for name := range flags {
		if !named[name] {
			t.Errorf("docs/LIMITS.md has no row for %s", name)
		}
	}
	for name, value := range consts {
		if short := name[strings.LastIndex(name, ".")+1:]; boundConst.MatchString(short) && !named[name] && unlisted[name] == "" {
			t.Errorf("docs/LIMITS.md has no row for the constant %s (%v)", name, value)
		}
	}
	for name := range unlisted {
		if _, ok := consts[name]; !ok || named[name] {
			t.Errorf("%s is excused from the table for nothing", name)
		}
	}
}

// numbers are the constants of packages that are part of a node, by package and name, as far as they are numbers; times in
// nanoseconds.
func numbers(t *testing.T) map[string]float64 {
	t.Helper()
	exprs := map[string]ast.Expr{}
	for _, src := range sources(t) {
		if strings.HasPrefix(src.pkg, "examples") || strings.HasPrefix(src.pkg, "loadtest") || strings.HasPrefix(src.pkg, "clients") || strings.HasPrefix(src.pkg, "test") || src.pkg == "room/roomtest" {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				return true
			}
			for _, spec := range decl.Specs {
				s := spec.(*ast.ValueSpec)
				for i, name := range s.Names {
					if i < len(s.Values) {
						exprs[constName(src.pkg, name.Name)] = s.Values[i]
					}
				}
			}
			return true
		})
	}
	found := map[string]float64{}
	for name, expr := range exprs {
		pkg := name[:strings.LastIndex(name, ".")]
		if v := evaluate(exprs, pkg, expr, 0); v != nil && v.Kind() != constant.String && v.Kind() != constant.Bool {
			found[name], _ = constant.Float64Val(constant.ToFloat(v))
		}
	}
	return found
}

// constName is a constant as the table names it; the root package is ringside.
func constName(pkg, name string) string {
	if pkg == "." {
		pkg = "ringside"
	}
	return pkg + "." + name
}

// spans are package time's.
var spans = map[string]time.Duration{
	"Nanosecond": time.Nanosecond, "Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
}

// evaluate returns the value of a constant expression, nil for what it does not know.
func evaluate(exprs map[string]ast.Expr, pkg string, e ast.Expr, depth int) constant.Value {
	if depth > 20 {
		return nil
	}
	under := func(e ast.Expr) constant.Value { return evaluate(exprs, pkg, e, depth+1) }
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.ParenExpr:
		return under(e.X)
	case *ast.Ident:
		if known, ok := exprs[constName(pkg, e.Name)]; ok {
			return under(known)
		}
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		if !ok {
			return nil
		}
		if d, ok := spans[e.Sel.Name]; ok && x.Name == "time" {
			return constant.MakeInt64(int64(d))
		}
		for _, dir := range []string{"internal/" + x.Name, x.Name} {
			if known, ok := exprs[dir+"."+e.Sel.Name]; ok {
				return evaluate(exprs, dir, known, depth+1)
			}
		}
	case *ast.CallExpr: // a conversion
		if len(e.Args) == 1 {
			return under(e.Args[0])
		}
	case *ast.BinaryExpr:
		x, y := under(e.X), under(e.Y)
		if x == nil || y == nil || x.Kind() == constant.String {
			return nil
		}
		if e.Op == token.SHL {
			n, ok := constant.Uint64Val(y)
			if !ok || n > 62 {
				return nil
			}
			return constant.Shift(x, token.SHL, uint(n))
		}
		if e.Op == token.QUO {
			return constant.BinaryOp(x, token.QUO_ASSIGN, y)
		}
		if slices.Contains([]token.Token{token.ADD, token.SUB, token.MUL}, e.Op) {
			return constant.BinaryOp(x, e.Op, y)
		}
	}
	return nil
}
