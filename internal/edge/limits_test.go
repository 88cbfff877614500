package edge

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	b := newBucket[string](10, 5, 100)
	now := start
	for i := range 5 {
		if wait := b.take("a", now); wait != 0 {
			t.Fatalf("take %d of 5: wait %v", i, wait)
		}
	}
	if wait := b.take("a", now); wait != 100*time.Millisecond {
		t.Errorf("beyond the burst: %v, want 100 ms", wait)
	}
	if wait := b.wait("a", now); wait != 100*time.Millisecond {
		t.Errorf("looked at: %v", wait)
	}
	if wait := b.take("b", now); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	now = now.Add(100 * time.Millisecond)
	if wait := b.take("a", now); wait != 0 {
		t.Errorf("after the wait: %v", wait)
	}
	if wait := b.take("a", now); wait == 0 {
		t.Error("two tokens in one interval")
	}
	now = now.Add(time.Hour)
	for i := range 5 {
		if wait := b.take("a", now); wait != 0 {
			t.Fatalf("take %d of a bucket that filled up: wait %v", i, wait)
		}
	}
	if b.take("a", now) == 0 {
		t.Error("a bucket holds more than its burst")
	}
	var none *bucket[string]
	if none.take("a", now) != 0 || none.wait("a", now) != 0 {
		t.Error("no limit limits")
	}
}

// A steady sender gets its rate whatever a flood of others does, and the table keeps its size.
func TestBucketUnderFlood(t *testing.T) {
	const size = 64
	b := newBucket[int](10, 2, size)
	now := start
	granted := 0
	for i := range 2000 {
		now = now.Add(time.Millisecond)
		if i%100 == 0 && b.take(-1, now) == 0 {
			granted++
		}
		b.take(i, now) // each from somewhere else
		if b.len() > size {
			t.Fatalf("%d entries, at most %d", b.len(), size)
		}
	}
	if granted != 20 {
		t.Errorf("a sender within its rate was let through %d times of 20", granted)
	}
	// The greedy stay remembered as long as they are greedy.
	for i := range 200 {
		now = now.Add(time.Millisecond)
		b.take(1_000_000, now)
		b.take(2_000_000+i, now)
	}
	if b.take(1_000_000, now) == 0 {
		t.Error("a flood made the table forget who floods")
	}
	now = now.Add(time.Hour)
	for range size {
		b.take(-1, now)
	}
	if b.len() != 1 {
		t.Errorf("%d entries after an hour of rest, want 1", b.len())
	}
}

type callers struct {
	player string
	exempt bool
}

func (c callers) who(context.Context) (string, bool) { return c.player, c.exempt }

