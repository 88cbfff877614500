package matchmaker

import (
	"slices"
	"sync"
	"time"
)

// recentWaits is how many matched tickets of a queue the median is taken of.
const recentWaits = 100

// TicketStats is what the queues count.
type TicketStats struct {
	Waiting int // tickets, now
	Live    int // those and the ones whose match may still fall through
	Settled int // that are still known

	// Since this Matchmaker was made.
	Created, Matched, Cancelled, Expired, Failed uint64
	Requeued                                     uint64 // matches that fell through, counted by ticket
	Passes                                       uint64

	LastPass   time.Duration // how long the last pass took
	MedianWait time.Duration // of the last 100 matched tickets of each queue; 0: there was none
}

// TicketStats returns the counts.
func (m *Matchmaker) TicketStats() TicketStats {
	st := m.matching.counts.stats()
	m.dir.mu.RLock()
	defer m.dir.mu.RUnlock()
	x := &m.dir.t.tickets
	st.Waiting, st.Live, st.Settled = x.due.len, x.alive, x.settled.len
	return st
}

// ticketCounts is what a Matchmaker has seen happen to tickets.
type ticketCounts struct {
	mu    sync.Mutex
	total TicketStats // the fields that only this knows
	waits map[string]*waitRing
}

func (c *ticketCounts) init(queues []Queue) {
	c.waits = make(map[string]*waitRing, len(queues))
	for i := range queues {
		c.waits[queues[i].Name] = &waitRing{}
	}
}

// change counts one step of a ticket.
func (c *ticketCounts) change(old, next *Ticket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old == nil {
		c.total.Created++
		return
	}
	if old.State == next.State {
		return
	}
	switch next.State {
	case TicketWaiting:
		c.total.Requeued++
	case TicketMatched:
		c.total.Matched++
		if ring := c.waits[next.Queue]; ring != nil {
			ring.add(next.Found - next.Created)
		}
	case TicketCancelled:
		c.total.Cancelled++
	case TicketExpired:
		c.total.Expired++
	case TicketFailed:
		c.total.Failed++
	}
}

func (c *ticketCounts) pass(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Passes++
	c.total.LastPass = took
}

func (c *ticketCounts) stats() TicketStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.total
	var all []int64
	for _, ring := range c.waits {
		all = append(all, ring.recent()...)
	}
	st.MedianWait = median(all)
	return st
}

// medianWait returns how long the last matched tickets of a queue had waited;
// false if there was none.
func (c *ticketCounts) medianWait(queue string) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ring := c.waits[queue]
	if ring == nil || ring.n == 0 {
		return 0, false
	}
	return median(slices.Clone(ring.recent())), true
}

// waitRing holds the last waits in milliseconds.
type waitRing struct {
	ms [recentWaits]int64
	n  int // ever added
}

func (r *waitRing) add(ms int64) {
	r.ms[r.n%recentWaits] = ms
	r.n++
}

func (r *waitRing) recent() []int64 { return r.ms[:min(r.n, recentWaits)] }

// median sorts its argument. The lower of two middle ones is the median.
func median(ms []int64) time.Duration {
	if len(ms) == 0 {
		return 0
	}
	slices.Sort(ms)
	return time.Duration(ms[(len(ms)-1)/2]) * time.Millisecond
}
