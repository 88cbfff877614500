package matchmaker

import (
	"sync"
	"time"
)

const (
	missesWindow = time.Minute

	// missesOfAddress is how many times as many codes as a caller an address may miss: players with accounts behind one router
	// mistype, too, but accounts that one person makes by the hundred guess together.
	missesOfAddress = 10

	// missesKept bounds the callers that are counted. Beyond it the rest share one count.
	missesKept = 100_000
)

// misses counts unknown join codes: of each caller, and of the address of a caller with an account. allowed of them a minute.
type misses struct {
	allowed int // immutable

	mu    sync.Mutex
	since time.Time // start of the window
	of    map[string]int
}

// A guess is a code that is being looked up; it counts as a miss until it is found.
type guess struct {
	misses *misses
	since  time.Time // of the window that it counts in
	keys   []string
}

// begin counts a guess before it is known what it is, so that many at once are no way around the count. A caller who has none
// left has to wait and nothing is counted.
func (m *misses) begin(principal, address string, now time.Time) (g guess, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil || now.Sub(m.since) >= missesWindow || now.Before(m.since) {
		m.since, m.of = now, map[string]int{}
	}
	g = guess{misses: m, since: m.since, keys: []string{m.key(principal)}}
	full := m.of[g.keys[0]] >= m.allowed
	if address != "" && address != principal {
		key := m.key(address)
		full = full || m.of[key] >= m.allowed*missesOfAddress
		g.keys = append(g.keys, key)
	}
	if full {
		return guess{}, m.since.Add(missesWindow).Sub(now)
	}
	for _, key := range g.keys {
		m.of[key]++
	}
	return g, 0
}

// found takes a guess back that was none: there is a room with the code.
func (g *guess) found() {
	m := g.misses
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.since.Equal(g.since) {
		return // it is forgotten already
	}
	for _, key := range g.keys {
		if m.of[key]--; m.of[key] == 0 {
			delete(m.of, key)
		}
	}
}

// key is whose count a caller's misses go to. mu is held.
func (m *misses) key(name string) string {
	if _, ok := m.of[name]; !ok && len(m.of) >= missesKept {
		return ""
	}
	return name
}
