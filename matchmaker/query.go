package matchmaker

import (
	"cmp"
	"slices"
	"time"
)

// Room returns a room as this replica knows it, nil if it does not. The
// caller must not change it.
func (d *Directory) Room(id string) *Room {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.rooms[id]
}

// Query selects public rooms, or private ones.
type Query struct {
	Game    string     // empty: any
	State   *RoomState // nil: any but ended
	Private bool       // those instead of the public ones
	Filters []Pair     // metadata a room has
	Free    int        // at least so many seats are free
	After   string     // id of the last room of the page before
	Limit   int
}

// scanPerPage bounds how many rooms a page steps over: commands wait
// meanwhile, about a quarter of a millisecond.
const scanPerPage = 2000

// pageBytes bounds a page by what its rooms take in an answer, roughly: metadata may be 5 KiB a room, and whoever asks may
// read slowly, many times at once.
const pageBytes = 256 << 10

// listedBytes is about what a room takes in a list.
func (r *Room) listedBytes() int {
	size := 300
	for _, p := range r.Metadata {
		size += len(p.Key) + len(p.Value)
	}
	return size
}

// ByCode returns the live private room with a join code, as people write it; nil if there is none.
func (d *Directory) ByCode(code string) *Room {
	if code = cleanCode(code); code == "" {
		return nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.rooms[d.t.idx.codes[code]]
}

// Rooms returns a page of rooms in the order of their ids, and the id
// to go on after, empty at the end. A page may be short and not the last.
func (d *Directory) Rooms(q Query) (page []*Room, next string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	scanned, size := 0, 0
	// No id is below the zero byte that follows After.
	set := &d.t.idx.listed
	switch {
	case q.Private:
		set = &d.t.idx.hidden
	case q.Game != "":
		if set = d.t.idx.games[q.Game]; set == nil {
			return nil, ""
		}
	}
	set.ascend(orderedKey{id: q.After + "\x00"}, func(k orderedKey) bool {
		r := d.t.rooms[k.id]
		if len(page) == q.Limit || scanned == scanPerPage || size >= pageBytes {
			return false
		}
		scanned++
		next = k.id
		if q.matches(r) {
			page = append(page, r)
			size += r.listedBytes()
		}
		return true
	})
	if len(page) < q.Limit && scanned < scanPerPage && size < pageBytes {
		next = ""
	}
	return page, next
}

func (q *Query) matches(r *Room) bool {
	switch {
	case q.Game != "" && q.Game != r.Game:
		return false
	case q.State == nil && r.State == RoomEnded, q.State != nil && r.State != *q.State:
		return false
	case q.Free > 0 && (r.State == RoomEnded || r.Free() < q.Free):
		return false
	}
	return r.matches(q.Filters)
}

// Games returns the games that nodes offer, by name; of several versions the
// highest.
func (d *Directory) Games() []Game {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var games []Game
	for _, n := range d.t.nodes {
		games = append(games, n.Games...)
	}
	slices.SortFunc(games, func(a, b Game) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Version, a.Version))
	})
	return slices.CompactFunc(games, func(a, b Game) bool { return a.Name == b.Name })
}

// Assignments returns every room that node has to run, and the version of
// that list. Whatever else the node runs it must stop.
func (d *Directory) Assignments(node string) (version uint64, list []Assignment) {
	version, list, _, _ = d.AssignmentChanges(node, 0)
	return version, list
}

// AssignmentChanges is what has changed for node after a version it has seen: rooms it got (again, with a higher epoch, after a
// restart), and rooms that ended, whoever ended them. If that is not known any more, or since is 0, all is true and list is
// everything the node has to run. It costs what has changed, however many rooms there are.
func (d *Directory) AssignmentChanges(node string, since uint64) (version uint64, list []Assignment, ended []string, all bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if all = since == 0 || since < d.complete || since > d.t.assigned; all {
		since = 0
	}
	if set := d.t.idx.owned[node]; set != nil {
		set.ascend(orderedKey{rank: since + 1}, func(k orderedKey) bool {
			list = append(list, d.t.rooms[k.id].assignment())
			return true
		})
	}
	if !all {
		d.t.idx.ended.ascend(orderedKey{rank: since + 1}, func(k orderedKey) bool {
			if d.t.rooms[k.id].Owner == node {
				ended = append(ended, k.id)
			}
			return true
		})
	}
	return d.t.assigned, list, ended, all
}

func (r *Room) assignment() Assignment {
	a := Assignment{
		Room: r.ID, Epoch: r.Epoch, Role: "owner", Game: r.Game, Options: r.Options, MaxPlayers: r.MaxPlayers,
		Bots: r.Bots, Seed: r.Seed, Metadata: pairMap(r.Metadata), Private: r.Private, Started: r.State == RoomRunning,
		Restore: r.Ran && r.State == RoomStarting,
	}
	if a.Restore {
		for _, s := range r.Seats {
			if s.State == SeatTaken {
				a.Taken = append(a.Taken, s.ID)
			}
		}
	}
	return a
}

// Incarnation returns the newest incarnation of a node, 0 for one that is new.
func (d *Directory) Incarnation(name string) uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n, _ := d.t.node(name); n != nil {
		return n.Incarnation
	}
	return 0
}

// Changed returns a channel that is closed when the assignments of any node
// may have changed. Take it first, then look at the assignments.
func (d *Directory) Changed() <-chan struct{} {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.changed
}

// Stats is what a directory counts.
type Stats struct {
	Starting, Running, Ended int // rooms
	Reserved, Taken          int // seats
	Nodes                    int
	Undelivered              int    // ends of rooms that the webhook has not taken yet
	Lost                     uint64 // ends that it never took, over all time
	Applied                  uint64 // commands, over all time
	Hash                     uint64 // running hash of them
}

// Stats returns the counts. It costs nothing.
func (d *Directory) Stats() Stats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	x := &d.t.idx
	return Stats{
		Starting: x.states[RoomStarting], Running: x.states[RoomRunning], Ended: x.states[RoomEnded],
		Reserved: x.seats[SeatReserved], Taken: x.seats[SeatTaken],
		Undelivered: d.t.outbox.queue.len(), Lost: d.t.outbox.dropped, Nodes: len(d.t.nodes), Applied: d.t.applied, Hash: d.t.hash,
	}
}

// Clock is the latest time that any command carried: where the clock of the process before has got to. The zero time before the
// first.
func (d *Directory) Clock() time.Time {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.t.clock == 0 {
		return time.Time{}
	}
	return time.UnixMilli(d.t.clock)
}

// due says whether an Expire at now would change anything.
func (d *Directory) due(now int64) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if first, ok := d.t.idx.due.min(); ok && int64(first.rank)+expiryGraceMs <= now {
		return true
	}
	first, ok := d.t.idx.ended.min()
	return ok && d.t.rooms[first.id].End.At+endedKeptMs <= now || d.ticketsDue(now)
}

// key returns a signing key by id, the newest for 0.
func (d *Directory) key(id uint64) (signingKey, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, k := range d.t.keys {
		if id == 0 || k.ID == id {
			return k, true
		}
	}
	return signingKey{}, false
}
