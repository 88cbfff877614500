package journal

import (
	"fmt"
	"testing"
	"time"
)

// crowd is n rooms at 20 Hz with records of 200 bytes and a checkpoint of 3 KiB a second, each at its own tick of it.
type crowd struct {
	writers    []*Writer
	base       []uint32
	tick       uint32
	checkpoint []byte
	records    []byte
}

func newCrowd(s *Store, n int) *crowd {
	c := &crowd{checkpoint: make([]byte, 3<<10), records: make([]byte, 20*200), base: make([]uint32, n)}
	for i := range n {
		c.writers = append(c.writers, s.Begin(fmt.Sprintf("room-%016d", i), 1))
	}
	return c
}

// next makes one tick of all rooms.
func (c *crowd) next() {
	c.tick++
	for i, w := range c.writers {
		if (c.tick+uint32(i))%20 == 0 {
			c.base[i] = c.tick
		}
		w.Ticked(c.tick, c.base[i], c.checkpoint, c.records[:200*(c.tick-c.base[i])])
	}
}

func TestTickedDoesNotAllocate(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	c := newCrowd(s, 50)
	large := s.Begin("large", 1)
	checkpoint := make([]byte, 2*chunkSize)
	round := func() {
		c.next()
		large.Ticked(c.tick, c.tick, checkpoint, nil)
		if c.tick%10 == 0 {
			mustSync(t, s)
		}
	}
	for range 200 { // each segment's spans, batches and chunks grow to what they need
		round()
	}
	// Sync itself makes a channel; that is all a round of 51 rooms may cost.
	if got := testing.AllocsPerRun(200, round); got >= 1 {
		t.Errorf("a tick of 51 rooms: %v allocations, want 0", got)
	}
	mustClose(t, s)
}

// BenchmarkTicked is a second of 2,000 rooms, as fast as it goes; core-% is what they cost of one core at 20 Hz, the
// flusher's writes excluded as far as they run beside.
func BenchmarkTicked(b *testing.B) {
	s := mustOpen(b, Config{Dir: b.TempDir(), MaxPending: 64 << 20})
	c := newCrowd(s, 2000)
	for range 20 {
		c.next()
		mustSync(b, s)
	}
	b.ReportAllocs()
	var spent time.Duration
	calls := 0
	for b.Loop() {
		began := time.Now()
		c.next()
		spent += time.Since(began)
		calls += len(c.writers)
		b.StopTimer()
		mustSync(b, s)
		b.StartTimer()
	}
	per := float64(spent.Nanoseconds()) / float64(calls)
	b.ReportMetric(per, "ns/call")
	b.ReportMetric(per*2000*20/1e9*100, "core-%")
	mustClose(b, s)
}
