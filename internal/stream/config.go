package stream

import (
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/rs/zerolog"
)

const (
	defaultMax          = 50_000
	defaultKeepalive    = 15 * time.Second // below the 30 to 60 s after which proxies give up on a silent answer
	defaultWriteTimeout = 5 * time.Second
	defaultRing         = 64 << 10
	defaultRingSum      = 64 << 20

	// maxWriters bounds the goroutines that write to parked connections. One per processor is enough: a write to a socket
	// does not wait.
	maxWriters = 16
)

// Config is how a Hub holds answers. Its zero value works.
type Config struct {
	// Max is how many answers are held at the same time (default 50,000). Beyond it a request is answered 503 with
	// Retry-After. A parked one costs about 1.5 KiB and a descriptor, one in a goroutine about 25 KiB.
	Max int
	// MaxPerClient is how many of them one client may have: beyond it 429 with Retry-After. 0: as many as there are places,
	// so that one client can take all of them.
	MaxPerClient int
	// Limited is called with the limit at which a request was refused: max-streams for Max, limit-streams for MaxPerClient. It
	// is called with a lock held and must not call the Hub. nil: nobody counts.
	Limited func(limit string)
	// ClientOf names the client of a request for MaxPerClient (default: the remote address without its port; behind a proxy
	// that is the proxy).
	ClientOf func(*http.Request) string

	// Keepalive is after how long without a byte an event stream is sent a comment (default 15 s). Twice that is how long
	// sent bytes may stand unacknowledged before the kernel gives a parked connection up.
	Keepalive time.Duration
	// WriteTimeout is how long a client may not take a single byte of what it is sent (default 5 s): then it is closed.
	WriteTimeout time.Duration
	// Ring is how many bytes of a topic's newest events are kept while it has event streams (default 64 KiB; the newest
	// event is kept whatever its size). A client further behind than that is reset, and so is everybody when a burst of
	// more than that is published faster than the writers run.
	Ring int
	// RingSum is how many bytes all rings may have together (default 64 MiB, at least two rings). Beyond it a topic that
	// publishes keeps its newest event alone, so that who reads slowly is reset sooner.
	RingSum int

	// Log hears of callbacks that panicked.
	Log zerolog.Logger
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Max <= 0 {
		c.Max = defaultMax
	}
	if c.MaxPerClient <= 0 {
		c.MaxPerClient = c.Max
	}
	if c.ClientOf == nil {
		c.ClientOf = remoteHost
	}
	if c.Limited == nil {
		c.Limited = func(string) {}
	}
	if c.Keepalive <= 0 {
		c.Keepalive = defaultKeepalive
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = defaultWriteTimeout
	}
	if c.Ring <= 0 {
		c.Ring = defaultRing
	}
	if c.RingSum <= 0 {
		c.RingSum = max(defaultRingSum, 2*c.Ring)
	}
	return c
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func writerCount() int { return min(max(runtime.GOMAXPROCS(0), 2), maxWriters) }
