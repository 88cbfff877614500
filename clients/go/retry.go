package client

import (
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// Backoff between two sockets; docs/PROTOCOL.md §6.
const (
	firstBackoff = 250 * time.Millisecond
	mostBackoff  = 5 * time.Second
	// settled is how long a socket must have played for the next loss to be the first one again: a server that closes each
	// new socket at once must not be asked in a tight loop.
	settled = time.Second
	// maxMoves is how many 4300 are followed without a WELCOME in between.
	maxMoves = 3
)

// What NextDial wants done.
const (
	DialNothing    DialKind = iota // the session has a socket
	DialOpen                       // open a socket to URL at At, then Start; Lost if that fails
	DialStop                       // never again: Code says why
	DialMatchmaker                 // the session is over: join anew
)

// A DialKind is what to do about a socket.
type DialKind uint8

// A Next is what to do after a socket was lost.
type Next struct {
	Kind   DialKind
	At     time.Duration // not before
	URL    string
	Lookup bool // all known places were tried: ask GET /v1/rooms/ID for the room's URL first, and SetURL
	Code   CloseCode
	Reason string
}

type retry struct {
	url   string   // the room's, as last known
	urls  []string // other places where the key works
	grace time.Duration
	left  bool // by us
	ended bool // by the server

	playedAt  time.Duration // when the last WELCOME came
	notBefore time.Duration // ERR's retry_ms
	lostAt    time.Duration // when the first of this run of losses happened
	losses    int           // in this run
	place     int           // which of url, urls is next
	moves     int           // 4300s followed since a WELCOME
	next      Next
}

// welcomed ends a run of losses.
func (r *retry) welcomed(now time.Duration, w *Welcome) {
	r.urls = w.URLs
	r.grace = time.Duration(w.Limits.GraceMS) * time.Millisecond
	r.playedAt, r.moves, r.notBefore = now, 0, 0
	r.next = Next{}
}

// SetURL replaces the room's URL, after a lookup.
func (c *Core) SetURL(url string) {
	c.retry.url, c.retry.place = url, 0
	if c.retry.next.Kind == DialOpen {
		c.retry.next.URL = url
	}
}

// Lost is called when the socket is gone or could not be opened; code and reason are the close frame's, 0 without one.
func (c *Core) Lost(now time.Duration, code CloseCode, reason string) {
	if c.phase == phaseDone {
		return
	}
	if c.move.parked && code == wire.CloseMoved {
		c.phase = phaseLost
		c.retry.next = Next{} // the second socket will answer
		return
	}
	played := c.phase == phasePlaying && now-c.retry.playedAt >= settled
	c.phase = phaseLost
	c.state.based = false
	c.out.reset()
	r := &c.retry
	if played || r.losses == 0 {
		r.lostAt, r.losses, r.place = now, 0, 0
	} else if r.playedAt > r.lostAt {
		r.lostAt = now // the server let us in since, however short: it counts the grace from now
	}
	r.next = r.decide(now, code, reason, c.rand)
	r.losses++
	if r.next.Kind == DialStop || r.next.Kind == DialMatchmaker {
		c.phase = phaseDone
	}
}

// NextDial says what to do now that there is no socket. It answers the same until Start or Lost is called; a DialOpen whose
// time would come after the seat is given away turns into DialMatchmaker by itself.
func (c *Core) NextDial(now time.Duration) Next {
	r := &c.retry
	switch {
	case c.phase == phaseIdle:
		return Next{Kind: DialOpen, At: now, URL: r.url}
	case c.phase == phaseJoining || c.phase == phasePlaying:
		return Next{}
	}
	return r.next
}

func (r *retry) decide(now time.Duration, code CloseCode, reason string, jitter func() float64) Next {
	n := Next{Kind: DialOpen, Code: code, Reason: reason}
	rule := wire.RetryResume
	if code != 0 {
		rule = code.Retry()
	}
	switch {
	case r.left || r.ended || rule == wire.RetryNever:
		n.Kind = DialStop
		return n
	case rule == wire.RetryMatchmaker:
		n.Kind = DialMatchmaker
		return n
	case rule == wire.RetryMoved:
		if r.moves++; r.moves > maxMoves {
			n.Kind = DialMatchmaker
			return n
		}
		if reason != "" {
			r.url, r.place = reason, 0
		}
		n.URL, n.At = r.url, now
		return n
	case code == wire.CloseDraining && r.losses == 0 && len(r.urls) > 0:
		r.place = 1
	}
	n.At = max(now+r.backoff(jitter), r.notBefore)
	if n.At > r.lostAt+r.grace {
		n.Kind, n.At = DialMatchmaker, 0
		return n
	}
	n.URL, n.Lookup = r.nextPlace()
	return n
}

// backoff is nothing the first time, then 0.25 s doubling up to 5 s, each give or take a half.
func (r *retry) backoff(jitter func() float64) time.Duration {
	if r.losses == 0 {
		return 0
	}
	d := mostBackoff
	if n := r.losses - 1; n < 5 {
		d = min(d, firstBackoff<<n)
	}
	return time.Duration(float64(d) * (0.5 + jitter()))
}

// nextPlace goes through url and urls in turn; lookup is true at the start of each further round.
func (r *retry) nextPlace() (url string, lookup bool) {
	n := 1 + len(r.urls)
	i := r.place % n
	lookup = i == 0 && r.place > 0
	r.place++
	if i == 0 {
		return r.url, lookup
	}
	return r.urls[i-1], lookup
}
