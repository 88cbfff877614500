//go:build linux

// Package machine_test takes from a node what a machine may not have: files, disk, memory, time. The node is a process of its own,
// this test's binary under another name, because limits and signals are a process's.
package machine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/examples/arena"
	"github.com/ringside-server/ringside/room"
)

// nodeEnv makes the test's binary a server.
const nodeEnv = "RINGSIDE_TEST_NODE"

func TestMain(m *testing.M) {
	if os.Getenv(nodeEnv) != "" {
		ringside.Main(ringside.WithGame(arena.Definition), ringside.WithGame(hogDefinition()))
	}
	os.Exit(m.Run())
}

// patience is for everything that has no time of its own in a test; the machine may be busy.
const patience = 30 * time.Second

// A server is a node in a process.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	data string

	mu sync.Mutex
	// Guarded by mu.
	log    strings.Builder
	exited chan struct{} // closed when the process is gone
}

// setup is what a process is started with.
type setup struct {
	data  string   // "": a folder of its own
	shell string   // before the node takes the shell's place, e.g. ulimit -n 256; "": no shell
	wrap  []string // in front of everything
	args  []string
	env   []string
}

// launch starts a process and returns at once.
func launch(t *testing.T, s setup) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes; not with -short")
	}
	if s.data == "" {
		s.data = t.TempDir()
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append([]string{exe, "-listen", "127.0.0.1:0", "-data", s.data, "-drain-timeout", "2s"}, s.args...)
	if s.shell != "" {
		line = append([]string{"sh", "-c", s.shell + `; exec "$0" "$@"`}, line...)
	}
	line = append(s.wrap[:len(s.wrap):len(s.wrap)], line...)
	n := &server{t: t, data: s.data, exited: make(chan struct{})}
	n.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), line[0], line[1:]...)
	n.cmd.Env = append(append(os.Environ(), nodeEnv+"=1"), s.env...)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for _, r := range []io.Reader{out, errs} {
		readers.Go(func() { n.listen(r) })
	}
	go func() { // until the process has ended, which the cleanup waits for
		readers.Wait()
		_ = n.cmd.Wait() // its state says all
		close(n.exited)
	}()
	t.Cleanup(func() {
		_ = n.cmd.Process.Signal(syscall.SIGCONT)
		_ = n.cmd.Process.Kill() // it may be gone
		<-n.exited
		if t.Failed() {
			t.Logf("the server said:\n%s", n.said())
		}
	})
	return n
}

// start is launch and waits until the node is ready.
func start(t *testing.T, s setup) *server {
	t.Helper()
	n := launch(t, s)
	n.await("ringside is ready: open ")
	n.mu.Lock()
	defer n.mu.Unlock()
	_, rest, _ := strings.Cut(n.log.String(), "ringside is ready: open ")
	n.url, _, _ = strings.Cut(rest, "\n")
	return n
}

func (n *server) listen(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		n.mu.Lock()
		if n.log.Len() < 1<<20 {
			n.log.WriteString(lines.Text() + "\n")
		}
		n.mu.Unlock()
	}
}

func (n *server) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.String()
}

// await waits until the server has said something.
func (n *server) await(text string) {
	n.t.Helper()
	n.until("the server to say "+text, func() bool { return strings.Contains(n.said(), text) })
}

// until waits for a condition, and gives up at once when the process is gone.
func (n *server) until(what string, holds func() bool) {
	n.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-n.exited:
			if !holds() {
				n.t.Fatalf("the server ended (%v) before %s:\n%s", n.cmd.ProcessState, what, n.said())
			}
			return
		case <-deadline:
			n.t.Fatalf("gave up waiting for %s", what)
		case <-tick.C:
		}
	}
}

// ends waits for the end of the process, and returns its exit code and how long it took.
func (n *server) ends() (code int, took time.Duration) {
	n.t.Helper()
	began := time.Now()
	select {
	case <-n.exited:
	case <-time.After(patience):
		n.t.Fatal("the process does not end")
	}
	return n.cmd.ProcessState.ExitCode(), time.Since(began)
}

