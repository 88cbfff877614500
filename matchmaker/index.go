package matchmaker

// index is everything that is derived from the rooms: the orders in which
// they are looked for, and the counts. replace keeps it in step, one room at
// a time; nothing else writes to it.
type index struct {
	// open has the rooms that a stranger may join, fullest first: by game, and
	// by game and one pair of metadata, so that a filter does not have to skip
	// every room that lacks it.
	open map[openKey]*orderedSet

	listed orderedSet             // public rooms by id, ended ones too
	games  map[string]*orderedSet // the same, by game
	hidden orderedSet             // private rooms by id, ended ones too
	due    orderedSet             // rooms with reserved seats by the first expiry
	ended  orderedSet             // ended rooms in the order in which they ended
	owned  map[string]*orderedSet // live rooms of a node by assignment version
	codes  map[string]string      // private rooms by their code

	states     [RoomEnded + 1]int
	seats      [SeatTaken + 1]int
	endedBytes int // of results
}

type openKey struct {
	game string
	Pair // empty for all rooms of the game
}

func newIndex() index {
	return index{open: map[openKey]*orderedSet{}, owned: map[string]*orderedSet{}, games: map[string]*orderedSet{}, codes: map[string]string{}}
}

// live returns how many rooms have not ended.
func (x *index) live() int { return x.states[RoomStarting] + x.states[RoomRunning] }

// position is where a room stands in one order; in is false if it is not there.
type position struct {
	key orderedKey
	in  bool
}

// replace takes old out of the indexes and puts next in; either may be nil.
// Metadata rarely changes and ids never do, so most changes touch one or two
// sets.
func (x *index) replace(old, next *Room) {
	x.count(old, -1)
	x.count(next, 1)
	if was, is := old.listedAt(), next.listedAt(); was != is {
		x.listed.move(was, is)
		r := next
		if r == nil {
			r = old
		}
		moveIn(x.games, r.Game, was, is)
	}
	x.hidden.move(old.hiddenAt(), next.hiddenAt())
	x.moveCode(old, next)
	x.due.move(old.dueAt(), next.dueAt())
	x.ended.move(old.endedAt(), next.endedAt())
	if was, is := old.ownedAt(), next.ownedAt(); was != is {
		if was.in {
			moveIn(x.owned, old.Owner, was, position{})
		}
		if is.in {
			moveIn(x.owned, next.Owner, position{}, is)
		}
	}
	x.moveOpen(old, next)
}

func (x *index) moveCode(old, next *Room) {
	var was, is string
	if old != nil {
		was = old.Code
	}
	if next != nil {
		is = next.Code
	}
	if was == is {
		return
	}
	if delete(x.codes, was); is != "" {
		x.codes[is] = next.ID
	}
}

func (x *index) moveOpen(old, next *Room) {
	was, is := old.openAt(), next.openAt()
	if was == is && (!was.in || samePairs(old.Metadata, next.Metadata)) {
		return
	}
	if was.in {
		moveIn(x.open, openKey{game: old.Game}, was, position{})
		for _, p := range old.Metadata {
			moveIn(x.open, openKey{old.Game, p}, was, position{})
		}
	}
	if is.in {
		moveIn(x.open, openKey{game: next.Game}, position{}, is)
		for _, p := range next.Metadata {
			moveIn(x.open, openKey{next.Game, p}, position{}, is)
		}
	}
}

// count adds r times sign to the counters.
func (x *index) count(r *Room, sign int) {
	if r == nil {
		return
	}
	x.states[r.State] += sign
	for i := range r.Seats {
		x.seats[r.Seats[i].State] += sign
	}
	if r.End != nil {
		x.endedBytes += sign * len(r.End.Result)
	}
}

// first returns the fullest open room that has all filters and that accept
// likes. It walks the smallest set that all matches are in.
func (x *index) first(rooms map[string]*Room, game string, filters []Pair, accept func(*Room) bool) *Room {
	set := x.open[openKey{game: game}]
	for _, f := range filters {
		if s := x.open[openKey{game, f}]; s == nil || set == nil || s.len < set.len {
			set = s
		}
	}
	if set == nil {
		return nil
	}
	var found *Room
	set.ascend(orderedKey{}, func(k orderedKey) bool {
		if r := rooms[k.id]; r.matches(filters) && accept(r) {
			found = r
		}
		return found == nil
	})
	return found
}

func (r *Room) openAt() position {
	if r == nil || !r.joinable() {
		return position{}
	}
	return position{orderedKey{uint64(r.Free()), r.ID}, true}
}

func (r *Room) listedAt() position {
	if r == nil || r.Private {
		return position{}
	}
	return position{orderedKey{0, r.ID}, true}
}

func (r *Room) hiddenAt() position {
	if r == nil || !r.Private {
		return position{}
	}
	return position{orderedKey{0, r.ID}, true}
}

func (r *Room) dueAt() position {
	if r == nil || r.expiry() == 0 {
		return position{}
	}
	return position{orderedKey{uint64(r.expiry()), r.ID}, true}
}

func (r *Room) endedAt() position {
	if r == nil || r.State != RoomEnded {
		return position{}
	}
	return position{orderedKey{r.Assigned, r.ID}, true}
}

func (r *Room) ownedAt() position {
	if r == nil || r.State == RoomEnded {
		return position{}
	}
	return position{orderedKey{r.Assigned, r.ID}, true}
}

// move takes a room from one position to another.
func (s *orderedSet) move(was, is position) {
	if was == is {
		return
	}
	if was.in {
		s.remove(was.key)
	}
	if is.in {
		s.insert(is.key)
	}
}

// moveIn is move in one of many sets; empty sets are not kept.
func moveIn[K comparable](sets map[K]*orderedSet, in K, was, is position) {
	s := sets[in]
	if s == nil {
		s = &orderedSet{}
		sets[in] = s
	}
	s.move(was, is)
	if s.len == 0 {
		delete(sets, in)
	}
}

// samePairs says whether two lists are the same one, or both empty: lists of
// metadata are replaced, never changed.
func samePairs(a, b []Pair) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
