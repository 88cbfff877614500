package swarm

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gobwas/ws"
)

// Histograms hold 1 µs to 2 min with three digits: 160 KiB each.
const (
	histMax    = int64(2 * time.Minute / time.Microsecond)
	histDigits = 3
)

// A lane is a set of bots with one owner, and what they saw. On Linux its owner is one loop; elsewhere whoever
// holds owner.
type lane struct {
	swarm *swarm
	bots  []*bot     // all made before the owner starts
	owner sync.Mutex // where each bot has a goroutine: held by the one that acts

	// The window of measurement, in the swarm's time; set by Run, read by the owner.
	from, to atomic.Int64

	// Read by anybody.
	frames      atomic.Uint64 // states
	joins       atomic.Int64
	disconnects atomic.Int64
	left        atomic.Int64

	// Owned by the lane's owner.
	latency *hdrhistogram.Histogram // input to state, µs
	gaps    *hdrhistogram.Histogram // state to state, µs
	bytes   uint64                  // of states
	inputs  uint64

	sentBytes uint64
	strip     strip // second by second

	// Guarded by mu: sockets on their way into the lane.
	mu      sync.Mutex
	arrived []arrival
	leave   bool // everybody is to go
	asks    []func()
}

// An arrival is a socket for a bot, or the news that there is none.
type arrival struct {
	bot   *bot
	conn  socket
	early []byte
	err   error
}

// record puts d into h, capped at what h can hold.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(int64(d/time.Microsecond), histMax)) // cannot fail within the bounds
}

func newLane(s *swarm) *lane {
	l := &lane{
		swarm:   s,
		latency: hdrhistogram.New(1, histMax, histDigits),
		gaps:    hdrhistogram.New(1, histMax, histDigits),
	}
	l.from.Store(int64(never))
	l.to.Store(int64(never))
	return l
}

func (l *lane) measuring(now time.Duration) bool {
	return int64(now) >= l.from.Load() && int64(now) < l.to.Load()
}

// arrive hands the lane a socket.
func (l *lane) arrive(a arrival) {
	l.mu.Lock()
	l.arrived = append(l.arrived, a)
	l.mu.Unlock()
}

// take returns what has arrived, and whether everybody is to leave. The slice is the caller's until its next take.
func (l *lane) take(into []arrival) ([]arrival, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	into = append(into[:0], l.arrived...)
	clear(l.arrived)
	l.arrived = l.arrived[:0]
	leave := l.leave
	l.leave = false
	return into, leave
}

func (l *lane) sendHome() {
	l.mu.Lock()
	l.leave = true
	l.mu.Unlock()
}

// ask has the lane's owner call fn, and waits until it has. The owner must be running.
func (l *lane) ask(fn func()) {
	if l.swarm.cfg.goroutines {
		l.owner.Lock()
		defer l.owner.Unlock()
		fn()
		return
	}
	done := make(chan struct{})
	l.mu.Lock()
	l.asks = append(l.asks, func() { fn(); close(done) })
	l.mu.Unlock()
	<-done
}

// asked calls what was asked for.
func (l *lane) asked() {
	l.mu.Lock()
	asks := l.asks
	l.asks = nil
	l.mu.Unlock()
	for _, fn := range asks {
		fn()
	}
}

// failed notes that a bot could not open a socket.
func (b *bot) failed(now time.Duration, err error) {
	if b.leaving {
		b.over = true
		return
	}
	if !b.joined && !errors.Is(err, ws.StatusError(http.StatusServiceUnavailable)) { // a busy server is asked again
		b.lane.swarm.joinFailed(b, err)
		b.over = true
		return
	}
	b.trial.lost(cause(err))
	b.core.Lost(now, 0, err.Error())
	b.again(now)
}
