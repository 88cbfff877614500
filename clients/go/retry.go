package client

import (
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// Backoff between two sockets; docs/PROTOCOL.md §6. A node that restarts is gone for seconds, and its players want to be back
// within a second of its return: so the waits stay short for as long as a restart takes, and only then grow.
const (
	firstBackoff = 250 * time.Millisecond
	// restartBackoff is the longest wait during restartTime; with its jitter it is never more than 1 s.
	restartBackoff = 800 * time.Millisecond
	restartTime    = 10 * time.Second
	mostBackoff    = 5 * time.Second
	// jitterShare of a wait is added or taken away, so that thousands who lost their node together do not return together.
	jitterShare = 0.25
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
	outageAt  time.Duration // when the first of this run of losses happened
	lostAt    time.Duration // from when the server counts the grace
	losses    int           // in this run
	wait      time.Duration // the last backoff, without its jitter
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
		r.outageAt, r.lostAt, r.losses, r.wait, r.place = now, now, 0, 0, 0
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
	n.At = max(now+r.backoff(now, code, jitter), r.notBefore)
	if n.At > r.lostAt+r.grace {
		n.Kind, n.At = DialMatchmaker, 0
		return n
	}
	n.URL, n.Lookup = r.nextPlace()
	return n
}

// backoff is nothing the first time. Then it starts at 0.25 s and grows by 1.4 to 0.8 s while the node may be restarting, and
// doubles up to 5 s after that, or from the start if the server said that this client cannot keep up. Each is given or taken
// a quarter.
func (r *retry) backoff(now time.Duration, code CloseCode, jitter func() float64) time.Duration {
	restarting := now-r.outageAt < restartTime && code != wire.CloseSlow
	switch {
	case r.losses == 0:
		return 0
	case r.wait == 0:
		r.wait = firstBackoff
	case restarting:
		r.wait = min(r.wait*7/5, restartBackoff)
	default:
		r.wait = min(2*r.wait, mostBackoff)
	}
	return time.Duration(float64(r.wait) * (1 - jitterShare + 2*jitterShare*jitter()))
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
