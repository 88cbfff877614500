package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/ringside-server/ringside/loadtest/swarm"
)

// lineEvery is how often a run tells of itself where there is no terminal to draw on.
const lineEvery = 2 * time.Second

// A meter shows how far a run is: a bar on a terminal, a line now and then elsewhere.
type meter struct {
	mu    sync.Mutex
	out   *os.File
	isBar bool
	bar   *progressbar.ProgressBar // nil between phases
	phase string
	last  time.Time // of the last line
}

func newMeter(out *os.File) *meter {
	return &meter{out: out, isBar: term.IsTerminal(int(out.Fd()))}
}

func (m *meter) progress(p swarm.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := p.Phase != m.phase
	m.phase = p.Phase
	text := fmt.Sprintf("%-10s %d/%d joined, %d states, %d faults", p.Phase, p.Joined, p.Bots, p.Frames, p.Faults)
	if !m.isBar {
		if fresh || time.Since(m.last) >= lineEvery {
			m.last = time.Now()
			fmt.Fprintf(m.out, "%5.1f s of %2.0f  %s\n", p.Elapsed.Seconds(), p.Of.Seconds(), text)
		}
		return
	}
	if fresh || m.bar == nil {
		m.clear()
		m.bar = progressbar.NewOptions64(p.Of.Milliseconds(), progressbar.OptionSetWriter(m.out),
			progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false))
	}
	m.bar.Describe(text)
	_ = m.bar.Set64(p.Elapsed.Milliseconds()) // a bar that cannot be drawn is not worth a word
}

// line prints what must be known at once.
func (m *meter) line(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	fmt.Fprintln(m.out, text)
}

func (m *meter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

func (m *meter) clear() {
	if m.bar != nil {
		_ = m.bar.Clear()
		m.bar = nil
	}
}
