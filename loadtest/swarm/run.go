package swarm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/sock"
)

const (
	// botsPerLoop is from where a second loop is worth its processor.
	botsPerLoop = 1000
	maxLoops    = 2
	// dialers is how many handshakes run at once.
	dialers = 64
	// warmUp is how long everybody plays before anything is measured.
	warmUp = time.Second
	// idleFor is how long the server is watched before it has anything to do.
	idleFor = time.Second
	// joinWithin is how long all bots together may take to be welcomed: a seat's token is good for 30 s.
	joinWithin = 30 * time.Second
	// leaveWithin is how long the server may take to close the sockets of those who left.
	leaveWithin = 3 * time.Second
	// refresh is how often Progress is told.
	refresh = 200 * time.Millisecond
)

// A swarm is one run.
type swarm struct {
	cfg     Config
	origin  time.Time
	runID   uint64
	seeds   *rand.Rand // of the bots' own
	schemas client.Schemas
	faults  faults
	lanes   []*lane

	dialCtx    context.Context
	turn       chan struct{} // capacity dialers
	dialing    sync.WaitGroup
	joinErrors atomic.Int64
	watch      func()          // called from during; nil: nothing to watch
	events     []Event         // of the goroutine that runs
	windowAt   time.Duration   // start of the window
	harmed     atomic.Bool     // by us: that sockets die is no fault then
	epochs     []atomic.Uint32 // of each room, the newest seen
	overlaps   atomic.Int64
}

// ErrNobody is returned by Run when no bot at all was welcomed: there is nothing to measure.
var ErrNobody = errors.New("no bot could join")

// Run plays one load test and reports. The error says that it could not be run at all; what went wrong while it ran is in
// Report.Errors. When ctx ends, the run ends as well, with the report so
// far, which says Interrupted. It sets GOMAXPROCS while it runs.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	if err := sock.RaiseFileLimit(uint64(cfg.Rooms*cfg.Players) + 256); err != nil {
		return nil, err
	}
	s := &swarm{cfg: cfg, origin: time.Now(), seeds: rand.New(rand.NewPCG(cfg.Seed, 0)), runID: rand.Uint64(), turn: make(chan struct{}, dialers)}
	s.faults.log = cfg.Log
	s.epochs = make([]atomic.Uint32, cfg.Rooms)
	if err := checkGame(ctx, cfg.URL, cfg.APIKey, cfg.Game, cfg.Players); err != nil {
		return nil, err
	}
	idle := s.watchIdle(ctx)
	seats, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	s.makeBots(seats)
	stop, err := s.startLoops()
	if err != nil {
		return nil, err
	}
	defer stop()
	var cancel context.CancelFunc
	s.dialCtx, cancel = context.WithCancel(ctx)
	s.join(ctx)
	var w window
	if s.joined() > 0 {
		w, err = s.measure(ctx)
		s.sendHome()
	}
	cancel()
	stop()
	s.dialing.Wait()
	if w.took == 0 && ctx.Err() == nil {
		s.faults.hush()
		return nil, fmt.Errorf("%w:\n  %s", ErrNobody, strings.Join(s.faults.all(), "\n  "))
	}
	r := s.report(w, idle)
	r.Interrupted = ctx.Err() != nil
	return r, err
}

func (s *swarm) now() time.Duration { return time.Since(s.origin) }

func (s *swarm) size() int { return s.cfg.Rooms * s.cfg.Players }

// makeBots deals the rooms out to the lanes.
func (s *swarm) makeBots(seats [][]client.Seat) {
	n := min(maxLoops, 1+(s.size()-1)/botsPerLoop)
	for range n {
		s.lanes = append(s.lanes, newLane(s))
	}
	for room := range seats {
		for _, seat := range seats[room] {
			newBot(s.lanes[room%n], room, seat)
		}
	}
}

// startLoops runs the lanes; stop ends them and waits, and may be called twice.
func (s *swarm) startLoops() (stop func(), err error) {
	if s.cfg.goroutines {
		return sync.OnceFunc(func() {
			for _, l := range s.lanes {
				l.hangUp()
			}
		}), nil
	}
	loops := make([]*loop, len(s.lanes))
	for i, l := range s.lanes {
		if loops[i], err = newLoop(l); err != nil {
			return nil, err
		}
	}
	before := runtime.GOMAXPROCS(runtime.NumCPU() + len(loops))
	stopped := make(chan struct{})
	var done sync.WaitGroup
	for _, l := range loops {
		done.Go(func() { l.run(stopped) })
	}
	return sync.OnceFunc(func() {
		close(stopped)
		done.Wait()
		runtime.GOMAXPROCS(before)
	}), nil
}

