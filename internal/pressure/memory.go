package pressure

import (
	"math"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Shares of the limit at which something happens.
const (
	weighShare    = 0.80 // ticks are weighed from here on, so that it is known who allocates when it matters
	memoryStop    = 0.85
	memoryGo      = 0.80
	endShare      = 0.92 // the greediest room ends
	noMemoryLimit = math.MaxInt64
)

// Usage is memory in bytes.
type Usage struct {
	// Live is what a collection would leave, as of the last one: live objects, and all that is no heap (stacks, the runtime's own).
	Live uint64
	// Held is what the process has from the system and has not given back, garbage included.
	Held uint64
	// Limit is where the process would be ended; 0: unknown.
	Limit uint64
	// Cycles counts collections: Live is news when it has grown.
	Cycles uint64
}

// Memory reads the process's memory.
type Memory struct {
	// Immutable after NewMemory.
	limit uint64

	// Owned by who reads.
	samples []metrics.Sample
	last    Usage
}

// Indices of Memory.samples.
const (
	mTotal = iota
	mReleased
	mObjects
	mFree
	mUnused
	mLive
	mCycles
)

// NewMemory is for a process that may have so many bytes; 0: nobody knows.
func NewMemory(limit uint64) *Memory {
	m := &Memory{limit: limit}
	for _, name := range []string{
		mTotal: "/memory/classes/total:bytes", mReleased: "/memory/classes/heap/released:bytes",
		mObjects: "/memory/classes/heap/objects:bytes", mFree: "/memory/classes/heap/free:bytes",
		mUnused: "/memory/classes/heap/unused:bytes", mLive: "/gc/heap/live:bytes", mCycles: "/gc/cycles/total:gc-cycles",
	} {
		m.samples = append(m.samples, metrics.Sample{Name: name})
	}
	return m
}

// Read asks the runtime, for some microseconds, and allocates nothing.
func (m *Memory) Read() Usage {
	metrics.Read(m.samples)
	at := func(i int) uint64 {
		if m.samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return m.samples[i].Value.Uint64()
	}
	held := at(mTotal) - min(at(mReleased), at(mTotal))
	// Counting what is held would stop admission for garbage: the collector lets the heap grow to its limit, as it should.
	heap := at(mObjects) + at(mFree) + at(mUnused)
	m.last = Usage{Live: held - min(heap, held) + min(at(mLive), at(mObjects)), Held: held, Limit: m.limit, Cycles: at(mCycles)}
	return m.last
}

// Last is what Read returned last, for the goroutine that reads.
func (m *Memory) Last() Usage { return m.last }

// Limit is how many bytes the process may have; 0: nobody knows.
func (m *Memory) Limit() uint64 { return m.limit }

// Source stops admission at 85 % of the limit, and lets it go on below 80 %.
func (m *Memory) Source() Source {
	return Source{
		Name: NameMemory, Do: "end rooms (ringside rooms -sort step), lower -max-rooms, or give the node more memory (-max-memory says how much it has)",
		Read: func() Reading {
			u := m.Read()
			return Reading{Used: u.Live, Limit: u.Limit}.shares(memoryStop, memoryGo)
		},
	}
}

// MemoryLimit is how many bytes this process may have, and who says so: asked if it is not 0, GOMEMLIMIT (or whatever else has set
// the runtime's limit), the cgroup, or the machine. 0: nobody says.
func MemoryLimit(asked uint64) (limit uint64, from string) {
	if asked > 0 {
		return asked, "-max-memory"
	}
	if soft := debug.SetMemoryLimit(-1); soft != noMemoryLimit {
		return uint64(max(soft, 0)), "GOMEMLIMIT"
	}
	machine, err := memlimit.FromSystem()
	if err != nil {
		machine = 0
	}
	if group, err := memlimit.FromCgroup(); err == nil && group > 0 && (machine == 0 || group < machine) {
		return group, "cgroup"
	}
	if machine == 0 {
		return 0, "unknown"
	}
	return machine, "machine"
}

// GuideCollector has Go's collector keep the process below 90 % of a limit, unless it has been told another bound already, and
// returns a function that takes that back. The bound is one of the process, not of a node.
func GuideCollector(limit uint64) (soft int64, undo func()) {
	if soft = debug.SetMemoryLimit(-1); soft != noMemoryLimit || limit == 0 || limit > noMemoryLimit {
		return soft, func() {}
	}
	soft = int64(limit / 10 * 9)
	debug.SetMemoryLimit(soft)
	return soft, func() {
		if debug.SetMemoryLimit(-1) == soft { // nobody else has set another since
			debug.SetMemoryLimit(noMemoryLimit)
		}
	}
}
