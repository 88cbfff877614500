package crash

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the traces of this Go into testdata")

// Every way in which a game ends a process is told from the runtime's words, which this test has it say.
func TestParseRealCrashes(t *testing.T) {
	for _, c := range []struct {
		how  string
		kind Kind
		text string // how it begins
		line string // of the stack
		room string
		sure bool
	}{
		{how: "recursion", kind: Overflow, text: "fatal error: stack overflow", line: "crash.deeper(", room: `r"1}`, sure: true},
		{how: "map", kind: Map, text: "fatal error: concurrent map access", line: "crash.crash.func", room: `r"1}`, sure: true},
		{how: "goroutine", kind: Panic, text: "panic: boom", line: "crash.crash.func", room: `r"1}`, sure: true},
		{how: "forged", kind: Panic, text: "panic: it was\n\t\n\tgoroutine 1 [", line: "crash.crash.func", room: `r"1}`, sure: true},
		{how: "long", kind: Panic, text: "panic: ha\n\tha\n", line: "crash.crash.func", room: `r"1}`, sure: true},
		{how: "nil", kind: Panic, text: "panic: runtime error: invalid memory address", line: "crash.crash.func", room: `r"1}`, sure: true},
		{how: "again", kind: Panic, text: "panic: first [recovered", line: "crash.crash.func", room: `r"1}`, sure: true},
		{how: "lock", kind: Lock, text: "fatal error: misuse of a lock", line: "crash.crash(", room: `r"1}`, sure: true},
		{how: "memory", kind: Memory, text: "fatal error: out of memory", line: "crash.crash(", room: `r"1}`},
		{how: "no game", kind: Panic, text: "panic: plain", line: "crash.crash("},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			if c.how == "memory" && runtime.GOOS != "linux" {
				t.Skip("other systems promise any memory")
			}
			dir := t.TempDir()
			crashed(t, dir, c.how)
			h, err := Read(dir)
			if err != nil || h.Last == nil {
				t.Fatalf("read: %v, %+v", err, h)
			}
			r := h.Last
			if r.Kind != c.kind || !strings.HasPrefix(r.Text, c.text) || r.Room != c.room || r.Certain() != c.sure {
				t.Errorf("%s (%.60q) in room %q, certain %v\n%s", r.Kind, r.Text, r.Room, r.Certain(), r.Stack)
			}
			if c.room != "" && (r.Epoch != 3 || r.Game != "dots") {
				t.Errorf("epoch %d of game %q", r.Epoch, r.Game)
			}
			if !bytes.Contains(r.Stack, []byte(c.line)) || !bytes.HasPrefix(r.Stack, []byte("goroutine ")) || bytes.Count(r.Stack, []byte("goroutine ")) > 2 {
				t.Errorf("the stack has no %q, or more than one goroutine:\n%s", c.line, r.Stack)
			}
			if len(r.Text) > maxText || len(r.Stack) > maxStack+maxLine {
				t.Errorf("%d bytes of text, %d of stack", len(r.Text), len(r.Stack))
			}
			if *update && c.how != "long" {
				data, err := os.ReadFile(h.Last.File)
				here, wdErr := os.Getwd()
				if err = errors.Join(err, wdErr); err == nil {
					data = bytes.ReplaceAll(data, []byte(here), []byte("/src/ringside/internal/crash"))
					_, data, _ = bytes.Cut(data, []byte(readyMark))
					_, data, _ = bytes.Cut(data, []byte("\n"))
					err = os.WriteFile(filepath.Join("testdata", strings.ReplaceAll(c.how, " ", "-")+".trace"), data[:min(len(data), 8<<10)], 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestParseHeader(t *testing.T) {
	for _, c := range []struct {
		line, status string
		labels       map[string]string
	}{
		{"goroutine 1 [running]:", "running", nil},
		{"goroutine 1 gp=0x1 m=3 mp=0x2 [running, locked to thread]:", "running", nil},
		{`goroutine 1 [running, locked to thread labels:{"room": "a"}]:`, "running", map[string]string{"room": "a"}},
		{`goroutine 1 [chan receive, 5 minutes labels:{"room": "a", "x": "\"}]:\n"}]:`, "chan receive", map[string]string{"room": "a", "x": "\"}]:\n"}},
		{`goroutine 1 [running labels:{"room": "a", "room": "b"}]:`, "running", map[string]string{"room": "a"}},
		{`goroutine 1 [running labels:{"room": "a" "x": "b"}]:`, "running", nil},
		{`goroutine 1 [running labels:{"room"}]:`, "running", nil},
		{`goroutine 1 [running labels:{room: a}]:`, "running", nil},
		{"goroutine 1 [running", "", nil},
		{"goroutine 1", "", nil},
		{"", "", nil},
	} {
		status, labels := parseHeader(c.line)
		same := len(labels) == len(c.labels)
		for k, v := range c.labels {
			same = same && labels[k] == v
		}
		if status != c.status || !same {
			t.Errorf("%s: %q %q, want %q %q", c.line, status, labels, c.status, c.labels)
		}
	}
}

// A goroutine that waits when the process ends is not who ended it, nor is one without all that a room has.
func TestParseBlamesNobody(t *testing.T) {
	for name, trace := range map[string]string{
		"waits":       "panic: x\n\ngoroutine 7 [chan receive labels:{\"epoch\": \"1\", \"game\": \"g\", \"room\": \"a\"}]:\nmain.f()\n\t/x.go:1\n",
		"second":      "panic: x\n\ngoroutine 7 [running]:\nmain.f()\n\t/x.go:1\n\ngoroutine 8 [running labels:{\"epoch\": \"1\", \"game\": \"g\", \"room\": \"a\"}]:\nmain.g()\n",
		"no epoch":    "panic: x\n\ngoroutine 7 [running labels:{\"game\": \"g\", \"room\": \"a\"}]:\n",
		"epoch 0":     "panic: x\n\ngoroutine 7 [running labels:{\"epoch\": \"0\", \"game\": \"g\", \"room\": \"a\"}]:\n",
		"large epoch": "panic: x\n\ngoroutine 7 [running labels:{\"epoch\": \"4294967296\", \"game\": \"g\", \"room\": \"a\"}]:\n",
		"long name":   "panic: x\n\ngoroutine 7 [running labels:{\"epoch\": \"1\", \"game\": \"g\", \"room\": \"" + strings.Repeat("a", maxName+1) + "\"}]:\n",
		"no trace":    "panic: x\n",
	} {
		r, ok, err := Parse(strings.NewReader(trace))
		if err != nil || !ok || r.Room != "" || r.Epoch != 0 || r.Kind != Panic || r.Text != "panic: x" {
			t.Errorf("%s: %+v, %v, %v", name, r, ok, err)
		}
	}
	if r, ok, err := Parse(strings.NewReader("\n\n")); ok || err != nil {
		t.Errorf("nothing was said: %+v, %v", r, err)
	}
}

func FuzzParse(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.trace"))
	if err != nil || len(names) == 0 {
		f.Fatalf("no traces: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok, err := Parse(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("bytes in memory: %v", err)
		}
		if !ok && r.Room != "" || (r.Room == "") != (r.Epoch == 0) || r.Kind == "" || r.Text == "" {
			t.Errorf("%v: %+v", ok, r)
		}
		if len(r.Text) > 2*maxText || len(r.Stack) > maxStack+maxLine || len(r.Room) > maxName || len(r.Game) > maxName {
			t.Errorf("%d bytes of text, %d of stack, room %d, game %d", len(r.Text), len(r.Stack), len(r.Room), len(r.Game))
		}
	})
}
