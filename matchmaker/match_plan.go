package matchmaker

import (
	"cmp"
	"slices"
)

// A plan says how parties fill the teams exactly: for each team the sizes of
// its parties. The seed is the first party of the first team. Which ticket of
// a size goes where is not its business, so plans are found once for each mix
// of sizes.
type plan struct{ teams [][]int }

// planKey is a mix: how many parties of each size there are, at most as many
// as a match could use, and the seed's size.
type planKey struct {
	counts [maxParty + 1]uint8
	seed   uint8
}

// pool is the tickets that a match with the seed may be made of.
type pool struct {
	field   *field
	seed    int
	members []int // in the order in which they shall be used, without the seed
	counts  [maxParty + 1]int
	people  int // with the seed
}

func newPool(f *field, seed int) *pool {
	return &pool{field: f, seed: seed, people: f.entries[seed].size}
}

// add adds a ticket, or with sign -1 takes it out of the counts. The seed is
// in the pool anyway.
func (p *pool) add(i, sign int) {
	if i == p.seed {
		return
	}
	size := p.field.entries[i].size
	p.counts[size] += sign
	p.people += sign * size
	if sign > 0 {
		p.members = append(p.members, i)
	}
}

// nearestFirst sets the members to those from low up to before end.
func (p *pool) nearestFirst(low, end int) {
	f := p.field
	p.members = p.members[:0]
	for i := low; i != end && i >= 0; i = f.entries[i].next {
		if i != p.seed {
			p.members = append(p.members, i)
		}
	}
	r := f.entries[p.seed].rating
	away := func(i int) Rating { return max(r-f.entries[i].rating, f.entries[i].rating-r) }
	slices.SortFunc(p.members, func(a, b int) int {
		return cmp.Or(cmp.Compare(away(a), away(b)), cmp.Compare(f.entries[a].ticket.Order, f.entries[b].ticket.Order))
	})
}

// plan returns how the pool fills the teams, nil if it does not.
func (p *pool) plan() *plan {
	q := p.field.queue
	if p.people < q.Players() {
		return nil
	}
	key := planKey{seed: uint8(p.field.entries[p.seed].size)}
	for size := 1; size <= maxParty; size++ {
		key.counts[size] = uint8(min(p.counts[size], q.Players()/size)) // at most maxMatch
	}
	found, known := p.field.plans[key]
	if !known {
		found = newPlan(q, key)
		p.field.plans[key] = found
	}
	return found
}

// teams picks the tickets of a plan, for each size the first members.
func (p *pool) teams(plan *plan) [][]int {
	var bySize [maxParty + 1][]int
	for _, i := range p.members {
		size := p.field.entries[i].size
		bySize[size] = append(bySize[size], i)
	}
	teams := make([][]int, len(plan.teams))
	for t, sizes := range plan.teams {
		for n, size := range sizes {
			if t == 0 && n == 0 {
				teams[t] = append(teams[t], p.seed)
				continue
			}
			teams[t] = append(teams[t], bySize[size][0])
			bySize[size] = bySize[size][1:]
		}
	}
	return teams
}

// planSteps bounds the search for one plan. Where there are single players
// the first try succeeds; without them a mix of large parties could be tried
// in very many ways.
const planSteps = 5000

// newPlan searches for a plan: team by team, large parties first.
func newPlan(q *Queue, key planKey) *plan {
	s := planner{counts: key.counts, teams: make([][]int, q.Teams), size: q.TeamSize, steps: planSteps}
	seed := int(key.seed)
	s.teams[0] = append(s.teams[0], seed)
	if !s.fill(0, q.TeamSize-seed, min(q.TeamSize, maxParty)) {
		return nil
	}
	return &plan{s.teams}
}

type planner struct {
	counts [maxParty + 1]uint8
	teams  [][]int
	size   int
	steps  int
}

// fill fills what is free in a team with parties of at most a size, and the
// teams behind it.
func (s *planner) fill(team, free, largest int) bool {
	if free == 0 {
		if team+1 == len(s.teams) {
			return true
		}
		return s.fill(team+1, s.size, min(s.size, maxParty))
	}
	for size := min(free, largest); size >= 1; size-- {
		if s.counts[size] == 0 {
			continue
		}
		if s.steps--; s.steps < 0 {
			return false
		}
		s.counts[size]--
		s.teams[team] = append(s.teams[team], size)
		if s.fill(team, free-size, size) {
			return true
		}
		s.counts[size]++
		s.teams[team] = s.teams[team][:len(s.teams[team])-1]
	}
	return false
}

// balanceRounds bounds how often tickets are swapped: each round looks at
// every pair once.
const balanceRounds = 8

// balance swaps parties of one size between teams as long as that brings the
// sums of their players' ratings nearer to each other. Empty places count as
// players of middling rating.
func balance(entries []entry, teams [][]int) {
	var total Rating
	people := 0
	for _, team := range teams {
		for _, i := range team {
			total += entries[i].rating * Rating(entries[i].size)
			people += entries[i].size
		}
	}
	middle := total / Rating(people)
	above := make([]Rating, len(teams)) // what a team is better than its share
	weight := func(i int) Rating { return (entries[i].rating - middle) * Rating(entries[i].size) }
	for t, team := range teams {
		for _, i := range team {
			above[t] += weight(i)
		}
	}
	for range balanceRounds {
		swapped := false
		for a := range teams {
			for b := a + 1; b < len(teams); b++ {
				swapped = swapBetween(entries, teams[a], teams[b], &above[a], &above[b], weight) || swapped
			}
		}
		if !swapped {
			return
		}
	}
}

// swapBetween makes the swap between two teams that brings them closest, if
// one does, and says so.
func swapBetween(entries []entry, a, b []int, aboveA, aboveB *Rating, weight func(int) Rating) bool {
	apart := *aboveA - *aboveB
	best, bestI, bestJ := max(apart, -apart), -1, -1
	var gain Rating
	for i := range a {
		for j := range b {
			if entries[a[i]].size != entries[b[j]].size {
				continue
			}
			d := weight(b[j]) - weight(a[i]) // what a gains and b loses
			if then := apart + 2*d; max(then, -then) < best {
				best, bestI, bestJ, gain = max(then, -then), i, j, d
			}
		}
	}
	if bestI < 0 {
		return false
	}
	a[bestI], b[bestJ] = b[bestJ], a[bestI]
	*aboveA += gain
	*aboveB -= gain
	return true
}
