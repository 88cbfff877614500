package main

import (
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test's own program what the load test starts of itself.
func TestMain(m *testing.M) {
	hidden()
	os.Exit(m.Run())
}

func TestANodeIsEndedAndStartedAgain(t *testing.T) {
	for _, kind := range []string{"kill", "drain"} {
		t.Run(kind, func(t *testing.T) {
			signal, err := harms(kind, 1)
			if err != nil {
				t.Fatal(err)
			}
			n, err := newNode(t.Context(), signal)
			if err != nil {
				t.Fatal(err)
			}
			defer n.close()
			first := n.cmd.Process.Pid
			if err := n.Harm(t.Context()); err != nil {
				t.Fatal(err)
			}
			if conn, err := net.Dial("tcp", n.addr); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("somebody listens after the end of the node: %v, %v", conn, err)
			}
			before := time.Now()
			at, err := n.Restart(t.Context())
			if err != nil || at.Before(before) {
				t.Fatalf("Restart: %v, %v", at, err)
			}
			res, err := http.Get(n.url() + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			second := n.cmd.Process
			n.close()
			if _, err := os.Stat(n.dir); res.StatusCode != http.StatusOK || second.Pid == first || !os.IsNotExist(err) {
				t.Errorf("status %d, process %d after %d, folder %v", res.StatusCode, second.Pid, first, err)
			}
			if err := second.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("the node lives: %v", err)
			}
		})
	}
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{program: program, addr: l.Addr().String(), dir: filepath.Join(t.TempDir(), "data"), signal: syscall.SIGTERM}
	defer n.close()
	n.addr = "127.0.0.1:not-a-port"
	if _, err := n.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "ended before it listened") || !strings.Contains(err.Error(), "listen") {
		t.Errorf("Restart = %v", err)
	}
	l.Close()
}

func TestHarms(t *testing.T) {
	for _, c := range []struct {
		kind  string
		nodes int
		want  string
	}{{"pause", 1, `"pause"`}, {"kill", 3, "-nodes 1"}} {
		if _, err := harms(c.kind, c.nodes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("harms(%q, %d) = %v, want %q in it", c.kind, c.nodes, err, c.want)
		}
	}
}

func TestTheCommandToRunAgainHasNoSecrets(t *testing.T) {
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	for _, name := range []string{"url", "metrics", "api-key", "json", "html", "options", "game", "rooms"} {
		flags.String(name, "", "")
	}
	args := []string{"-url", "http://play.example", "-metrics", "http://in.example/m", "-api-key", "secret", "-json", "/home/ann/r.json", "-html", "/home/ann/r.html", "-options", `{"a":'b'}`, "-rooms", "3"}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	want := `go run ./loadtest -metrics URL -options '{"a":'\''b'\''}' -rooms 3 -url URL`
	if got := reproducible(flags); got != want {
		t.Errorf("reproducible = %s, want %s", got, want)
	}
}

func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	if _, err := openOutput("json", filepath.Join(dir, "none", "x.json")); err == nil || !strings.Contains(err.Error(), "-json") {
		t.Errorf("a path that cannot be: %v", err)
	}
	unused, used := filepath.Join(dir, "unused"), filepath.Join(dir, "used")
	o, err := openOutput("json", unused)
	if err != nil {
		t.Fatal(err)
	}
	o.close()
	if _, err := os.Stat(unused); !os.IsNotExist(err) {
		t.Errorf("a result that never came left a file: %v", err)
	}
	if err := os.WriteFile(used, []byte(strings.Repeat("old ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err = openOutput("html", used); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(used); err != nil || len(text) != 400 {
		t.Errorf("the old result is gone before the new one is there: %d bytes, %v", len(text), err)
	}
	if err := o.write(func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	o.close()
	if text, err := os.ReadFile(used); err != nil || string(text) != "new" {
		t.Errorf("wrote %q, %v", text, err)
	}
	if none, err := openOutput("json", ""); err != nil || none.json(1) != nil {
		t.Errorf("no path: %v", err)
	}
}

func TestLastWords(t *testing.T) {
	var w lastWords
	for range 3 {
		if n, err := w.Write([]byte(strings.Repeat("x", maxLastWords) + "\nend\n")); n != maxLastWords+5 || err != nil {
			t.Fatal(n, err)
		}
	}
	if text := w.text(); len(text) > maxLastWords+10 || !strings.HasSuffix(text, "  end") {
		t.Errorf("%d bytes kept, the end is %q", len(text), text[max(0, len(text)-10):])
	}
}
