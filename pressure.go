package ringside

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ringside-server/ringside/internal/admin"
	"github.com/ringside-server/ringside/internal/clock"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/pressure"
	"github.com/ringside-server/ringside/internal/sock"
)

// This file is where what a node can run out of meets the node.

// maxAbandoned is how many games' goroutines may run on that nobody waits for any more: each keeps a processor busy, perhaps for
// ever.
const maxAbandoned = 4

// clockTold is from which difference on it is said that the machine's clock was set.
const clockTold = 5 * time.Second

// shortOf says to clients what a node is short of.
var shortOf = map[string]string{
	pressure.NameMemory: "memory", pressure.NameFiles: "open files", pressure.NameDisk: "disk space",
	pressure.NameJournal: "a disk that keeps up", pressure.NameAbandoned: "processors",
}

// guard is what watches over a node's resources. It is made before the directory's matchmaker, which asks it.
type guard struct {
	n       *Node
	monitor *pressure.Monitor
	memory  *pressure.Memory
	relief  pressure.Relief
	soft    int64  // where the collector works harder
	from    string // who says how much memory there is
	undo    func()
	pace    *pressure.Pace

	collecting atomic.Bool

	// Owned by the monitor's goroutine.
	toldClock bool
	toldNone  time.Time // when it was said last that no room stands out
}

// newGuard reads everything once: a node that is short from the start says so before it serves.
func (n *Node) newGuard() (*guard, error) {
	g := &guard{n: n}
	limit, from := pressure.MemoryLimit(n.cfg.MaxMemory)
	g.from, g.memory = from, pressure.NewMemory(limit)
	disk, err := pressure.Disk(n.cfg.Data)
	if err != nil {
		return nil, err
	}
	g.soft, g.undo = pressure.GuideCollector(limit)
	g.relief = pressure.Relief{Weigh: n.weigh, EndGreediest: g.endGreediest, Collect: func() { g.collect(runtime.GC) }, Die: g.die}
	g.pace = pressure.NewPace(func() { g.collect(debug.FreeOSMemory) })
	g.monitor = pressure.New(pressure.Config{
		Sources: []pressure.Source{
			g.memory.Source(), pressure.Files(sock.FileLimit), disk,
			{Name: pressure.NameJournal, Do: "look at the disk: it is full, slow or broken; do not restart before it keeps up", Read: n.journalPressure},
			pressure.Count(pressure.NameAbandoned, "restart the node when it suits; ringside rooms -sort step shows the game", maxAbandoned, n.abandoned),
		},
		After: g.after, Log: n.cfg.Log,
	})
	return g, nil
}

// short names for clients what the node is short of, "" if nothing.
func (g *guard) short() string { return shortOf[g.monitor.Stopped()] }

// levels are what operators see.
func (g *guard) levels() []admin.Level {
	levels := g.monitor.Levels()
	out := make([]admin.Level, len(levels))
	for i, l := range levels {
		out[i] = admin.Level(l)
	}
	return out
}

// close gives back what is the process's and not the node's.
func (g *guard) close() {
	if g != nil {
		g.undo()
		g.pace.Close()
	}
}

// abandoned is how many goroutines did not come back from a game.
func (n *Node) abandoned() int {
	if n.cfg.abandoned != nil {
		return n.cfg.abandoned()
	}
	if n.host == nil {
		return 0
	}
	return int(n.host.Stats().GoroutinesAbandoned.Load())
}

// journalPressure is what waits for the disk. A disk that fails stops admission at once: rooms that are begun now would not be kept.
func (n *Node) journalPressure() pressure.Reading {
	r := pressure.Reading{Limit: journalPending, Stop: journalPending / 4 * 3, Go: journalPending / 2}
	if n.journal == nil { // it is being opened
		return r
	}
	s := n.journal.Stats()
	r.Used = uint64(max(s.Pending, 0))
	if s.Err != nil {
		r.Used, r.Why = r.Limit, s.Err.Error()
	}
	return r
}

// after follows each reading.
func (g *guard) after() (urgent bool) {
	g.sayClock()
	g.pace.Look(g.memory.Last(), time.Now())
	return g.relief.Look(g.memory.Last(), time.Now())
}

// sayClock says once that the machine's clock was set, and once that the node's has caught up with it.
func (g *guard) sayClock() {
	gap := g.n.clock.Gap()
	switch {
	case !g.toldClock && gap.Abs() >= clockTold:
		g.toldClock = true
		g.n.cfg.Log.Warn().Str("by", gap.Round(time.Second).String()).
			Msg("the machine's clock was set: seats and tickets go on by time that passes, and follow it slowly")
	case g.toldClock && gap == 0:
		g.toldClock = false
		g.n.cfg.Log.Info().Msg("seats and tickets go by the machine's clock again")
	}
}

func (n *Node) weigh(on bool) { n.host.Weigh(on) }

// noneEvery is how often it is said that memory is short and no room stands out.
const noneEvery = 10 * time.Second

func (g *guard) endGreediest(u pressure.Usage) (ended bool) {
	var room host.Greed
	room, ended = g.n.host.EndGreediest()
	switch now := time.Now(); {
	case ended:
		g.n.cfg.Log.Error().Str("room", room.Room).Str("game", room.Game).Uint64("bytes_per_second", uint64(room.Rate)).
			Uint64("used", u.Live).Uint64("limit", u.Limit).Msg("memory runs out: the room that allocates most is ended")
	case now.Sub(g.toldNone) >= noneEvery:
		g.toldNone = now
		g.n.cfg.Log.Error().Uint64("used", u.Live).Uint64("limit", u.Limit).Msg("memory runs out, and no room stands out")
	}
	return ended
}

// collect runs one kind of a collection beside the monitor, one at a time.
func (g *guard) collect(how func()) {
	if g.collecting.Swap(true) {
		return
	}
	g.n.running.Go(func() { // begun by one of its goroutines, so that nobody has stopped waiting for them yet
		how()
		g.collecting.Store(false)
	})
}

// die ends the process if a room's tick takes all memory and does not come back.
func (g *guard) die(u pressure.Usage) {
	room, ok := g.n.host.Storm()
	if !ok {
		return // a collection is late, or ending rooms helps
	}
	g.n.cfg.Log.Error().Str("room", room.Room).Str("game", room.Game).Uint64("held", u.Held).Uint64("limit", u.Limit).
		Msg("memory is gone and a tick does not come back: the process ends itself")
	room.Panic("one step takes all memory (" + humanize.IBytes(u.Held) + " of " + humanize.IBytes(u.Limit) + ") and does not come back")
}

// startClock begins the node's time where the log has got to, or at the wall clock if that is later.
func (n *Node) startClock() { n.clock = clock.New(n.cfg.wall, n.dir.Clock()) }
