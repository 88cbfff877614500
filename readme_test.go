package ringside_test

import (
	"os"
	"strings"
	"testing"
)

// The README shows the package's example as a program; this test keeps the two the same.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("package ringside_test", "package main", "func Example() {", "func main() {").Replace(string(example))
	if !strings.Contains(string(readme), "```go\n"+strings.TrimSpace(want)+"\n```") {
		t.Error("the game in README.md is not that of example_test.go")
	}
}
