package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startWithin = 20 * time.Second
	endWithin   = 15 * time.Second
)

// Options say how a node is started.
type Options struct {
	Args []string // flags behind -data and -listen
	Env  []string // in addition to the test's own, KEY=VALUE
	Data string   // folder; "": a new one
	Wrap []string // a command in front of the node's, such as prlimit --nofile=256
	Key  string   // the node's API key, which the rig then shows; "": the node trusts this machine
}

// A Node is a process of its own: the games of the examples, and those of test/rogue that misbehave.
type Node struct {
	URL  string // http://127.0.0.1:PORT
	Addr string // 127.0.0.1:PORT
	Data string // its folder

	opt Options

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has
	out   bytes.Buffer  // guarded by mu; what it wrote, of all its lives
}

var binary struct {
	sync.Once
	path string
	err  error
}

// Binary builds the node with its rogue games, once for all tests of a process, and returns its path.
func Binary(t testing.TB) string {
	t.Helper()
	binary.Do(func() {
		dir, err := os.MkdirTemp("", "ringside-rig-") //nolint:usetesting // it outlives the test: RemoveBinary
		if err != nil {
			binary.err = err
			return
		}
		binary.path = filepath.Join(dir, "ringside")
		build := exec.Command("go", "build", "-o", binary.path, "github.com/ringside-server/ringside/test/rogue/server")
		if out, err := build.CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("build the node: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// RemoveBinary removes what Binary built. TestMain calls it at the end.
func RemoveBinary() {
	if binary.path != "" {
		_ = os.RemoveAll(filepath.Dir(binary.path)) // a folder of the system's for such things
	}
}

// Start starts a node and waits until it is ready. It ends with the test.
func Start(t testing.TB, opt Options) *Node {
	t.Helper()
	n := New(t, opt)
	n.Restart(t)
	return n
}

// New is Start without the process: Restart starts it.
func New(t testing.TB, opt Options) *Node {
	t.Helper()
	Binary(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Addr: l.Addr().String(), Data: opt.Data, opt: opt}
	l.Close()
	n.URL = "http://" + n.Addr
	if n.Data == "" {
		n.Data = t.TempDir()
	}
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("the node wrote:\n%s", tail(n.Output(), 16<<10))
		}
	})
	return n
}

// Restart starts the process, again with the same folder and address, and waits until it is ready.
func (n *Node) Restart(t testing.TB) {
	t.Helper()
	n.launch(t)
	for end := time.Now().Add(startWithin); ; time.Sleep(20 * time.Millisecond) {
		if status, _ := n.Get("/readyz"); status == http.StatusOK {
			return
		}
		select {
		case <-n.Ended():
			t.Fatalf("the node ended before it was ready (%v):\n%s", n.cmd.ProcessState, tail(n.Output(), 4<<10))
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("the node is not ready within %v:\n%s", startWithin, tail(n.Output(), 4<<10))
		}
	}
}

// StartRefused starts the process, which must end by itself without having served, and returns its exit code and what it wrote.
func (n *Node) StartRefused(t testing.TB) (code int, wrote string) {
	t.Helper()
	before := len(n.Output())
	n.launch(t)
	select {
	case <-n.Ended():
		return n.cmd.ProcessState.ExitCode(), n.Output()[before:]
	case <-time.After(startWithin):
		n.Kill()
		t.Fatalf("the node neither started nor gave up within %v:\n%s", startWithin, n.Output()[before:])
		return 0, ""
	}
}

func (n *Node) launch(t testing.TB) {
	t.Helper()
	args := append(append([]string{}, n.opt.Wrap...), Binary(t), "-data", n.Data, "-listen", n.Addr)
	if n.opt.Key != "" {
		args = append(args, "-api-key", n.opt.Key)
	}
	args = append(args, n.opt.Args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), n.opt.Env...)
	cmd.Stdout, cmd.Stderr = lockedWriter{n}, lockedWriter{n}
	alive, err := cmd.StdinPipe() // the node ends when it is closed, so it does not outlive the tests
	if err != nil {
		t.Fatalf("start node: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start node: %v", err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process
		_ = cmd.Wait() // ProcessState says the same
		alive.Close()
		close(ended)
	}()
	n.mu.Lock()
	n.cmd, n.ended = cmd, ended
	n.mu.Unlock()
}

type lockedWriter struct{ n *Node }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	return w.n.out.Write(p)
}

// Output is what the node has written so far, in all its lives.
func (n *Node) Output() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.out.String()
}

// Ended is closed when the process has ended.
func (n *Node) Ended() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended
}

// PID is the process's.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Signal sends a signal.
func (n *Node) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal the node: %v", err)
	}
}

// Stop ends the process in order and returns its exit code.
func (n *Node) Stop(t testing.TB) int {
	t.Helper()
	n.Signal(t, syscall.SIGTERM)
	select {
	case <-n.Ended():
	case <-time.After(endWithin):
		n.Kill()
		t.Fatalf("the node did not end within %v:\n%s", endWithin, tail(n.Output(), 4<<10))
	}
	return n.cmd.ProcessState.ExitCode()
}

// Kill ends the process at once, if there is one.
func (n *Node) Kill() {
	n.mu.Lock()
	cmd, ended := n.cmd, n.ended
	n.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Kill() // fails if it has ended, which is as good
		<-ended
	}
}

// Get asks for a path and returns the status, 0 if there is no answer, and the body.
func (n *Node) Get(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header = n.Credential()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// Credential is the header that shows the node's API key, empty without one.
func (n *Node) Credential() http.Header {
	if n.opt.Key == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {"Bearer " + n.opt.Key}}
}

// RSS is how many bytes of the process are in RAM.
func (n *Node) RSS(t testing.TB) int {
	t.Helper()
	return int(n.Metric(t, "ringside_process_resident_bytes"))
}

// Metric is the sum of all series of a metric whose line begins with name, which may carry labels: `x_total{code="4006"}`.
func (n *Node) Metric(t testing.TB, name string) float64 {
	t.Helper()
	status, body := n.Get("/metrics")
	if status != http.StatusOK {
		t.Fatalf("GET /metrics: %d %s", status, body)
	}
	sum, seen := 0.0, false
	for line := range strings.Lines(body) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		if v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			sum, seen = sum+v, true
		}
	}
	if !seen {
		t.Fatalf("GET /metrics: there is no %s", name)
	}
	return sum
}

// Eventually waits until f says true, for patience at most; what says what for.
func Eventually(t testing.TB, patience time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			_, file, line, _ := runtime.Caller(1)
			t.Fatalf("%s:%d: not within %v: %s", filepath.Base(file), line, patience, what)
		}
	}
}

// EventuallyMetric waits until a metric has a value.
func (n *Node) EventuallyMetric(t testing.TB, patience time.Duration, name string, want float64) {
	t.Helper()
	Eventually(t, patience, fmt.Sprintf("%s is %v", name, want), func() bool { return n.Metric(t, name) == want })
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
