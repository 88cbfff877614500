package edge

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// The defaults are chosen for the largest honest address there is, a hundred players behind one router: each of them needs
// two or three calls and one socket to get into a game, and comes back at the same moment as all the others.
const (
	burstSeconds   = 2      // calls that may be saved up
	maxTracked     = 65_536 // addresses and players: about 10 MiB when full
	failuresPerSec = 5      // credentials that are refused, of one address
	failuresBurst  = 20
	maxOpening     = 128 // sockets of one address that are between upgrade and HELLO
)

// limits are who has asked how often.
type limits struct {
	// Immutable; nil: no limit.
	calls, sockets, failures *bucket[netip.Addr]
	players                  *bucket[string]

	mu      sync.Mutex
	opening map[netip.Addr]int // Guarded by mu: sockets that are being opened; no entry is 0
}

func (l *limits) init(cfg *Config) {
	l.opening = make(map[netip.Addr]int)
	ip := float64(cfg.LimitIP)
	l.calls = newBucket[netip.Addr](ip, burstSeconds*cfg.LimitIP, maxTracked)
	l.sockets = newBucket[netip.Addr](ip*2/5, max(burstSeconds*cfg.LimitIP, 1), maxTracked)
	l.players = newBucket[string](float64(cfg.LimitPlayer), burstSeconds*cfg.LimitPlayer, maxTracked)
	if cfg.LimitIP > 0 {
		l.failures = newBucket[netip.Addr](failuresPerSec, failuresBurst, maxTracked)
	}
}

// holder is who is limited: an IPv4 address, or the /64 that one IPv6 customer has.
func holder(ip netip.Addr) netip.Addr {
	if !ip.Is6() {
		return ip
	}
	return netip.PrefixFrom(ip, 64).Masked().Addr()
}

// LimitCalls answers 429 to addresses and players that call too often. who says after authentication which player calls, if
// any, and whether the caller is exempt, as servers are.
func (e *Edge) LimitCalls(who func(context.Context) (player string, exempt bool), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		player, exempt := who(r.Context())
		c := fromContext(r.Context())
		if exempt || c.exempt {
			next.ServeHTTP(w, r)
			return
		}
		now := e.cfg.Now()
		if wait := e.limits.calls.take(holder(c.ip), now); wait > 0 {
			e.tooMany(w, wait, "limit-ip", fmt.Sprintf("your address makes more than %d calls a second", e.cfg.LimitIP))
			return
		}
		if player != "" {
			if wait := e.limits.players.take(player, now); wait > 0 {
				e.tooMany(w, wait, "limit-player", fmt.Sprintf("this player makes more than %d calls a second", e.cfg.LimitPlayer))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// LimitSockets answers 429 to addresses that open sockets too often, or have too many that have not said who they are. next
// returns when it knows.
func (e *Edge) LimitSockets(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := fromContext(r.Context())
		if c.exempt || e.cfg.LimitIP == 0 {
			next.ServeHTTP(w, r)
			return
		}
		key := holder(c.ip)
		if wait := e.limits.sockets.take(key, e.cfg.Now()); wait > 0 {
			e.tooMany(w, wait, "sockets", "your address opens sockets too often")
			return
		}
		if !e.limits.begin(key, e.cfg.MaxOpening) {
			e.tooMany(w, time.Second, "limit-handshakes", fmt.Sprintf("your address has %d sockets that have not said who they are", e.cfg.MaxOpening))
			return
		}
		defer e.limits.end(key)
		next.ServeHTTP(w, r)
	})
}

func (l *limits) begin(key netip.Addr, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening[key] >= most {
		return false
	}
	l.opening[key]++
	return true
}

func (l *limits) end(key netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening[key]--; l.opening[key] == 0 {
		delete(l.opening, key)
	}
}

// AuthFailed notes that the sender of r has shown a credential that was refused.
func (e *Edge) AuthFailed(r *http.Request) {
	if c := fromContext(r.Context()); !c.exempt {
		e.limits.failures.take(holder(c.ip), e.cfg.Now())
	}
}

// AuthWait says how long the sender of r has to wait before another credential of it is looked at, 0: not at all.
func (e *Edge) AuthWait(r *http.Request) time.Duration {
	c := fromContext(r.Context())
	if c.exempt {
		return 0
	}
	wait := e.limits.failures.wait(holder(c.ip), e.cfg.Now())
	if wait > 0 {
		e.cfg.Limited("credentials")
	}
	return wait
}
