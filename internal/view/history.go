package view

// HistoryLen is how many recent views a room keeps at most: 1.6 s at 20 Hz. A client that resumes within that time, or one that
// could not be sent a few ticks, gets a delta; beyond it a snapshot.
const HistoryLen = 32

// trimEvery is after how many views frames are let go that were not needed in all that time: 13 s at 20 Hz, so that clients whose
// acknowledgements waver, or a machine that does, make none that the next seconds would make again.
const trimEvery = 256

// A History is the ring of a room's recent shared views, the bases of deltas. It is owned by its room. The room says which of them
// anybody may still stand on (Forget): where acknowledgements come, that is the newest two or three, and thirty more would be most
// of what a room weighs.
type History struct {
	frames [HistoryLen]*Frame
	count  int      // frames kept
	head   int      // where the newest stands
	spare  []*Frame // not kept: what Next hands out first
	least  int      // of spare since the last trim
	trim   int      // commits until the next
}

// NewHistory returns an empty ring. Frames are made when first needed.
func NewHistory() *History { return &History{head: -1, trim: trimEvery} }

// Forget lets go of the views before tick, but not of the newest.
func (h *History) Forget(tick uint32) {
	for h.count > 1 && h.back(h.count-1).Tick < tick {
		h.drop()
	}
}

// drop makes the oldest view a spare frame.
func (h *History) drop() {
	i := (h.head - h.count + 1 + HistoryLen) % HistoryLen
	h.spare = append(h.spare, h.frames[i])
	h.frames[i] = nil
	h.count--
}

// Next returns the frame to record into, emptied. It may be that of the oldest view. Commit makes it the newest.
func (h *History) Next(l *Layout) *Frame {
	if h.count == HistoryLen {
		h.drop()
	}
	i := (h.head + 1) % HistoryLen
	switch n := len(h.spare); {
	case h.frames[i] != nil: // handed out before, and not committed
	case n > 0:
		h.frames[i], h.spare[n-1] = h.spare[n-1], nil
		h.spare = h.spare[:n-1]
	default:
		h.frames[i] = l.NewFrame()
	}
	h.frames[i].Reset()
	if newest := h.Newest(); newest != nil {
		h.frames[i].reserve(newest)
	}
	return h.frames[i]
}

// Commit makes the frame of the last Next the newest view.
func (h *History) Commit() {
	h.head = (h.head + 1) % HistoryLen
	h.count++
	h.least = min(h.least, len(h.spare))
	if h.trim--; h.trim <= 0 {
		clear(h.spare[len(h.spare)-h.least:])
		h.spare = h.spare[:len(h.spare)-h.least]
		h.trim, h.least = trimEvery, len(h.spare)
	}
}

// Newest returns the newest view, nil before the first Commit.
func (h *History) Newest() *Frame { return h.back(0) }

// back returns the view n commits ago.
func (h *History) back(n int) *Frame {
	if n >= h.count {
		return nil
	}
	return h.frames[(h.head-n+HistoryLen)%HistoryLen]
}

// Find returns the view made at that epoch and tick, nil if it is not (or no longer) kept. A view that was made before a
// restore and is of the room's past keeps the epoch it was made in.
func (h *History) Find(epoch, tick uint32) *Frame {
	for n := range h.count {
		f := h.back(n)
		if f.Tick < tick {
			return nil
		}
		if f.Tick == tick && f.Epoch == epoch {
			return f
		}
	}
	return nil
}
