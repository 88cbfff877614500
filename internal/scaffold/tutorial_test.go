//go:build unix

package scaffold

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// This file follows docs/TUTORIAL.md to the letter, in an empty folder. A ```sh block is run by bash, with the folder and the
// exported variables that the block before left; a ```go block with file=NAME is written to that file, see edit. What the reader
// does besides stands in comments of the page, which browsers do not show:
//
//	<!-- background NAME: TEXT -->  the next block is left running, under that name, as soon as it has printed TEXT
//	<!-- interrupt NAME -->         Ctrl-C there
//	<!-- expect: TEXT -->           the last block has printed TEXT
//	<!-- expect NAME: TEXT -->      the block that is running prints TEXT within 30 s
//	<!-- fails -->                  the next block ends with an error, as the page says
//	<!-- browse: URL -->            the page is there
//	<!-- needs: WHAT -->            the next block is run only where there is WHAT: docker, systemd
//
// The address 127.0.0.1:7777 stands for one that is free here.

const (
	tutorial     = "../../docs/TUTORIAL.md"
	blockTimeout = 2 * time.Minute
	waitTimeout  = 30 * time.Second
)

func TestTutorial(t *testing.T) {
	if os.Getenv("RINGSIDE_TUTORIAL") == "" {
		t.Skip("builds and runs programs for a minute: .ci/tutorial sets RINGSIDE_TUTORIAL=1")
	}
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the tutorial's reader has %s: %v", tool, err)
		}
	}
	r := newReader(t)
	r.follow(string(readFile(t, tutorial)))
	if r.ran < 15 || r.edits < 10 || r.expected < 15 {
		t.Errorf("%d blocks run, %d edits, %d expectations: the page is not read as it is meant", r.ran, r.edits, r.expected)
	}
	t.Logf("%d blocks run, %d edits, %d expectations, skipped %q", r.ran, r.edits, r.expected, r.skipped)
}

// A reader follows the page.
type reader struct {
	testing.TB
	addr    string // of their server
	control string // a folder for what the shell leaves: cwd, env
	last    string // output of the last block
	running map[string]*terminal

	line                 int
	ran, edits, expected int
	skipped              []string
}

func newReader(t testing.TB) *reader {
	t.Helper()
	r := &reader{TB: t, control: t.TempDir(), running: map[string]*terminal{}}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	l.Close()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r.keep("cwd", t.TempDir())
	r.keep("env", fmt.Sprintf("export RINGSIDE=%q RINGSIDE_LISTEN=%s GOPROXY=off\n", root, r.addr))
	return r
}

