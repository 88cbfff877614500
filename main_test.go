package ringside

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside/room"
)

// idle is a game in which nothing happens.
type idle struct{ S struct{ Steps int } }

func (g *idle) Join(*room.Room, *room.Player) error          { return nil }
func (g *idle) Leave(*room.Room, *room.Player, room.Reason)  {}
func (g *idle) Step(*room.Room)                              { g.S.Steps++ }
func (g *idle) View(*room.Room, *room.View)                  {}
func (g *idle) State() any                                   { return &g.S }
func newIdle(*room.Room, json.RawMessage) (room.Game, error) { return &idle{}, nil }

var idleGame = WithGame(room.Definition{Name: "idle", MaxPlayers: 2, New: newIdle})

// What the command line answers, word by word where a person reads it.
func TestCommandLine(t *testing.T) {
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	tests := []struct {
		name   string
		args   []string
		env    map[string]string
		opts   []Option
		code   int
		stdout string
		stderr string
	}{
		{name: "version", args: []string{"-version"}, opts: []Option{idleGame}, stdout: "ringside devel"},
		{name: "help", args: []string{"-help"}, opts: []Option{idleGame}, stderr: "-listen address"},
		{name: "unknown flag", args: []string{"-lisen", "x"}, opts: []Option{idleGame}, code: 2, stderr: "flag provided but not defined: -lisen"},
		{name: "argument", args: []string{"arena"}, opts: []Option{idleGame}, code: 2, stderr: `unexpected argument "arena"`},
		{name: "log level", args: []string{"-log-level", "loud"}, opts: []Option{idleGame}, code: 2, stderr: `-log-level: "loud" is none of debug, info, warn, error`},
		{name: "environment", env: map[string]string{"RINGSIDE_MAX_ROOMS": "-1"}, opts: []Option{idleGame}, code: 2, stderr: "-max-rooms: -1: want 1 to 1000000"},
		{name: "no game", code: 2, stderr: "a node without a game"},
		{name: "two games of a name", opts: []Option{idleGame, idleGame}, code: 1, stderr: `"idle"`},
		{name: "address", args: []string{"-listen", "nowhere"}, opts: []Option{idleGame}, code: 2, stderr: `-listen: "nowhere" is not host:port`},
		{name: "port in use", args: []string{"-listen", busy.Addr().String()}, opts: []Option{idleGame}, code: 1, stderr: "address already in use (choose another address with -listen)"},
		{name: "advertise", args: []string{"-advertise", "https://x"}, opts: []Option{idleGame}, code: 2, stderr: "want ws://host[:port] or wss://host[:port]"},
		{name: "data is a file", args: []string{"-listen", "127.0.0.1:0", "-data", "main.go"}, opts: []Option{idleGame}, code: 2, stderr: "main.go"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			var stdout, stderr bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			code := run(ctx, append([]string{"-data", t.TempDir(), "-listen", "127.0.0.1:0"}, tt.args...), &stdout, &stderr, tt.opts...)
			if code != tt.code || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit %d, stdout %q, stderr %q; want %d, %q, %q", code, &stdout, &stderr, tt.code, tt.stdout, tt.stderr)
			}
			if strings.Contains(stderr.String(), "plant") {
				t.Errorf("the hidden flag is shown: %s", &stderr)
			}
		})
	}
}

// A lockedBuffer is written by a node and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The process says when it is ready, and ends in order when it is told to.
func TestRunUntilTold(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var stdout, stderr lockedBuffer
	exit := make(chan int)
	go func() {
		exit <- run(ctx, []string{"-listen", "127.0.0.1:0", "-data", t.TempDir()}, &stdout, &stderr, idleGame)
	}()
	waitFor(t, "the ready line", func() bool { return strings.Contains(stdout.String(), "ringside is ready: open http://127.0.0.1:") })
	stop()
	select {
	case code := <-exit:
		if code != 0 {
			t.Errorf("exit %d, stderr %s", code, &stderr)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the node did not end")
	}
}

// waitFor waits until something holds, 10 s at most.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("gave up waiting for %s", what)
		case <-tick.C:
		}
	}
}
