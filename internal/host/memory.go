package host

import (
	"context"
	"fmt"
	"math"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// Who is to blame when memory runs out. While somebody asks for it (Weigh) each tick stands between two readings of what the whole
// process has allocated, and the difference is its room's: exact with one worker, and with several the guilty room still has the
// most. What a room holds cannot be known; what it allocates can, and a room that holds much without allocating is not the one that
// makes memory run out now.

const (
	appetiteOver = 2 * time.Second // rates are averages of about the last so much
	greedyShare  = 0.25            // of all that is allocated: below it no room stands out
	greedyLeast  = 16 << 20        // bytes a second: below it another room's end would change nothing
	stormAfter   = 100 * time.Millisecond
)

// greedyText is what the players of a room read that was ended for memory, with 4012.
const greedyText = "the game needs more memory than the node has"

// A Greed is a room that allocates much.
type Greed struct {
	Room, Game string
	Epoch      uint32
	Rate       float64 // bytes a second, garbage included
	All        float64 // of the whole process
}

// appetite is how fast a room allocates. Its worker writes it, everybody may read it.
type appetite struct {
	at   atomic.Int64  // host clock
	rate atomic.Uint64 // bytes a second as of then, a float64's bits
}

// add counts n bytes at a time.
func (a *appetite) add(n uint64, now int64) {
	a.rate.Store(math.Float64bits(a.read(now) + float64(n)/appetiteOver.Seconds()))
	a.at.Store(now)
}

// read is the rate at a time: it halves while nothing is added.
func (a *appetite) read(now int64) float64 {
	passed := time.Duration(max(now-a.at.Load(), 0))
	return math.Float64frombits(a.rate.Load()) * math.Exp(-passed.Seconds()/appetiteOver.Seconds())
}

// larder is what the process allocates.
type larder struct {
	open atomic.Bool // ticks are weighed

	mu sync.Mutex
	// Guarded by mu.
	bytes uint64 // allocated when it was looked at last
	at    int64  // host clock
}

// heapAllocs is one reading of the runtime's; its memory is the caller's, so that a tick does not allocate for it.
type heapAllocs [1]metrics.Sample

func (s *heapAllocs) read() uint64 {
	s[0].Name = "/gc/heap/allocs:bytes"
	metrics.Read(s[:])
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// Weigh(true) has the host find out how much memory each room's ticks allocate, for about a microsecond a tick, until Weigh(false).
func (h *Host) Weigh(on bool) {
	var s heapAllocs
	h.larder.mu.Lock()
	h.larder.bytes, h.larder.at = s.read(), h.now()
	h.larder.mu.Unlock()
	h.larder.open.Store(on)
}

// allocated is what the process has allocated, for weigh; 0 while nobody weighs.
func (p *pilot) allocated() uint64 {
	if !p.host.larder.open.Load() {
		return 0
	}
	return p.heap.read()
}

// weigh gives a room what was allocated since before, during its tick.
func (p *pilot) weigh(h *hosted, before uint64) {
	if before != 0 {
		h.appetite.add(p.heap.read()-before, p.host.now())
	}
}

// EndGreediest ends the room that allocates most, as its game's panic would: 4012 to its players, a fault file. It does nothing
// unless that room has a quarter of all that is allocated and 16 MiB a second. The room ends when its worker next looks at its mail.
func (h *Host) EndGreediest() (g Greed, ended bool) {
	var s heapAllocs
	now, bytes := h.now(), s.read()
	h.larder.mu.Lock()
	g.All = float64(bytes-h.larder.bytes) / max(time.Duration(now-h.larder.at).Seconds(), 0.001)
	h.larder.bytes, h.larder.at = bytes, now
	h.larder.mu.Unlock()
	var worst *hosted
	h.mu.RLock()
	for _, r := range h.rooms {
		if rate := r.appetite.read(now); r.state == running && rate > g.Rate {
			worst, g.Rate = r, rate
		}
	}
	h.mu.RUnlock()
	if worst == nil {
		return g, false
	}
	g.Room, g.Game, g.Epoch = worst.Room, worst.Game, worst.Epoch
	if g.Rate < greedyLeast || g.Rate < greedyShare*g.All {
		return g, false
	}
	worst.post(errand{ask: func(w *worker, r *hosted, err error) {
		if err == nil {
			w.endGreedy(r)
		}
	}})
	return g, true
}

// endGreedy ends a room for its memory. The journal has it, so that the room does not come back and do it again.
func (w *worker) endGreedy(r *hosted) {
	if r.room == nil || r.over || r.room.Ended() != nil {
		return
	}
	_, checkpoint, records := r.room.Journal()
	fault := &engine.Fault{
		Tick: r.room.TickNow(), Panic: greedyText,
		Checkpoint: append([]byte(nil), checkpoint...), Records: append([]byte(nil), records...),
	}
	r.room.Close(wire.CloseFault, greedyText)
	r.room.Ended().Fault = fault
	if r.journal != nil {
		r.keep(r.room)
	}
	w.finish(r)
}

// Storm is the room that has been in one tick for a tenth of a second or longer, the longest of them if there are several: when
// memory runs out meanwhile, nothing but the end of the process stops it. If there is none it is the room that was given up last and
// whose game has not come back: it is over, but what it takes it still takes.
func (h *Host) Storm() (g Greed, ok bool) {
	now, longest := h.now(), int64(stormAfter)
	accuse := func(r *hosted, began int64) {
		if began != 0 && r != nil && now-began >= longest {
			longest, ok = now-began, true
			g = Greed{Room: r.Room, Game: r.Game, Epoch: r.Epoch, Rate: r.appetite.read(now)}
		}
	}
	for _, w := range h.workers {
		accuse(w.subject.Load(), w.stepping.Load())
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.rooms {
		accuse(r, r.aloft.Load())
	}
	h.strand.mu.Lock()
	defer h.strand.mu.Unlock()
	if n := len(h.strand.rooms); n > 0 && !ok {
		r := h.strand.rooms[n-1].room
		g, ok = Greed{Room: r.Room, Game: r.Game, Epoch: r.Epoch, Rate: r.appetite.read(now)}, true
	}
	return g, ok
}

// Panic ends the process on behalf of a room, with a text, before the kernel does it on behalf of nobody. The goroutine that panics
// wears the room's labels: whoever reads what a crash leaves finds the room in it.
func (g *Greed) Panic(text string) {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("game", g.Game, "room", g.Room, "epoch", strconv.FormatUint(uint64(g.Epoch), 10)))
	go func() { // nobody waits for it: it ends everything
		pprof.SetGoroutineLabels(ctx)
		panic(fmt.Sprintf("room %s (epoch %d) of game %q: %s", g.Room, g.Epoch, g.Game, text))
	}()
}