// let counts how many of n requests arrive.
func let(t testing.TB, h http.Handler, n int, peer string, headers ...string) (arrivals int) {
	t.Helper()
	for range n {
		switch w := send(h, request(t, "GET", "/v1/rooms", peer, headers...)); w.Code {
		case http.StatusNoContent:
			arrivals++
		case http.StatusTooManyRequests:
			if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 || code(t, w) != "too_many_requests" {
				t.Errorf("429 with Retry-After %q: %s", w.Header().Get("Retry-After"), w.Body)
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	}
	return arrivals
}

func TestLimits(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.1", "127.0.0.2"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{LimitIP: 50, LimitPlayer: 5, Proxies: proxies}
	tests := []struct {
		name    string
		who     callers
		peer    string
		headers []string
		want    int // of 200 calls at once
	}{
		{name: "address", peer: "203.0.113.9:1", want: 100},
		{name: "player", who: callers{player: "ada"}, peer: "203.0.113.9:1", want: 10},
		{name: "server", who: callers{exempt: true}, peer: "203.0.113.9:1", want: 200},
		{name: "this machine", peer: "127.0.0.1:1", want: 200},
		{name: "this machine, IPv6", peer: "[::1]:1", want: 200},
		{name: "a proxy on this machine that is not named", peer: "127.0.0.1:1", headers: []string{"X-Forwarded-For: 203.0.113.9"}, want: 100},
		{name: "a proxy on this machine", peer: "127.0.0.2:1", headers: []string{"X-Forwarded-For: 203.0.113.9"}, want: 100},
		{name: "a proxy on this machine that says nothing", peer: "127.0.0.2:1", want: 100},
		{name: "loopback behind a proxy", peer: "10.0.0.1:1", headers: []string{"X-Forwarded-For: 127.0.0.1"}, want: 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newRig(t, cfg)
			h := e.Wrap(e.LimitCalls(tt.who.who, arrived))
			if got := let(t, h, 200, tt.peer, tt.headers...); got != tt.want || e.refused[ReasonLimit] != 200-tt.want {
				t.Errorf("%d of 200 arrived, counted %v, want %d", got, e.refused, tt.want)
			}
			if e.at = e.at.Add(time.Second); tt.want == 100 {
				if got := let(t, h, 200, tt.peer, tt.headers...); got != 50 {
					t.Errorf("%d arrived in the next second, want 50", got)
				}
			}
		})
	}
}

func TestWhoIsOneAddress(t *testing.T) {
	e := newRig(t, Config{LimitIP: 5})
	h := e.Wrap(e.LimitCalls(callers{}.who, arrived))
	if got := let(t, h, 20, "[2001:db8:0:1::1]:1"); got != 10 {
		t.Errorf("%d of the first address", got)
	}
	if got := let(t, h, 20, "[2001:db8:0:1:ffff::2]:1"); got != 0 {
		t.Errorf("%d of another address of the same /64, want none", got)
	}
	if got := let(t, h, 20, "[2001:db8:0:2::1]:1"); got != 10 {
		t.Errorf("%d of another /64, want 10", got)
	}
	if got := let(t, h, 20, "203.0.113.9:1") + let(t, h, 20, "203.0.113.10:1"); got != 20 {
		t.Errorf("%d of two IPv4 addresses, want 20", got)
	}
}

func TestNoLimits(t *testing.T) {
	e := newRig(t, Config{})
	h := e.Wrap(e.LimitSockets(e.LimitCalls(callers{player: "ada"}.who, arrived)))
	if got := let(t, h, 1000, "203.0.113.9:1"); got != 1000 {
		t.Errorf("%d of 1000 arrived", got)
	}
	r := request(t, "GET", "/", "203.0.113.9:1")
	for range 100 {
		e.AuthFailed(r)
	}
	if e.AuthWait(r) != 0 {
		t.Error("credentials are limited")
	}
	if _, err := New(Config{LimitIP: -1}); err == nil {
		t.Error("a negative limit is accepted")
	}
}

func TestSockets(t *testing.T) {
	e := newRig(t, Config{LimitIP: 50})
	if got := let(t, e.Wrap(e.LimitSockets(arrived)), 200, "203.0.113.9:1"); got != 100 {
		t.Errorf("%d sockets at once, want 100", got)
	}
	e.at = e.at.Add(time.Second)
	if got := let(t, e.Wrap(e.LimitSockets(arrived)), 200, "203.0.113.9:1"); got != 20 {
		t.Errorf("%d sockets in the next second, want 20", got)
	}
	if got := let(t, e.Wrap(e.LimitSockets(arrived)), 2000, "127.0.0.1:1"); got != 2000 {
		t.Errorf("%d of 2000 sockets of this machine", got)
	}
}

// Sockets that say nothing after their upgrade take the places of their own address only.
func TestSilentSockets(t *testing.T) {
	e := newRig(t, Config{LimitIP: 1000})
	release := make(chan struct{})
	inside := make(chan struct{})
	silent := e.Wrap(e.LimitSockets(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-release
	})))
	done := make(chan struct{})
	for range maxOpening {
		go func() {
			send(silent, request(t, "GET", "/v1/rooms/x/ws", "203.0.113.9:1"))
			done <- struct{}{}
		}()
		<-inside
	}
	quick := e.Wrap(e.LimitSockets(arrived))
	if w := send(quick, request(t, "GET", "/", "203.0.113.9:1")); w.Code != http.StatusTooManyRequests {
		t.Errorf("one more: %d", w.Code)
	}
	if w := send(quick, request(t, "GET", "/", "203.0.113.10:1")); w.Code != http.StatusNoContent {
		t.Errorf("somebody else: %d", w.Code)
	}
	close(release)
	for range maxOpening {
		<-done
	}
	if w := send(quick, request(t, "GET", "/", "203.0.113.9:1")); w.Code != http.StatusNoContent || len(e.limits.opening) != 0 {
		t.Errorf("when they are gone: %d, %d kept", w.Code, len(e.limits.opening))
	}
}

