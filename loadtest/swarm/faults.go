package swarm

import (
	"fmt"
	"sync"
)

// maxFaults is how many faults are kept as text; all are counted. maxLoud is how many are told at once.
const (
	maxFaults = 50
	maxLoud   = 5
)

// faults collects what went wrong. It is safe for concurrent use.
type faults struct {
	log func(string)

	mu    sync.Mutex
	count int
	quiet bool // the report comes next: nothing is told twice
	texts []string
}

func (f *faults) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.count++
	loud := f.count <= maxLoud && !f.quiet
	if len(f.texts) < maxFaults {
		f.texts = append(f.texts, text)
	}
	f.mu.Unlock()
	if loud {
		f.log("fault: " + text)
	}
}

// hush ends telling at once.
func (f *faults) hush() {
	f.mu.Lock()
	f.quiet = true
	f.mu.Unlock()
}

func (f *faults) number() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// all returns the texts, the last of which says how many are missing.
func (f *faults) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := append([]string{}, f.texts...)
	if n := f.count - len(f.texts); n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return texts
}
