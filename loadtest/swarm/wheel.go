package swarm

import "time"

// The wheel's slots are as wide as a loop's nap and span one second, beyond which a bot is called early and goes in again.
const (
	wheelSlots = 1024
	slotWidth  = time.Millisecond
)

// A wheel calls bots at their times, each bot in one slot: adding and taking cost the same for two bots and two thousand.
// Its zero value is ready.
type wheel struct {
	slots [wheelSlots][]*bot
	at    int64 // the slot to look into, counted from time 0
	taken int   // of its bots
}

// add puts a bot in for due, unless it is in already: then its earlier time stands.
func (w *wheel) add(b *bot, due time.Duration) {
	if b.queued {
		return
	}
	b.queued = true
	slot := min(max(int64(due/slotWidth), w.at+1), w.at+wheelSlots-1)
	s := &w.slots[slot%wheelSlots]
	*s = append(*s, b)
}

// next returns a bot whose slot has come by now, nil when there is no more.
func (w *wheel) next(now time.Duration) *bot {
	for until := int64(now / slotWidth); w.at <= until; {
		s := &w.slots[w.at%wheelSlots]
		if w.taken < len(*s) {
			b := (*s)[w.taken]
			w.taken++
			b.queued = false
			return b
		}
		*s = (*s)[:0]
		w.taken = 0
		w.at++
	}
	return nil
}
