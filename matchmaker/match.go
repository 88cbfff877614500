package matchmaker

import (
	"cmp"
	"slices"
)

// A proposal is a match that could be made: tickets with their teams, the
// longest waiting first.
type proposal struct {
	queue   *Queue
	parties []placed
	bots    bool // the empty places are for bots
}

type placed struct {
	ticket *Ticket
	team   int // from 1
}

// match decides who plays with whom. It is pure: the same tickets at the same
// time make the same matches, and now is the only time it knows (Unix ms).
//
// The longest waiting ticket is the first seed, and the others in turn. Around
// a seed the nearest ratings are taken, as long as all of them lie within the
// seed's window, until some of them fill the teams exactly. If the nearest ones
// do not, every other window of that width around the seed is tried: so a
// ticket that can be matched is, and nobody who waits longer is passed over
// (TestLongestWaitingIsMatched). A seed that has waited for bots long enough
// plays with whom it finds.
//
// Sorting and counting are O(n log n). A seed looks at its match, and at more
// of its window only when the parties in it fill the teams in no simple way;
// maxSteps bounds all of that together.
func match(now int64, q *Queue, waiting []*Ticket) []proposal {
	f := &field{queue: q, plans: map[planKey]*plan{}, steps: maxSteps}
	f.entries = make([]entry, 0, len(waiting))
	for _, t := range waiting {
		if size := len(t.Players); size <= q.TeamSize && size <= maxParty {
			f.entries = append(f.entries, entry{ticket: t, rating: t.rating(), size: size})
		}
	}
	slices.SortFunc(f.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.rating, b.rating), cmp.Compare(a.ticket.Order, b.ticket.Order))
	})
	f.link()
	f.counts = newSizeCounts(f.entries)
	seeds := make([]int, len(f.entries))
	for i := range seeds {
		seeds[i] = i
	}
	slices.SortFunc(seeds, func(a, b int) int { return cmp.Compare(f.entries[a].ticket.Order, f.entries[b].ticket.Order) })

	var out []proposal
	for _, seed := range seeds {
		e := &f.entries[seed]
		if e.gone {
			continue
		}
		waited := now - e.ticket.Created
		window := q.Window.at(waited)
		teams, bots := f.around(seed, window), false
		if teams == nil && q.FillWithBotsAfter > 0 && waited >= q.FillWithBotsAfter.Milliseconds() {
			teams, bots = f.withBots(seed, window), true
		}
		if teams == nil {
			continue
		}
		balance(f.entries, teams)
		out = append(out, f.take(teams, bots))
	}
	return out
}

// maxSteps bounds a pass, whatever the population: a step is a look at one
// ticket, a few nanoseconds. Seeds that come after it is used up are tried in
// a later pass, when those before them are gone.
const maxSteps = 500_000

// field is the tickets of a pass by rating, and what was found out about them.
type field struct {
	queue   *Queue
	entries []entry // by rating, then by age
	counts  *sizeCounts
	plans   map[planKey]*plan
	steps   int
}

// entry is a ticket in a list of those not yet matched.
type entry struct {
	ticket     *Ticket
	rating     Rating
	size       int
	prev, next int // -1 at the ends
	gone       bool
}

func (f *field) link() {
	for i := range f.entries {
		f.entries[i].prev, f.entries[i].next = i-1, i+1
	}
	if n := len(f.entries); n > 0 {
		f.entries[n-1].next = -1
	}
}

func (f *field) unlink(i int) {
	e := &f.entries[i]
	e.gone = true
	f.counts.add(i, e.size, -1)
	if e.prev >= 0 {
		f.entries[e.prev].next = e.next
	}
	if e.next >= 0 {
		f.entries[e.next].prev = e.prev
	}
}

// step says whether there is another one.
func (f *field) step() bool {
	f.steps--
	return f.steps >= 0
}