// dial opens a socket for b when it is time and hands it to b's lane.
func (s *swarm) dial(b *bot, n client.Next) {
	s.dialing.Go(func() {
		if wait := n.At - s.now(); wait > 0 && !pause(s.dialCtx, wait) {
			return
		}
		select {
		case s.turn <- struct{}{}:
		case <-s.dialCtx.Done():
			return
		}
		conn, early, err := opener.Open(s.dialCtx, n.URL)
		<-s.turn
		switch {
		case err == nil && s.cfg.goroutines:
			s.drive(b, conn, early)
		case err == nil:
			fd, err := detach(conn)
			b.lane.arrive(arrival{bot: b, conn: fd, early: early, err: err})
		case !s.cfg.goroutines:
			b.lane.arrive(arrival{bot: b, err: err})
		default:
			b.lane.owner.Lock()
			b.failed(s.now(), err)
			b.lane.owner.Unlock()
		}
	})
}

func (s *swarm) joinFailed(b *bot, err error) {
	s.joinErrors.Add(1)
	b.fault("join: "+cause(err), "")
}

// join opens all sockets and waits until everybody is welcomed, cannot be, or took too long.
func (s *swarm) join(ctx context.Context) {
	for _, l := range s.lanes {
		for _, b := range l.bots {
			s.dial(b, b.core.NextDial(0))
		}
	}
	s.during(ctx, "joining", s.cfg.joinWithin, func() bool {
		return s.joined()+int(s.joinErrors.Load()) >= s.size()
	})
	if s.joined() > 0 {
		s.during(ctx, "warming up", s.cfg.warmUp, func() bool { return false })
	}
}

func (s *swarm) joined() (n int) {
	for _, l := range s.lanes {
		n += int(l.joins.Load())
	}
	return n
}

func (s *swarm) disconnects() (n int) {
	for _, l := range s.lanes {
		n += int(l.disconnects.Load())
	}
	return n
}

func (s *swarm) frames() (n uint64) {
	for _, l := range s.lanes {
		n += l.frames.Load()
	}
	return n
}

// during tells of progress until the time is over, done says so or ctx ends.
func (s *swarm) during(ctx context.Context, phase string, d time.Duration, done func() bool) {
	start := time.Now()
	for {
		elapsed := time.Since(start)
		s.cfg.Progress(Progress{
			Phase: phase, Elapsed: min(elapsed, d), Of: d, Joined: s.joined(), Bots: s.size(), Frames: s.frames(), Faults: s.faults.number(),
		})
		if s.watch != nil {
			s.watch()
		}
		if elapsed >= d || done() || !pause(ctx, min(refresh, d-elapsed)) {
			return
		}
	}
}

// A window is what was measured from outside the lanes.
type window struct {
	took          time.Duration
	cpu           time.Duration
	before, after *sample // of the server; nil: unknown
	chaos         *ChaosReport
	from          time.Duration
	samples       []*sample // one a point of the time line
}

// measure opens the window for the lanes and closes it again.
func (s *swarm) measure(ctx context.Context) (w window, err error) {
	w.before = s.sample(ctx)
	cpu, from := sock.CPUTime(), s.now()
	w.from = from
	s.windowAt = from
	for _, l := range s.lanes {
		if s.cfg.Timeline {
			l.ask(func() { l.strip = newStrip(from, s.windowLength()) })
		}
		l.from.Store(int64(from))
	}
	s.watch = s.watcher(ctx, &w)
	if s.cfg.Chaos != nil {
		w.chaos, err = s.harm(ctx)
	} else {
		s.during(ctx, "measuring", s.cfg.Duration, func() bool { return false })
	}
	s.watch = nil
	to := s.now()
	for _, l := range s.lanes {
		l.to.Store(int64(to))
	}
	w.took, w.cpu = to-from, sock.CPUTime()-cpu
	w.after = s.sample(context.WithoutCancel(ctx)) // bounded by its own timeout
	if s.cfg.Chaos != nil {
		w.before = nil // another process, whose counters began anew
	}
	return w, err
}

// windowLength is how long the measurement takes at most.
func (s *swarm) windowLength() time.Duration {
	if c := s.cfg.Chaos; c != nil {
		return time.Duration(c.Trials) * (2*c.between + c.giveUp)
	}
	return s.cfg.Duration
}

// watcher returns what reads the server's metrics for the time line, to be called often; nil without a time line.
func (s *swarm) watcher(ctx context.Context, w *window) func() {
	if !s.cfg.Timeline {
		return nil
	}
	step := newStrip(0, s.windowLength()).step
	return func() {
		if due := s.now() - w.from; len(w.samples) <= maxPoints && due >= time.Duration(len(w.samples))*step {
			w.samples = append(w.samples, s.sample(ctx))
		}
	}
}

// An Event is something that happened to the server, for the time line.
type Event struct {
	At   time.Duration // in the window
	Text string
}

func (s *swarm) event(text string) {
	s.events = append(s.events, Event{At: s.now() - s.windowAt, Text: text})
}

// sendHome gives all seats up, so that the rooms end by themselves.
func (s *swarm) sendHome() {
	want := 0
	for _, l := range s.lanes {
		want += int(l.joins.Load())
		if s.cfg.goroutines {
			l.allLeave()
		} else {
			l.sendHome()
		}
	}
	s.during(context.Background(), "leaving", leaveWithin, func() bool {
		left := s.disconnects()
		for _, l := range s.lanes {
			left += int(l.left.Load())
		}
		return left >= want
	})
}
