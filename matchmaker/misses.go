package matchmaker

import (
	"sync"
	"time"
)

// Guessing join codes: a caller may miss this often in a minute. Somebody who mistypes never notices; somebody who guesses, with
// 10,000 private rooms alive, hits one in a week from one address.
const (
	missesAllowed = 10
	missesWindow  = time.Minute

	// missesKept bounds the callers that are counted. Beyond it the rest share one count.
	missesKept = 100_000
)

// misses counts unknown codes of each caller.
type misses struct {
	mu    sync.Mutex
	since time.Time // start of the window
	of    map[string]int
}

// spent returns how long a caller has to wait before the next code, 0 if not.
func (m *misses) spent(principal string, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(now)
	if m.of[m.key(principal)] < missesAllowed {
		return 0
	}
	return m.since.Add(missesWindow).Sub(now)
}

func (m *misses) add(principal string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(now)
	m.of[m.key(principal)]++
}

// turn begins a new window. mu is held.
func (m *misses) turn(now time.Time) {
	if m.of == nil || now.Sub(m.since) >= missesWindow || now.Before(m.since) {
		m.since, m.of = now, map[string]int{}
	}
}

// key is whose count a caller's misses go to. mu is held.
func (m *misses) key(principal string) string {
	if _, ok := m.of[principal]; !ok && len(m.of) >= missesKept {
		return ""
	}
	return principal
}
