package playground

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestScripts runs the scripts' own tests: the golden vectors of internal/wire through the codec, and the client against a
// server that is played.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not in PATH: the scripts of the playground are not tested")
	}
	tests, err := filepath.Glob("web/test/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests below web/test: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--test"}, tests...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}
