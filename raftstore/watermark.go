package raftstore

import "sync"

// watermark is an index that only rises and that goroutines can wait for.
type watermark struct {
	// Guarded by mu.
	mu     sync.Mutex
	index  uint64
	raised chan struct{} // closed at the next raise; nil while nobody waits
}

func (w *watermark) raise(index uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.index = max(w.index, index)
	if w.raised != nil {
		close(w.raised)
		w.raised = nil
	}
}

func (w *watermark) get() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.index
}

// reached returns nil when index has been reached, else a channel that is
// closed when it is worth asking again.
func (w *watermark) reached(index uint64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.index >= index {
		return nil
	}
	if w.raised == nil {
		w.raised = make(chan struct{})
	}
	return w.raised
}
