package host

import (
	"context"
	"sync"

	"github.com/ringside-server/ringside/internal/engine"
)

// A noticeKind says which method of the Directory a notice is for.
type noticeKind uint8

const (
	noticeEngine noticeKind = iota // by the engine's kind
	noticeStarted
	noticeRestored
	noticeRefused
	noticeEnded
	noticeIdle
)

// A notice is one call of the Directory that waits.
type notice struct {
	kind   noticeKind
	room   *hosted
	engine engine.Notice
	text   string
	end    *engine.End
}

// minor reports whether a notice may be lost: a property of a room, not its life or a seat.
func (n *notice) minor() bool {
	return n.kind == noticeIdle || n.kind == noticeEngine && n.engine.Kind != engine.NoticeSeatFree
}

// Bounds of the clerk's queue. Seats and rooms cannot flood it: while the directory does not answer no seat is sold, so at most
// every seat there is comes free once. Games can, with properties.
const (
	maxMinor   = 4096    // waiting notices beyond which properties are dropped and counted
	maxNotices = 1 << 18 // beyond which everything is
)

// A clerk tells the directory, one call after another, what the workers leave in its queue. They never wait for it.
type clerk struct {
	dir  Directory // nil: nobody is told
	lost func()    // called for each notice that is dropped

	mu     sync.Mutex
	queue  []notice // Guarded by mu.
	closed bool     // Guarded by mu.
	wake   chan struct{}
	done   chan struct{}
}

func newClerk(dir Directory, lost func()) *clerk {
	return &clerk{dir: dir, lost: lost, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// add queues a notice, in the order in which things happened to its room.
func (k *clerk) add(n notice) {
	if k.dir == nil {
		return
	}
	k.mu.Lock()
	full := len(k.queue) >= maxNotices || len(k.queue) >= maxMinor && n.minor()
	if !full {
		k.queue = append(k.queue, n)
	}
	k.mu.Unlock()
	if full {
		k.lost()
		return
	}
	k.ring()
}

func (k *clerk) ring() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run calls the directory until stop.
func (k *clerk) run() {
	defer close(k.done)
	var batch []notice
	for {
		k.mu.Lock()
		batch, k.queue = k.queue, batch[:0]
		closed := k.closed
		k.mu.Unlock()
		for i := range batch {
			k.tell(&batch[i])
		}
		clear(batch)
		if len(batch) > 0 {
			continue
		}
		if closed {
			return
		}
		<-k.wake
	}
}

// stop lets the queue run dry, until ctx ends.
func (k *clerk) stop(ctx context.Context) error {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.ring()
	select {
	case <-k.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *clerk) tell(n *notice) {
	id, epoch := n.room.Room, n.room.Epoch
	switch n.kind {
	case noticeStarted:
		k.dir.RoomStarted(id, epoch)
	case noticeRestored:
		k.dir.RoomRestored(id, epoch, n.room.unknown)
	case noticeRefused:
		k.dir.RoomRefused(id, epoch, n.text)
	case noticeEnded:
		k.dir.RoomEnded(id, epoch, n.end.Code, n.end.Reason, n.end.Result)
	case noticeIdle:
		k.dir.EndIfIdle(id, epoch)
	case noticeEngine:
		switch e := &n.engine; e.Kind {
		case engine.NoticeSeatFree:
			k.dir.SeatFreed(id, epoch, e.Seat)
		case engine.NoticeLock:
			k.dir.SetLocked(id, epoch, e.On)
		case engine.NoticeMetadata:
			k.dir.SetMetadata(id, epoch, e.Key, e.Value)
		}
	}
}
