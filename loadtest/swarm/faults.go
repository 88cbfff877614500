package swarm

import (
	"fmt"
	"sync"
)

// maxFaults is how many kinds of faults are kept as text; all are counted. maxLoud is how many kinds are told at once.
const (
	maxFaults = 50
	maxLoud   = 5
)

// A fault is one thing that went wrong. Faults of one kind make one line, whoever had them.
type fault struct {
	where  string // the bot; "" if it is about the run
	what   string
	detail string // of this one, not of its kind; may be ""
}

// String is the fault as a line of its own.
func (f fault) String() string {
	text := f.what
	if f.detail != "" {
		text += ": " + f.detail
	}
	if f.where != "" {
		text = f.where + ": " + text
	}
	return text
}

// A faultKind is all faults that say the same.
type faultKind struct {
	first fault
	count int
}

// faults collects what went wrong. It is safe for concurrent use.
type faults struct {
	log func(string)

	mu    sync.Mutex
	count int
	quiet bool // the report comes next: nothing is told twice
	kinds []faultKind
	other int // of kinds beyond maxFaults
}

// add notes a fault of the run as a whole.
func (f *faults) add(format string, args ...any) {
	f.note(fault{what: fmt.Sprintf(format, args...)})
}

func (f *faults) note(x fault) {
	f.mu.Lock()
	loud := f.collect(x) && !f.quiet
	f.mu.Unlock()
	if loud {
		f.log("fault: " + x.String())
	}
}

// collect counts x and reports whether it is the first of one of the first kinds.
func (f *faults) collect(x fault) bool {
	f.count++
	for i := range f.kinds {
		if f.kinds[i].first.what == x.what {
			f.kinds[i].count++
			return false
		}
	}
	if len(f.kinds) == maxFaults {
		f.other++
		return false
	}
	f.kinds = append(f.kinds, faultKind{first: x, count: 1})
	return len(f.kinds) <= maxLoud
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

// all returns a line for each kind, the last of which says how many are missing.
func (f *faults) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := []string{}
	for _, k := range f.kinds {
		if k.count == 1 {
			texts = append(texts, k.first.String())
			continue
		}
		text := fmt.Sprintf("%d × %s", k.count, k.first.what)
		if first := (fault{where: k.first.where, what: k.first.detail}); first.what == "" && first.where != "" {
			text += "; first: " + first.where
		} else if first.what != "" {
			text += "; first: " + first.String()
		}
		texts = append(texts, text)
	}
	if f.other > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", f.other))
	}
	return texts
}
