package stream

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// frameOverhead is what a frame costs beside its bytes; it bounds how many empty events a ring holds.
const frameOverhead = 64

// A frame is an event as it goes over the wire. Its bytes are never changed, so that any number of connections can be in the
// middle of it.
type frame struct {
	id    string
	bytes []byte
	last  bool
}

func (f *frame) size() int { return len(f.bytes) + len(f.id) + frameOverhead }

// A topic is what listeners have in common: its newest frames, and the writers that have listeners of it. It exists while it
// has any.
type topic struct {
	name  string // immutable
	limit int    // immutable: bytes of the ring
	sum   *ringSum

	refs int // guarded by the bucket's mu

	streams atomic.Int32  // event streams; changed under mu
	changes atomic.Uint64 // Publishes; added to before the writers are woken

	mu     sync.Mutex // taken before a writer's
	frames []frame
	size   int      // bytes of frames
	oldest uint64   // number of frames[0]; frames are numbered from 0
	groups []*group // one for each writer that has listeners
}

// A group is the listeners of one topic at one writer.
type group struct {
	topic  *topic
	writer *writer

	members int  // guarded by topic.mu
	dirty   bool // guarded by writer.mu: in its list of groups to be served

	// Owned by the writer.
	parked []*parkedConn
	held   []*held
	low    uint64 // no parked stream that is not blocked has a cursor below
}

// next is the number of the frame that will be published next. The caller holds mu.
func (t *topic) next() uint64 { return t.oldest + uint64(len(t.frames)) }

// publish appends what make returns, if anybody reads it, and wakes the writers.
func (t *topic) publish(make func() (Event, bool)) (written bool) {
	var f frame
	if t.streams.Load() > 0 {
		e, last := make()
		f = frame{id: oneLine(e.ID), bytes: appendFrame(nil, &e), last: last}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.bytes != nil && t.streams.Load() > 0 {
		t.push(f)
		written = true
	}
	t.changes.Add(1)
	for _, g := range t.groups {
		g.writer.wake(g)
	}
	return written
}

// A ringSum is the bytes of all rings together.
type ringSum struct {
	limit int64 // immutable
	bytes atomic.Int64
}

// push appends a frame to the ring. Beyond the sum of all rings a topic that publishes keeps its newest frame alone.
func (t *topic) push(f frame) {
	t.frames = append(t.frames, f)
	t.size += f.size()
	sum := t.sum.bytes.Add(int64(f.size()))
	for (t.size > t.limit || sum > t.sum.limit) && len(t.frames) > 1 {
		t.size -= t.frames[0].size()
		sum = t.sum.bytes.Add(-int64(t.frames[0].size()))
		t.frames[0] = frame{}
		t.frames = t.frames[1:]
		t.oldest++
	}
}

// join makes a listener at writer w a member and returns its group. A stream begins behind the newest frame, or behind the
// frame called lastID: then resumed is true.
func (t *topic) join(w *writer, stream bool, lastID string) (g *group, cursor uint64, resumed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, have := range t.groups {
		if have.writer == w {
			g = have
		}
	}
	if g == nil {
		g = &group{topic: t, writer: w}
		t.groups = append(t.groups, g)
	}
	g.members++
	cursor = t.next()
	if !stream {
		return g, cursor, false
	}
	t.streams.Add(1)
	if lastID == "" || len(lastID) > maxLastEventID {
		return g, cursor, false
	}
	for i := len(t.frames) - 1; i >= 0; i-- {
		if f := &t.frames[i]; f.id == lastID && !f.last { // behind the last there is nothing to wait for
			return g, t.oldest + uint64(i) + 1, true
		}
	}
	return g, cursor, false
}

// leave takes a listener out again. Without streams nothing is kept.
func (t *topic) leave(g *group, stream bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stream && t.streams.Add(-1) == 0 {
		t.sum.bytes.Add(-int64(t.size))
		t.oldest, t.frames, t.size = t.next(), nil, 0
	}
	if g.members--; g.members > 0 {
		return
	}
	for i, have := range t.groups {
		if have == g {
			t.groups = append(t.groups[:i], t.groups[i+1:]...)
			return
		}
	}
}

// A view is a copy of a topic's newest frames.
type view struct {
	frames []frame
	first  uint64 // number of frames[0]
	oldest uint64 // number of the oldest frame there was: who is behind that has lost something
}

// since copies the frames from cursor on, or from the oldest one, into v, whose memory is used again.
func (t *topic) since(v *view, cursor uint64) {
	clear(v.frames)
	t.mu.Lock()
	defer t.mu.Unlock()
	v.oldest = t.oldest
	v.first = min(max(cursor, t.oldest), t.next())
	v.frames = append(v.frames[:0], t.frames[v.first-t.oldest:]...)
}

// end is the number behind the newest frame.
func (v *view) end() uint64 { return v.first + uint64(len(v.frames)) }

// from returns the frames from cursor on. lost is true when some of them are gone.
func (v *view) from(cursor uint64) (frames []frame, lost bool) {
	if cursor < v.oldest {
		return nil, true
	}
	if cursor >= v.end() {
		return nil, false
	}
	return v.frames[cursor-v.first:], false
}

// topicBuckets spreads look-ups over locks: Publish is called for each change of the node, listened to or not.
const topicBuckets = 64

// topics finds a topic by its name.
type topics struct {
	seed    maphash.Seed
	limit   int
	sum     ringSum
	buckets [topicBuckets]bucket
}

type bucket struct {
	mu     sync.RWMutex // taken before nothing
	byName map[string]*topic
}

func (d *topics) bucket(name string) *bucket {
	return &d.buckets[maphash.String(d.seed, name)%topicBuckets]
}

// find returns nil for a topic that nobody listens to. It does not allocate.
func (d *topics) find(name string) *topic {
	b := d.bucket(name)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.byName[name]
}

// hold returns the topic and keeps it until release.
func (d *topics) hold(name string) *topic {
	b := d.bucket(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.byName[name]
	if t == nil {
		if b.byName == nil {
			b.byName = make(map[string]*topic)
		}
		t = &topic{name: strings.Clone(name), limit: d.limit, sum: &d.sum} // name may be part of a whole request
		b.byName[t.name] = t
	}
	t.refs++
	return t
}

func (d *topics) release(t *topic) {
	b := d.bucket(t.name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.refs--; t.refs == 0 {
		delete(b.byName, t.name)
	}
}