func TestFailedCredentials(t *testing.T) {
	e := newRig(t, Config{LimitIP: 50})
	var guess, honest, local *http.Request
	keep := func(to **http.Request) http.Handler {
		return e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { *to = r }))
	}
	send(keep(&guess), request(t, "GET", "/", "203.0.113.9:1"))
	send(keep(&honest), request(t, "GET", "/", "203.0.113.10:1"))
	send(keep(&local), request(t, "GET", "/", "127.0.0.1:1"))
	for i := range 20 {
		if e.AuthWait(guess) != 0 {
			t.Fatalf("waits after %d", i)
		}
		e.AuthFailed(guess)
		e.AuthFailed(local)
	}
	if wait := e.AuthWait(guess); wait != 200*time.Millisecond {
		t.Errorf("waits %v after 20, want 200 ms", wait)
	}
	if e.AuthWait(honest) != 0 || e.AuthWait(local) != 0 {
		t.Error("others wait, too")
	}
	e.at = e.at.Add(200 * time.Millisecond)
	if e.AuthWait(guess) != 0 {
		t.Error("waits longer than it was told")
	}
}

// A peer is a connection from an address.
type peer struct {
	net.Conn
	addr   string
	closed bool
}

func (p *peer) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(p.addr)) }
func (p *peer) Close() error         { p.closed = true; return nil }

func TestConnections(t *testing.T) {
	e := newRig(t, Config{LimitIP: 50, MaxConnections: 3000})
	open := func(addr string, n int) (list []*peer, refused int) {
		for range n {
			p := &peer{addr: addr}
			e.ConnState(p, http.StateNew)
			if p.closed {
				refused++
				e.ConnState(p, http.StateClosed)
				continue
			}
			list = append(list, p)
		}
		return list, refused
	}
	one, refused := open("203.0.113.9:1", 1100)
	if refused != 1100-maxPerAddress {
		t.Errorf("%d of one address were refused, want %d", refused, 1100-maxPerAddress)
	}
	local, refused := open("127.0.0.1:1", 2000)
	if refused != maxPerAddress+2000-3000 {
		t.Errorf("%d of this machine were refused, want what exceeds the sum", refused)
	}
	if e.refused[ReasonLimit] != 1100-maxPerAddress+24 {
		t.Errorf("counted %v", e.refused)
	}
	for _, p := range one {
		e.ConnState(p, http.StateActive)
		e.ConnState(p, http.StateHijacked)
	}
	for _, p := range local {
		e.ConnState(p, http.StateIdle)
		e.ConnState(p, http.StateClosed)
	}
	if e.conns.open != 0 || len(e.conns.of) != 0 {
		t.Errorf("%d connections and %d addresses are left", e.conns.open, len(e.conns.of))
	}
}

// A path of 8 KiB is nobody's, and is not repeated in problems and logs.
func TestLongPath(t *testing.T) {
	e := newRig(t, Config{})
	for n, want := range map[int]int{maxPathBytes: http.StatusNoContent, maxPathBytes + 1: http.StatusRequestURITooLong, 8 << 10: http.StatusRequestURITooLong} {
		w := send(e.Wrap(arrived), request(t, "GET", "/"+strings.Repeat("a", n-1), "203.0.113.9:1"))
		if w.Code != want || want >= 400 && code(t, w) != "uri_too_long" {
			t.Errorf("%d bytes: %d %s, want %d", n, w.Code, w.Body, want)
		}
	}
	// What is encoded counts as it was sent.
	if w := send(e.Wrap(arrived), request(t, "GET", "/"+strings.Repeat("%2f", 400), "203.0.113.9:1")); w.Code != http.StatusRequestURITooLong {
		t.Errorf("encoded: %d", w.Code)
	}
	if e.refused[ReasonPath] != 3 {
		t.Errorf("counted %v", e.refused)
	}
}