func (r *reader) keep(name, text string) {
	r.Helper()
	if err := os.WriteFile(filepath.Join(r.control, name), []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *reader) folder() string {
	r.Helper()
	return strings.TrimSpace(string(readFile(r, filepath.Join(r.control, "cwd"))))
}

var (
	direction = regexp.MustCompile(`^<!-- (\w+)(?: (\w+))?(?:: (.*?))? -->$`)
	fence     = regexp.MustCompile("^```(\\w*) ?(.*)$")
)

// follow reads the page from top to bottom.
func (r *reader) follow(page string) {
	r.Helper()
	page = strings.ReplaceAll(page, "127.0.0.1:7777", r.addr)
	lines := strings.Split(page, "\n")
	var next block
	for r.line = 1; r.line <= len(lines); r.line++ {
		line := lines[r.line-1]
		if d := direction.FindStringSubmatch(line); d != nil {
			r.direct(&next, d[1], d[2], d[3])
			continue
		}
		f := fence.FindStringSubmatch(line)
		if f == nil {
			continue
		}
		at := r.line
		var body strings.Builder
		for r.line++; r.line <= len(lines) && lines[r.line-1] != "```"; r.line++ {
			body.WriteString(lines[r.line-1] + "\n")
		}
		switch file, named := strings.CutPrefix(f[2], "file="); {
		case f[1] == "sh":
			r.Logf("line %d: %s", at, strings.TrimSpace(body.String()))
			r.shell(&next, body.String())
		case named:
			r.Logf("line %d: %s", at, file)
			r.edit(filepath.Join(r.folder(), file), body.String())
		case f[1] == "go":
			r.Fatalf("line %d: Go that belongs to no file: say file=NAME", at)
		}
		next = block{}
	}
}

// A block is how the next one is to be run.
type block struct {
	name, until string // left running until it has printed that
	fails       bool
	needs       string
}

func (r *reader) direct(next *block, verb, name, text string) {
	r.Helper()
	switch verb {
	case "background":
		next.name, next.until = name, text
	case "fails":
		next.fails = true
	case "needs":
		next.needs = text
	case "interrupt":
		r.terminal(name).interrupt(r)
		delete(r.running, name)
	case "browse":
		r.browse(text)
	case "expect":
		r.expected++
		if name != "" {
			r.terminal(name).wait(r, text)
		} else if !strings.Contains(r.last, text) {
			r.Fatalf("line %d: the page expects %q of the last block, which printed:\n%s", r.line, text, r.last)
		}
	default:
		r.Fatalf("line %d: no direction is called %q", r.line, verb)
	}
}

func (r *reader) terminal(name string) *terminal {
	r.Helper()
	t := r.running[name]
	if t == nil {
		r.Fatalf("line %d: nothing runs under the name %q", r.line, name)
	}
	return t
}

func (r *reader) browse(url string) {
	r.Helper()
	r.expected++
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		r.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatalf("line %d: %v", r.line, err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.Fatalf("line %d: %s is answered %s", r.line, url, res.Status)
	}
}

// shell runs a block, with what the block before left and leaving it for the next.
func (r *reader) shell(b *block, script string) {
	r.Helper()
	if b.needs != "" && !available(r.Context(), b.needs) {
		r.skipped = append(r.skipped, fmt.Sprintf("line %d: needs %s", r.line, b.needs))
		return
	}
	r.ran++
	before := fmt.Sprintf("set -euo pipefail\n. %q/env\ncd \"$(cat %q/cwd)\"\n", r.control, r.control)
	after := fmt.Sprintf("\npwd >%q/cwd\nexport -p | grep -vE ' (PWD|OLDPWD|SHLVL|_)=' >%q/env\n", r.control, r.control)
	if b.name != "" {
		t := start(r, before+script)
		r.running[b.name] = t
		t.wait(r, b.until)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), blockTimeout)
	defer cancel()
	cmd := command(ctx, before+script+after)
	out, err := cmd.CombinedOutput()
	r.last = string(out)
	if (err != nil) != b.fails {
		r.Fatalf("line %d: %v (an error is expected: %v), output:\n%s", r.line, err, b.fails, out)
	}
}

// available says whether this machine has what a block needs. Nothing is installed as a service where that was not asked for.
func available(ctx context.Context, what string) bool {
	switch what {
	case "docker":
		return exec.CommandContext(ctx, "docker", "info").Run() == nil
	case "systemd":
		return os.Getenv("RINGSIDE_TUTORIAL_SYSTEMD") != "" && runtime.GOOS == "linux"
	}
	return false
}

// command is a bash in a process group of its own, which ends as a whole.
func command(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// A terminal is one in which something runs.
type terminal struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu sync.Mutex
	// Guarded by mu.
	out  strings.Builder
	more chan struct{} // closed at the next output
}

func start(r *reader, script string) *terminal {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	t := &terminal{cmd: command(ctx, script), done: make(chan struct{}), more: make(chan struct{})}
	t.cmd.Stdout, t.cmd.Stderr = t, t
	if err := t.cmd.Start(); err != nil {
		cancel()
		r.Fatal(err)
	}
	go func() {
		defer close(t.done)
		_ = t.cmd.Wait() // how it ended is in its output
	}()
	r.Cleanup(func() {
		cancel()
		<-t.done
	})
	return t
}

// Write implements io.Writer.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.more)
	t.more = make(chan struct{})
	return t.out.Write(p)
}

func (t *terminal) output() (text string, more <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.String(), t.more
}

// wait returns when text was printed.
func (t *terminal) wait(r *reader, text string) {
	r.Helper()
	deadline := time.After(waitTimeout)
	for {
		out, more := t.output()
		if strings.Contains(out, text) {
			return
		}
		select {
		case <-more:
		case <-t.done:
			if out, _ = t.output(); !strings.Contains(out, text) {
				r.Fatalf("line %d: it ended before it printed %q:\n%s", r.line, text, out)
			}
		case <-deadline:
			r.Fatalf("line %d: it has not printed %q:\n%s", r.line, text, out)
		}
	}
}

// interrupt is Ctrl-C: a signal for all that runs in the terminal.
func (t *terminal) interrupt(r *reader) {
	r.Helper()
	if err := syscall.Kill(-t.cmd.Process.Pid, syscall.SIGINT); err != nil {
		r.Fatal(err)
	}
	select {
	case <-t.done:
	case <-time.After(waitTimeout):
		out, _ := t.output()
		r.Fatalf("line %d: it did not end on Ctrl-C:\n%s", r.line, out)
	}
}
