package room

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

// wantMisuse uses a room outside of a callback: nothing happens but that the room remembers it.
func wantMisuse(t testing.TB, def Definition, text string, f func(*Room)) {
	t.Helper()
	d, _ := start(t, def)
	f(d.Room)
	if m := d.Misused(); m == nil || !strings.Contains(m.Text, text) || !bytes.Contains(m.Stack, []byte("room_test.go")) {
		t.Errorf("misuse %v, want one with %q", m, text)
	}
	if n := len(d.Effects()); n != 0 {
		t.Errorf("%s: %d effects", text, n)
	}
	if due, ok := d.NextTimer(); ok {
		t.Errorf("%s: a timer at %d", text, due)
	}
}

// Goroutines of the game may do it any number of times and at the same time: the first is remembered, and logged once.
func TestMisuseByGoroutines(t *testing.T) {
	var log bytes.Buffer
	d := startScript(t, &script{})
	d.Room.log = zerolog.New(&log)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				d.Room.Lock(true)
				d.Room.Cancel(1)
			}
		})
	}
	group.Wait()
	if d.Misused() == nil || len(d.Effects()) != 0 {
		t.Errorf("misuse %v, %d effects", d.Misused(), len(d.Effects()))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 1 || !strings.Contains(lines[0], `"at":"misuse_test.go:`) || !strings.Contains(lines[0], "room used outside of a callback") {
		t.Errorf("logged %q, want one line", lines)
	}
}

// A goroutine that is nothing but the misuse is known by the line that started it.
func TestMisuseThatIsAGoroutine(t *testing.T) {
	d := startScript(t, &script{})
	go d.Room.Lock(true)
	for d.Misused() == nil {
		runtime.Gosched()
	}
	if m := d.Misused(); !strings.Contains(m.Text, "Lock called outside of a callback at misuse_test.go:") {
		t.Errorf("%s\n%s", m.Text, m.Stack)
	}
	if got := startedAt([]byte("goroutine 1 [running]:\nmain.main()\n\t/x.go:1 +0x1\n")); got != "an unknown line" {
		t.Errorf("nobody started it: %q", got)
	}
}

func BenchmarkEnter(b *testing.B) {
	d := startScript(b, &script{})
	b.ReportAllocs()
	for b.Loop() {
		d.Step()
	}
}
