package matchmaker

import (
	"slices"
	"strings"
	"sync"
)

// Directory is the truth about nodes, rooms, seats and token keys. It is a
// state machine behind a replicated log: Apply, Snapshot and Restore are
// called in log order by one goroutine, everything else may be called from
// any goroutine at any time.
//
// Apply is pure. Time and randomness come in the command, maps are only
// looked things up in, and every scan that can influence a result is over an
// ordered set. The running hash over all commands is in the snapshot, so two
// replicas at the same index can be compared.
type Directory struct {
	mu sync.RWMutex

	// Guarded by mu. Rooms and nodes are immutable: a reader may keep them.
	t *tables

	// Guarded by mu. Not replicated: who waits for what.
	changed  chan struct{}            // closed and replaced when the assignment version rises
	watchers map[string]*roomWatchers // by room
	observer func(old, next *Room)    // hears of every change after its command; see observe
	touched  []change                 // by the command that is being applied
	complete uint64                   // since this assignment version every end is still known; see AssignmentChanges

	// Immutable. Has a token when there is something new in the outbox.
	posted chan struct{}

	ticketNews // not replicated: who is told of tickets
}

// change is what a command did to one room; next is nil for one that was forgotten.
type change struct{ old, next *Room }

// tables is the replicated state with its indexes.
type tables struct {
	// Replicated.
	hash     uint64 // running hash of (index, command)
	applied  uint64 // commands
	clock    int64  // latest time any command carried, Unix ms
	assigned uint64 // assignment version
	endings  uint64 // rooms that ended, to order them
	nodes    []*node
	keys     []signingKey // newest first, at most tokenKeys
	rooms    map[string]*Room
	replays  replays
	outbox   outbox
	tickets  tickets

	// Derived from rooms. See index.go.
	idx index
}

// result is what Apply returns.
type result struct {
	err     error // a refusal; nothing was changed
	room    *Room
	seats   []Seat // as requested, in order
	created bool
	ended   bool

	replayed bool // the answer an idempotency key got before
	ticket   *Ticket
}

// NewDirectory returns an empty directory.
func NewDirectory() *Directory {
	return &Directory{t: newTables(), changed: make(chan struct{}), watchers: map[string]*roomWatchers{}, posted: make(chan struct{}, 1)}
}

func newTables() *tables {
	return &tables{hash: fnvOffset, rooms: map[string]*Room{}, tickets: newTickets(), idx: newIndex()}
}

// Apply applies one command and returns its result, to be handed back to
// whoever proposed it. A command that cannot be decoded changes nothing and
// is refused with ErrCommandCorrupt on every replica alike.
func (d *Directory) Apply(index uint64, cmd []byte) any {
	res, touched, observer := d.apply(index, cmd)
	for _, c := range touched {
		observer(c.old, c.next)
	}
	return res
}

// apply is Apply, but for telling the observer: that may look at the directory.
func (d *Directory) apply(index uint64, cmd []byte) (res result, touched []change, observer func(old, next *Room)) {
	decoded, err := decodeCommand(cmd)
	defer d.tellTickets() // without the lock
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.t
	t.hash = hashString(hashUint(t.hash, index), cmd)
	t.applied++
	if err != nil {
		return result{err: err}, nil, nil
	}
	assigned := t.assigned
	t.clock = max(t.clock, decoded.meta().Time)
	res = decoded.apply(d)
	d.forget()
	t.outbox.forget(t.clock)
	d.forgetTickets()
	if t.assigned != assigned {
		close(d.changed)
		d.changed = make(chan struct{})
	}
	touched, d.touched = d.touched, nil
	return res, touched, d.observer
}

// observe has fn called with every change of a room, in order, when its command has been applied: old is nil for a new room,
// next for one that is forgotten. fn is called by the log's goroutine and must not wait; nil ends it.
func (d *Directory) observe(fn func(old, next *Room)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.observer = fn
}

// touch notes a change for the observer. d.mu is held.
func (d *Directory) touch(old, next *Room) {
	if d.observer != nil {
		d.touched = append(d.touched, change{old, next})
	}
}

// Hash returns the running hash of all applied commands and their number.
func (d *Directory) Hash() (hash, applied uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.hash, d.t.applied
}

// put makes next the entry of its room. It is the only way a room enters or
// changes.
func (d *Directory) put(next *Room) {
	old := d.t.rooms[next.ID]
	d.t.rooms[next.ID] = next
	d.t.idx.replace(old, next)
	d.touch(old, next)
	d.follow(next)
	if old != nil && old.State != next.State {
		d.wake(next.ID)
	}
}

// end makes r an ended room. r must be a fresh copy.
func (d *Directory) end(r *Room, e Ending) {
	d.t.endings++
	d.t.assigned++
	e.At = d.t.clock
	r.State, r.End, r.Seats, r.Code = RoomEnded, &e, nil, ""
	r.Assigned = d.t.assigned // orders the ended rooms from here on
	d.put(r)
	d.notify(r)
}

// forget drops the oldest ended rooms beyond what is kept.
func (d *Directory) forget() {
	for {
		first, ok := d.t.idx.ended.min()
		if !ok {
			return
		}
		r := d.t.rooms[first.id]
		if d.t.idx.ended.len <= endedKept && d.t.idx.endedBytes <= endedKeptBytes && r.End.At+endedKeptMs > d.t.clock {
			return
		}
		delete(d.t.rooms, r.ID)
		d.complete = max(d.complete, r.Assigned)
		d.t.idx.replace(r, nil)
		d.touch(r, nil)
	}
}

// node returns a node by name and where it is or would be.
func (t *tables) node(name string) (*node, int) {
	at, ok := slices.BinarySearchFunc(t.nodes, name, func(n *node, name string) int { return strings.Compare(n.Name, name) })
	if !ok {
		return nil, at
	}
	return t.nodes[at], at
}

// owned returns the room if the caller owns it in this epoch.
func (t *tables) owned(f fenced) (*Room, error) {
	r := t.rooms[f.Room]
	switch {
	case r == nil:
		return nil, ErrRoomUnknown
	case r.Epoch != f.Epoch:
		return nil, ErrStaleEpoch
	case r.State == RoomEnded:
		return nil, ErrRoomEnded
	}
	return r, nil
}

// roomWatchers are woken when a room's state changes.
type roomWatchers struct {
	ch   chan struct{}
	refs int
}

// watch returns the room as it is, nil if unknown, and a channel that is
// closed when its state changes. done must be called once.
func (d *Directory) watch(id string) (r *Room, changed <-chan struct{}, done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.watchers[id]
	if w == nil {
		w = &roomWatchers{ch: make(chan struct{})}
		d.watchers[id] = w
	}
	w.refs++
	return d.t.rooms[id], w.ch, func() { d.unwatch(id, w) }
}

func (d *Directory) unwatch(id string, w *roomWatchers) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.refs--; w.refs == 0 && d.watchers[id] == w {
		delete(d.watchers, id)
	}
}

// wake wakes those who watch a room. d.mu is held.
func (d *Directory) wake(id string) {
	if w := d.watchers[id]; w != nil {
		delete(d.watchers, id)
		close(w.ch)
	}
}
