package view

// HistoryLen is how many recent views a room keeps: 1.6 s at 20 Hz. A client that resumes within that time, or one that
// could not be sent a few ticks, gets a delta; beyond it a snapshot.
const HistoryLen = 32

// A History is the ring of a room's recent shared views, the bases of deltas. It is owned by its room.
type History struct {
	frames [HistoryLen]*Frame
	count  int // frames kept
	head   int // where the newest stands
}

// NewHistory returns an empty ring. Frames are made when first needed.
func NewHistory() *History { return &History{head: -1} }

// Next returns the frame to record into, emptied; it holds the oldest view until then. Commit makes it the newest.
func (h *History) Next(l *Layout) *Frame {
	i := (h.head + 1) % HistoryLen
	if h.frames[i] == nil {
		h.frames[i] = l.NewFrame()
	}
	if h.count == HistoryLen {
		h.count-- // the oldest is about to be overwritten
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