// call makes a request and returns the status and the decoded body.
func (n *server) call(method, path, body string) (status int, out map[string]any, err error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, nil, err
	}
	if json.Unmarshal(text, &out) != nil {
		out = map[string]any{"text": string(text)}
	}
	return res.StatusCode, out, nil
}

// metric reads one line of /metrics; −1 if it is not there.
func (n *server) metric(name string) float64 {
	_, out, err := n.call(http.MethodGet, "/metrics", "")
	if err != nil {
		return -1
	}
	text, _ := out["text"].(string)
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			var f float64
			if _, err := fmt.Sscan(value, &f); err == nil {
				return f
			}
		}
	}
	return -1
}

// join gets a seat in a room of a game and sits down in it.
func (n *server) join(game, name string) (*client.Client, client.Seat) {
	n.t.Helper()
	seat, err := client.Join(n.t.Context(), n.url, client.JoinRequest{Game: game, Player: client.JoinPlayer{Name: name}})
	if err != nil {
		n.t.Fatal(err)
	}
	return n.sit(seat), seat
}

func (n *server) sit(seat client.Seat) *client.Client {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c
}

func tickOf(c *client.Client) (tick uint32) {
	c.Do(func(core *client.Core, _ time.Duration) {
		if cur := core.Cur(); cur != nil {
			tick = cur.Tick
		}
	})
	return tick
}

// runsOn waits until a player sees so many more ticks.
func (n *server) runsOn(c *client.Client, ticks uint32) {
	n.t.Helper()
	from := tickOf(c)
	n.until(fmt.Sprintf("%d more ticks", ticks), func() bool { return tickOf(c) > from+ticks })
}

// --- a game that takes memory

type (
	hogIn   struct{ MiB int16 } // kept for ever
	hogView struct{ MiB int }
)

var (
	hogKeys = room.Input[hogIn](room.OnePerTick)
	hogs    = room.Kind[hogView]("hog")
)

// hog keeps as much memory as its players say; −1 asks it to never come back from a Step in which it takes all there is.
type hog struct {
	S     struct{ MiB int }
	hoard [][]byte
}

func hogDefinition() room.Definition {
	return room.Definition{
		Name: "hog", MaxPlayers: 8, Kinds: []room.AnyKind{hogs}, Input: hogKeys,
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &hog{}, nil },
	}
}

func (g *hog) Join(*room.Room, *room.Player) error         { return nil }
func (g *hog) Leave(*room.Room, *room.Player, room.Reason) {}
func (g *hog) State() any                                  { return &g.S }
func (g *hog) View(_ *room.Room, v *room.View)             { hogs.Put(v, 0, hogView{g.S.MiB}) }
func (g *hog) Step(r *room.Room) {
	for p := range r.Players() {
		in, ok := hogKeys.Next(p)
		for ok && in.MiB < 0 {
			g.take(1)
		}
		if ok {
			g.take(int(in.MiB))
		}
	}
}

func (g *hog) take(mib int) {
	for range mib {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		g.hoard = append(g.hoard, b)
		g.S.MiB++
	}
}

// --- a file system of its own

// tmpfs are the words in front of a command that give it a file system of so many MiB at a folder, which others see at the path
// that is returned for a process. It skips the test where that is not allowed.
func tmpfs(t *testing.T, dir string, mib int, options string) (wrap []string) {
	t.Helper()
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dm%s ringside "$0" && exec "$@"`, mib, options)
	wrap = []string{"unshare", "-rm", "sh", "-c", script, dir}
	probe := exec.CommandContext(t.Context(), wrap[0], append(wrap[1:], "true")...)
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("no file system of its own for a process here: %v: %s", err, out)
	}
	return wrap
}

// inside is a path of the server's file system.
func (n *server) inside(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", n.cmd.Process.Pid), n.data, name)
}
