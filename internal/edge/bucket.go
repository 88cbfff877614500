package edge

import (
	"container/list"
	"sync"
	"time"
)

// A bucket limiter gives each key a rate and a burst. Of a key it keeps one time, the one at which its bucket will be full
// again (the generic cell rate algorithm): a key whose time has come is as good as one that was never seen, and forgetting it
// loses nothing. The table is bounded; when it is full of keys that are all busy, the one that was quiet for longest is
// forgotten and gets a full bucket too early. The other way, to refuse whom there is no room for, would let whoever has many
// addresses lock everybody else out.
type bucket[K comparable] struct {
	// Immutable.
	interval time.Duration // between two tokens
	depth    time.Duration // the time a full bucket takes to fill
	max      int

	mu sync.Mutex
	// Guarded by mu.
	entries map[K]*list.Element
	order   list.List // of *bucketEntry[K], the least recently used at the back
}

type bucketEntry[K comparable] struct {
	key  K
	full time.Time
}

// newBucket returns nil, which lets everything through, for a rate of 0.
func newBucket[K comparable](perSecond float64, burst, entries int) *bucket[K] {
	if perSecond <= 0 {
		return nil
	}
	interval := time.Duration(float64(time.Second) / perSecond)
	return &bucket[K]{
		interval: interval, depth: time.Duration(burst) * interval, max: entries, entries: make(map[K]*list.Element),
	}
}

// take takes a token of key's, or says after what time there will be one.
func (b *bucket[K]) take(key K, now time.Time) (wait time.Duration) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	e := b.entry(key)
	full := e.full
	if full.Before(now) {
		full = now
	}
	if wait = full.Add(b.interval).Sub(now) - b.depth; wait > 0 {
		return wait
	}
	e.full = full.Add(b.interval)
	return 0
}

// wait says after what time there will be a token, without taking one.
func (b *bucket[K]) wait(key K, now time.Time) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	el, ok := b.entries[key]
	if !ok {
		return 0
	}
	return max(el.Value.(*bucketEntry[K]).full.Add(b.interval).Sub(now)-b.depth, 0)
}

// entry returns key's entry as the most recently used one.
func (b *bucket[K]) entry(key K) *bucketEntry[K] {
	if el, ok := b.entries[key]; ok {
		b.order.MoveToFront(el)
		return el.Value.(*bucketEntry[K])
	}
	if len(b.entries) >= b.max {
		b.drop(b.order.Back())
	}
	e := &bucketEntry[K]{key: key}
	b.entries[key] = b.order.PushFront(e)
	return e
}

// forget drops up to two idle entries: more than one call can add, so that the table shrinks when a flood is over.
func (b *bucket[K]) forget(now time.Time) {
	for range 2 {
		el := b.order.Back()
		if el == nil || el.Value.(*bucketEntry[K]).full.After(now) {
			return
		}
		b.drop(el)
	}
}

func (b *bucket[K]) drop(el *list.Element) {
	b.order.Remove(el)
	delete(b.entries, el.Value.(*bucketEntry[K]).key)
}

func (b *bucket[K]) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.entries)
}
