package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/examples/arena"
	"github.com/ringside-server/ringside/examples/cards"
	"github.com/ringside-server/ringside/examples/track"
)

// nodeCommand is the hidden first argument with which the load test runs itself as a node.
const nodeCommand = "node-under-test"

const (
	// startWithin and endWithin bound how long a node may take to listen and, after SIGTERM, to end.
	startWithin = 30 * time.Second
	endWithin   = 30 * time.Second
	// lookForListener is how often a starting node is tried.
	lookForListener = 2 * time.Millisecond
	// Ports of nodes under test lie below the range from which systems take the ports of clients: a client that tries a port
	// of that range while nobody listens there can be given the very same port, and is connected to itself.
	firstPort, lastPort = 20_000, 32_000
	// maxLastWords is how much of what a node wrote is shown when it fails.
	maxLastWords = 4 << 10
)

// nodeMain is the process under test: the server with the example games. It ends with the process that started it, however
// that ends: then its standard input does.
func nodeMain() {
	os.Args = append(os.Args[:1], os.Args[2:]...)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // any end is the end
		os.Exit(1)
	}()
	ringside.Main(ringside.WithGame(arena.Definition), ringside.WithGame(cards.Definition), ringside.WithGame(track.Definition))
}

// A node is a server in a process of its own, on a folder and an address that stay the same when it is started again. It
// belongs to one goroutine.
type node struct {
	// Immutable after newNode.
	program string
	addr    string
	dir     string
	signal  os.Signal // how it is ended
	args    []string  // flags beyond those that every node gets

	cmd    *exec.Cmd // nil: not running
	alive  io.Closer // its standard input
	ended  chan struct{}
	output lastWords
}

// newNode starts a node with an empty folder and these flags.
func newNode(ctx context.Context, signal os.Signal, args ...string) (*node, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ringside-loadtest-")
	if err != nil {
		return nil, fmt.Errorf("make the node's folder: %w", err)
	}
	n := &node{program: program, addr: addr, dir: dir, signal: signal, args: args}
	_, err = n.Restart(ctx)
	if err == nil {
		err = n.ready(ctx)
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// ready waits until the node says that it takes players: it listens a moment before.
func (n *node) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if client.CallAPI(ctx, http.MethodGet, n.url()+"/readyz", nil, nil, nil) == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the node to be ready: %w; it wrote:\n%s", ctx.Err(), n.output.text())
		}
	}
}

// freeAddress is an address of this machine at which nobody listens.
func freeAddress(ctx context.Context) (string, error) {
	var last error
	for range 100 {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
		last = err
	}
	return "", fmt.Errorf("find a free port: %w", last)
}

func (n *node) url() string {
	if slices.Contains(n.args, "-tls-cert") {
		return "https://" + n.addr
	}
	return "http://" + n.addr
}

// Harm ends the process by its signal and waits for its end; one that takes too long is killed, which is an error.
func (n *node) Harm(ctx context.Context) error {
	if err := n.cmd.Process.Signal(n.signal); err != nil {
		return fmt.Errorf("signal process %d: %w", n.cmd.Process.Pid, err)
	}
	t := time.NewTimer(endWithin)
	defer t.Stop()
	select {
	case <-n.ended:
		state := n.cmd.ProcessState
		n.forget()
		if n.signal == syscall.SIGTERM && !state.Success() {
			return fmt.Errorf("the node ended with %v; it wrote:\n%s", state, n.output.text())
		}
		return nil
	case <-t.C:
		return fmt.Errorf("the node did not end within %v of its signal; it wrote:\n%s", endWithin, n.output.text())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Restart starts the process and returns when it first took a connection.
func (n *node) Restart(ctx context.Context) (time.Time, error) {
	args := append([]string{nodeCommand, "-data", n.dir, "-listen", n.addr, "-log-level", "warn"}, n.args...)
	cmd := exec.Command(n.program, args...)
	n.output.reset()
	cmd.Stdout, cmd.Stderr = &n.output, &n.output
	in, err := cmd.StdinPipe()
	if err != nil {
		return time.Time{}, fmt.Errorf("start node: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return time.Time{}, fmt.Errorf("start node: %w", err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process; close waits for it
		defer close(ended)
		_ = cmd.Wait() // ProcessState says the same
	}()
	n.cmd, n.alive, n.ended = cmd, in, ended
	return n.listening(ctx)
}

// listening waits until a connection is taken. A node that ends before has failed.
func (n *node) listening(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	look := time.NewTicker(lookForListener)
	defer look.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.addr)
		if err == nil {
			at := time.Now()
			conn.Close()
			return at, nil
		}
		select {
		case <-look.C:
		case <-n.ended:
			state := n.cmd.ProcessState
			n.forget()
			return time.Time{}, fmt.Errorf("the node ended before it listened (%v); it wrote:\n%s", state, n.output.text())
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("wait for the node to listen: %w", ctx.Err())
		}
	}
}

// forget is called when the process has ended.
func (n *node) forget() {
	n.alive.Close()
	n.cmd = nil
}

// close kills the process, waits for it, and removes its folder.
func (n *node) close() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill() // fails if it has ended, which is as good
		<-n.ended
		n.forget()
	}
	if err := os.RemoveAll(n.dir); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest: remove the node's folder:", err)
	}
}

// harms are the kinds of chaos that one node can suffer.
func harms(kind string, nodes int) (os.Signal, error) {
	if nodes != 1 {
		return nil, fmt.Errorf("-nodes %d: this version harms one node: want -nodes 1", nodes)
	}
	switch kind {
	case "kill":
		return syscall.SIGKILL, nil
	case "drain":
		return syscall.SIGTERM, nil
	}
	return nil, fmt.Errorf("-chaos %q: want kill or drain", kind)
}

// lastWords keeps the end of what was written. It is safe for concurrent use.
type lastWords struct {
	mu  sync.Mutex
	buf []byte
}

// Write keeps the end of p.
func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p[max(0, len(p)-maxLastWords):]...)
	if over := len(w.buf) - maxLastWords; over > 0 {
		w.buf = w.buf[:copy(w.buf, w.buf[over:])]
	}
	return len(p), nil
}

func (w *lastWords) reset() {
	w.mu.Lock()
	w.buf = w.buf[:0]
	w.mu.Unlock()
}

// text is what was kept, a line indented each.
func (w *lastWords) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for lines := bufio.NewScanner(strings.NewReader(string(w.buf))); lines.Scan(); {
		b.WriteString("  " + lines.Text() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
