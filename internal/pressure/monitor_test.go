package pressure

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// A dial is a source that a test turns.
type dial struct{ used, limit atomic.Uint64 }

func (d *dial) source(name string) Source {
	return Source{Name: name, Do: "turn it down", Read: func() Reading {
		return Reading{Used: d.used.Load(), Limit: d.limit.Load()}.shares(0.85, 0.80)
	}}
}

func TestAdmissionStopsAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memory, files dial
		var log bytes.Buffer
		memory.limit.Store(1000)
		files.limit.Store(100)
		m := New(Config{Sources: []Source{memory.source(NameMemory), files.source(NameFiles)}, Log: zerolog.New(&log)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		steps := []struct {
			what          string
			memory, files uint64
			wait          time.Duration
			want          string
		}{
			{"at rest", 100, 10, time.Second, ""},
			{"below the bound", 849, 10, time.Second, ""},
			{"at the bound", 850, 10, time.Second, NameMemory},
			{"between both bounds", 810, 10, time.Minute, NameMemory},
			{"below the lower bound", 799, 10, time.Second, ""},
			{"files", 100, 99, time.Second, NameFiles},
			{"both: the first of the sources is named", 900, 99, time.Second, NameMemory},
			{"neither", 1, 1, 3 * time.Second, ""},
		}
		for _, s := range steps {
			memory.used.Store(s.memory)
			files.used.Store(s.files)
			time.Sleep(s.wait)
			synctest.Wait()
			if got := m.Stopped(); got != s.want {
				t.Errorf("%s: stopped for %q, want %q", s.what, got, s.want)
			}
		}
		if got := m.Levels()[0]; got.Resource != NameMemory || got.Limit != 1000 || got.Used != 1 || got.Ratio != 0.001 || got.Stopped {
			t.Errorf("level of memory is %+v", got)
		}
		cancel()
		<-done
		text := log.String()
		for line, want := range map[string]int{"admission stopped": 3, "admission goes on": 3, `"do":"turn it down"`: 3, `"used":850,"limit":1000`: 1} {
			if got := strings.Count(text, line); got != want {
				t.Errorf("%q stands %d times in the log, want %d:\n%s", line, got, want, text)
			}
		}
	})
}

// A resource that swings around its bound must not fill the log.
func TestLevelsDoNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Uint64
		var log bytes.Buffer
		m := New(Config{Log: zerolog.New(&log), Sources: []Source{{Name: "swing", Read: func() Reading {
			return Reading{Used: n.Add(1) % 2, Limit: 1, Stop: 1, Go: 1}
		}}}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		m.Run(ctx)
		if got := strings.Count(log.String(), "\n"); got > 11 {
			t.Errorf("%d lines in ten seconds, want one a second at most", got)
		}
	})
}

func TestUnknownLimitStopsNothing(t *testing.T) {
	var d dial
	d.used.Store(1 << 40)
	m := New(Config{Sources: []Source{d.source(NameMemory)}})
	if got := m.Stopped(); got != "" {
		t.Errorf("stopped for %q without a limit", got)
	}
	if l := m.Levels()[0]; l.Ratio != 0 || l.Used != 1<<40 {
		t.Errorf("level is %+v", l)
	}
}

func TestUrgentReadsMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := func(urgent bool) (n int) {
			m := New(Config{Sources: []Source{{Name: "x", Read: func() Reading { n++; return Reading{} }}}, After: func() bool { return urgent }})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			m.Run(ctx)
			return n
		}
		calm, urgent := reads(false), reads(true)
		if calm < 38 || calm > 41 || urgent < 380 || urgent > 401 {
			t.Errorf("%d and %d readings in ten seconds, want 40 and 390", calm, urgent)
		}
	})
}
