package ringside_test

import (
	"bufio"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What CI and images bring from elsewhere is named so that it cannot change behind our back: actions by commit, images by exact
// version or digest, tools by version. What modules and npm packages are is in their lock files, which .ci/supply and npm ci hold.

var (
	usesLine    = regexp.MustCompile(`^\s*(?:-\s*)?["']?uses["']?\s*:\s*(.*)$`)
	pinnedUse   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$`)
	fromLine    = regexp.MustCompile(`(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$`)
	imageLine   = regexp.MustCompile(`^\s*(?:-\s*)?image\s*:\s*["']?([^"'\s]+)`)
	pinnedImage = regexp.MustCompile(`(:v?\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$`)
	latest      = regexp.MustCompile(`@latest\b|:latest\b`)
	npmInstall  = regexp.MustCompile(`\bnpm\s+(ci|i|install|add)\b|\bnpx\b`)
	workflow    = regexp.MustCompile(`^\.github/workflows/[^/]+\.ya?ml$`)
	permissions = regexp.MustCompile(`(?m)^permissions:(.*)$`)
)

// unpinned says what of a file may become something else without a commit, a text for each.
func unpinned(name, text string) (found []string) {
	if workflow.MatchString(name) {
		if m := permissions.FindStringSubmatch(text); m == nil || strings.Contains(m[1], "write") {
			found = append(found, "a workflow without `permissions:` of its own, or with write for all jobs: say contents: read")
		}
	}
	stages := map[string]bool{"scratch": true}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		if m := usesLine.FindStringSubmatch(line); m != nil && workflow.MatchString(name) && !strings.HasPrefix(m[1], "./") && !pinnedUse.MatchString(strings.TrimSpace(m[1])) {
			found = append(found, line+": want OWNER/NAME@(the commit, 40 digits) # vX.Y.Z")
		}
		if m := fromLine.FindStringSubmatch(line); m != nil && strings.HasPrefix(path.Base(name), "Dockerfile") {
			if !stages[m[1]] && !pinnedImage.MatchString(m[1]) {
				found = append(found, line+": want an exact version, NAME:X.Y.Z, or a digest")
			}
			stages[m[2]] = true
		}
		// An image without a tag is the one that the file builds.
		if m := imageLine.FindStringSubmatch(line); m != nil && !pinnedImage.MatchString(m[1]) && m[1] != "ringside" {
			found = append(found, line+": want an exact version, NAME:X.Y.Z, or a digest")
		}
		if latest.MatchString(line) {
			found = append(found, line+": the latest is another one tomorrow: want a version")
		}
		if cmd := npmInstall.FindString(line); cmd != "" && !lockedNPM(line) {
			found = append(found, line+": want npm ci --ignore-scripts, or npx --no-install")
		}
	}
	return found
}

// lockedNPM reports whether a line runs npm in the way that takes what the lock file says and runs nothing of it.
func lockedNPM(line string) bool {
	return strings.Contains(line, "npm ci") && strings.Contains(line, "--ignore-scripts") || strings.Contains(line, "npx --no-install")
}

func TestNothingIsUnpinned(t *testing.T) {
	looked := 0
	for _, pattern := range []string{".github/workflows/*", ".ci/*", "packaging/*", "test/*/*.sh", "Makefile"} {
		for _, name := range glob(t, pattern) {
			looked++
			for _, what := range unpinned(name, read(t, name)) {
				t.Errorf("%s: %s", name, what)
			}
		}
	}
	if looked < 15 {
		t.Errorf("looked at %d files: something has moved", looked)
	}
}

func TestUnpinnedIsFound(t *testing.T) {
	const good = "permissions:\n  contents: read\n"
	for _, c := range []struct {
		name, text string
		bad        bool
	}{
		{".github/workflows/a.yml", good + "      - uses: actions/checkout@v7\n", true},
		{".github/workflows/a.yml", good + "      - uses: actions/checkout@main # v7.0.1\n", true},
		{".github/workflows/a.yml", good + "        uses: \"actions/checkout@v7\"\n", true},
		{".github/workflows/a.yml", good + "      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1\n", true},
		{".github/workflows/a.yml", good + "      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n", false},
		{".github/workflows/a.yml", good + "      - uses: ./.github/actions/own\n", false},
		{".github/workflows/a.yml", "jobs:\n", true},
		{".github/workflows/a.yml", "permissions: write-all\n", true},
		{"packaging/Dockerfile", "FROM golang:1.26-alpine AS build\n", true},
		{"packaging/Dockerfile", "FROM golang\n", true},
		{"packaging/Dockerfile", "FROM --platform=$BUILDPLATFORM golang:1.26 AS build\n", true},
		{"packaging/Dockerfile", "FROM golang:1.26.8-alpine AS build\nFROM build\nFROM scratch\n", false},
		{"packaging/Dockerfile", "FROM golang@sha256:" + strings.Repeat("0a", 32) + "\n", false},
		{"packaging/compose.yaml", "    image: caddy:2-alpine\n", true},
		{"packaging/compose.yaml", "    image: caddy\n", true},
		{"packaging/compose.yaml", "    image: ringside\n", false},
		{".ci/run", "  go install example.com/tool@latest\n", true},
		{".ci/run", "  npm install --prefix x tool@1.2.3\n", true},
		{".ci/run", "  npm ci\n", true},
		{".ci/run", "  npx tool\n", true},
		{".ci/run", "  npm ci --ignore-scripts\n  npx --no-install tool\n", false},
	} {
		if got := unpinned(c.name, c.text); (len(got) > 0) != c.bad {
			t.Errorf("%s with %q: found %q, want something: %v", c.name, c.text, got, c.bad)
		}
	}
}

// glob is the files of a pattern, with slashes.
func glob(t testing.TB, pattern string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		names = append(names, filepath.ToSlash(name))
	}
	return names
}