// near yields the tickets around a seed, nearest rating first, that lie with
// it and with all yielded before them within a window.
func (f *field) near(seed int, window Rating, yield func(int) bool) {
	e := &f.entries[seed]
	low, high := e.rating, e.rating
	left, right := e.prev, e.next
	for f.step() {
		if left >= 0 && high-f.entries[left].rating > window {
			left = -1
		}
		if right >= 0 && f.entries[right].rating-low > window {
			right = -1
		}
		var next int
		switch {
		case left < 0 && right < 0:
			return
		case right < 0 || left >= 0 && f.nearer(seed, left, right):
			next, left = left, f.entries[left].prev
			low = f.entries[next].rating
		default:
			next, right = right, f.entries[right].next
			high = f.entries[next].rating
		}
		if !yield(next) {
			return
		}
	}
}

// nearer says whether a is nearer to the seed than b, or as near and older.
func (f *field) nearer(seed, a, b int) bool {
	r := f.entries[seed].rating
	da, db := r-f.entries[a].rating, f.entries[b].rating-r
	return da < db || da == db && f.entries[a].ticket.Order < f.entries[b].ticket.Order
}

// around returns full teams with the seed, nil if there are none.
func (f *field) around(seed int, window Rating) [][]int {
	if f.within(seed, window).plan() == nil {
		return nil
	}
	pool := newPool(f, seed)
	found := pool.plan() // one party may be the whole match
	if found != nil {
		return pool.teams(found)
	}
	f.near(seed, window, func(i int) bool {
		pool.add(i, 1)
		found = pool.plan()
		return found == nil
	})
	if found != nil {
		return pool.teams(found)
	}
	return f.anyWindow(seed, window)
}

// anyWindow tries each window that holds the seed.
func (f *field) anyWindow(seed int, window Rating) [][]int {
	r := f.entries[seed].rating
	first := seed
	for i := f.entries[seed].prev; i >= 0 && r-f.entries[i].rating <= window && f.step(); i = f.entries[i].prev {
		first = i
	}
	pool := newPool(f, seed)
	end := first // the first that is not in the pool
	for low := first; ; low = f.entries[low].next {
		for ; end >= 0 && f.entries[end].rating-f.entries[low].rating <= window && f.step(); end = f.entries[end].next {
			pool.add(end, 1)
		}
		if f.steps < 0 {
			return nil
		}
		if p := pool.plan(); p != nil {
			pool.nearestFirst(low, end)
			return pool.teams(p)
		}
		pool.add(low, -1)
		if low == seed {
			break
		}
	}
	return nil
}

// withBots returns teams with the seed and those around it that still fit;
// the teams get as many people each as parties allow.
func (f *field) withBots(seed int, window Rating) [][]int {
	members := []int{seed}
	teams := f.spread(members)
	f.near(seed, window, func(i int) bool {
		f.steps -= len(members) * len(teams) / 8 // what spread looks at
		if more := f.spread(append(members, i)); more != nil {
			members, teams = append(members, i), more
		}
		return len(members) < f.queue.Players()
	})
	return teams
}

// spread puts parties into teams, large ones first, each into the emptiest
// team; nil if one does not fit.
func (f *field) spread(members []int) [][]int {
	bySize := slices.Clone(members)
	slices.SortStableFunc(bySize, func(a, b int) int { return cmp.Compare(f.entries[b].size, f.entries[a].size) })
	teams, people := make([][]int, f.queue.Teams), make([]int, f.queue.Teams)
	for _, i := range bySize {
		to := 0
		for t := range people {
			if people[t] < people[to] {
				to = t
			}
		}
		if people[to]+f.entries[i].size > f.queue.TeamSize {
			return nil
		}
		teams[to] = append(teams[to], i)
		people[to] += f.entries[i].size
	}
	return teams
}

// take makes a proposal of teams and takes their tickets out of the field.
func (f *field) take(teams [][]int, bots bool) proposal {
	p := proposal{queue: f.queue, bots: bots}
	people := 0
	for team, members := range teams {
		for _, i := range members {
			p.parties = append(p.parties, placed{f.entries[i].ticket, team + 1})
			people += f.entries[i].size
			f.unlink(i)
		}
	}
	p.bots = bots && people < f.queue.Players()
	slices.SortFunc(p.parties, func(a, b placed) int { return cmp.Compare(a.ticket.Order, b.ticket.Order) })
	return p
}
