package matchmaker

import linked "container/list"

// fifo is a queue whose entries are also found, and taken out, by key. Entries are never changed. The zero value is empty.
type fifo[K comparable, V any] struct {
	at    map[K]*linked.Element
	order linked.List // of fifoEntry[K, V], oldest first
}

type fifoEntry[K comparable, V any] struct {
	key   K
	value V
}

func (f *fifo[K, V]) len() int { return len(f.at) }

func (f *fifo[K, V]) get(k K) (v V, ok bool) {
	if e := f.at[k]; e != nil {
		return entryOf[K, V](e).value, true
	}
	return v, false
}

// push adds an entry at the end; k must not be in the queue.
func (f *fifo[K, V]) push(k K, v V) {
	if f.at == nil {
		f.at = map[K]*linked.Element{}
	}
	f.at[k] = f.order.PushBack(fifoEntry[K, V]{k, v})
}

// remove takes an entry out and returns it.
func (f *fifo[K, V]) remove(k K) (v V, ok bool) {
	e := f.at[k]
	if e == nil {
		return v, false
	}
	delete(f.at, k)
	return entryOf[K, V](e).value, f.order.Remove(e) != nil
}

func (f *fifo[K, V]) oldest() (v V, ok bool) {
	if e := f.order.Front(); e != nil {
		return entryOf[K, V](e).value, true
	}
	return v, false
}

// values returns all entries, oldest first.
func (f *fifo[K, V]) values() []V {
	out := make([]V, 0, len(f.at))
	for e := f.order.Front(); e != nil; e = e.Next() {
		out = append(out, entryOf[K, V](e).value)
	}
	return out
}

// newest returns, oldest first, the entries behind the newest one that seen says yes to.
func (f *fifo[K, V]) newest(seen func(V) bool) []V {
	e := f.order.Back()
	for e != nil && !seen(entryOf[K, V](e).value) {
		e = e.Prev()
	}
	if e == nil {
		return f.values()
	}
	var out []V
	for e = e.Next(); e != nil; e = e.Next() {
		out = append(out, entryOf[K, V](e).value)
	}
	return out
}

func entryOf[K comparable, V any](e *linked.Element) fifoEntry[K, V] {
	entry, _ := e.Value.(fifoEntry[K, V])
	return entry
}
