package matchmaker

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func testQueue(t testing.TB, q Queue) *Queue {
	t.Helper()
	q.Name, q.Game = "q", "arena"
	q.setDefaults()
	if err := q.validate(); err != nil {
		t.Fatal(err)
	}
	return &q
}

// line makes tickets from "rating@seconds waited", a party as "r+r@s", the
// first in line first; all of them are looked at at time 1000 s.
func line(spec string) []*Ticket {
	var out []*Ticket
	for i, s := range strings.Fields(spec) {
		ratings, waited, _ := strings.Cut(s, "@")
		var seconds int64
		fmt.Sscan(waited, &seconds)
		t := &Ticket{ID: fmt.Sprint("t", i), Version: 1, Order: uint64(i + 1), Created: 1_000_000 - seconds*1000}
		for j, r := range strings.Split(ratings, "+") {
			var points int64
			fmt.Sscan(r, &points)
			t.Players = append(t.Players, TicketPlayer{ID: fmt.Sprint(i, ".", j), Rating: Rating(points * ratingPoint)})
		}
		out = append(out, t)
	}
	return out
}

const lineNow = 1_000_000

// teamsOf writes proposals as teams of ratings: "1500 1400|1450 1450".
func teamsOf(found []proposal) string {
	var out []string
	for _, p := range found {
		teams := map[int][]string{}
		last := 0
		for _, party := range p.parties {
			var ratings []string
			for _, pl := range party.ticket.Players {
				ratings = append(ratings, fmt.Sprint(pl.Rating/ratingPoint))
			}
			teams[party.team] = append(teams[party.team], strings.Join(ratings, "+"))
			last = max(last, party.team)
		}
		var text []string
		for team := 1; team <= last; team++ {
			text = append(text, strings.Join(teams[team], " "))
		}
		s := strings.Join(text, "|")
		if p.bots {
			s += " bots"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestMatchTables(t *testing.T) {
	duel := Queue{TeamSize: 1}
	pairs := Queue{TeamSize: 2}
	trios := Queue{TeamSize: 3}
	bots := Queue{TeamSize: 2, FillWithBotsAfter: 30 * time.Second}
	for _, tc := range []struct {
		name  string
		queue Queue
		line  string
		want  string
	}{
		{"nobody", duel, "", ""},
		{"one", duel, "1500@60", ""},
		{"two", duel, "1500@0 1600@0", "1500|1600"},
		{"too far apart", duel, "1500@0 1601@0", ""},
		{"the window has widened", duel, "1500@10 1800@0", "1500|1800"},
		{"not far enough yet", duel, "1500@9 1800@0", ""},
		{"no further than max", duel, "1500@100 2501@100", ""},
		{"the nearest, not the next in line", duel, "1500@9 1590@8 1510@7", "1500|1510"},
		{"as near: the older", duel, "1500@9 1510@8 1490@7", "1500|1510"},
		{"the longest waiting first", duel, "1500@9 1520@8 1521@7 1200@6", "1500|1520"},
		{"all of them", duel, "1500@9 1700@8 1510@7 1710@6", "1500|1510; 1700|1710"},
		{"balanced", pairs, "1000@60 1100@0 1200@0 1300@0", "1100 1200|1000 1300"},
		{"a party stays whole", pairs, "1000+1000@60 1300@0 1100@0", "1000+1000|1300 1100"},
		{"parties against each other", pairs, "1000+1000@60 1300@50 1100+1100@0", "1000+1000|1100+1100"},
		{"two parties, a third does not fit", trios, "1000+1000@60 1000+1000@60 1000+1000@60", ""},
		{"parties with singles", trios, "1000+1000@60 1000+1000@60 1000+1000@60 1010@9 1020@9", "1000+1000 1010|1000+1000 1020"},
		{"a party as large as a team", trios, "1000+1000+1000@60 1010@5 1020@5 1030@5", "1000+1000+1000|1010 1020 1030"},
		{"larger than a team", pairs, "1000+1000+1000@60 1000@5", ""},
		{"a party counts with its mean", pairs, "500+1500@0 1000+1000@0", "500+1500|1000+1000"},
		{"not yet bots", bots, "1000@29 1050@9", ""},
		{"bots", bots, "1000@30 1050@9", "1000|1050 bots"},
		{"bots alone", bots, "1000@30", "1000 bots"},
		{"people are spread over the teams", bots, "1000+1000@30 1010@0 1020@0", "1000+1000|1010 1020"},
		{"bots for what parties leave free", bots, "1000@30 1010+1010@0 1020@0 5000@0", "1000 1020|1010+1010"},
		{"a match without bots is better", bots, "1000@40 1000@0 1000@0 1000@0 1000@0", "1000 1000|1000 1000"},
		{"one team", Queue{Teams: 1, TeamSize: 3}, "1000@0 1000+1000@0", "1000 1000+1000"},
		{"everybody for themselves", Queue{Teams: 3, TeamSize: 1}, "1000@0 1020@0 1010@0", "1000|1010|1020"},
		// The nearest, on the left, leaves no room in the window for the only
		// other single, on the right.
		{"another window", pairs, "1000@0 920+920@0 1095@0 1096+1096@0", "1000 1095|1096+1096"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := testQueue(t, tc.queue)
			got := teamsOf(match(lineNow, q, line(tc.line)))
			if got != tc.want {
				t.Errorf("%s: matches %q, want %q", tc.line, got, tc.want)
			}
		})
	}
}

// population makes a random line: parties of up to three, who have waited for
// up to a minute, within a range of ratings.
func population(rng *rand.Rand, n, spread, party int) []*Ticket {
	out := make([]*Ticket, n)
	for i := range out {
		t := &Ticket{ID: fmt.Sprint("t", i), Version: 1, Order: uint64(i + 1), Created: lineNow - int64(n-i)*60_000/int64(n)}
		for j := range 1 + rng.IntN(party) {
			t.Players = append(t.Players, TicketPlayer{ID: fmt.Sprint(i, ".", j), Rating: Rating(rng.IntN(spread+1)) * ratingPoint})
		}
		out[i] = t
	}
	return out
}

func randomQueue(t testing.TB, rng *rand.Rand) *Queue {
	q := Queue{Teams: 1 + rng.IntN(3), TeamSize: 1 + rng.IntN(4)}
	if q.Players() == 1 {
		q.Teams = 2
	}
	if rng.IntN(2) == 0 {
		q.FillWithBotsAfter = 45 * time.Second
	}
	return testQueue(t, q)
}

// checkProposal checks what every match promises.
func checkProposal(t *testing.T, q *Queue, p proposal, seen map[string]bool) {
	t.Helper()
	size := make([]int, q.Teams+1)
	low, high, oldest := Rating(maxRating), -Rating(maxRating), int64(lineNow)
	people := 0
	for _, party := range p.parties {
		if seen[party.ticket.ID] {
			t.Fatalf("ticket %s is matched twice", party.ticket.ID)
		}
		seen[party.ticket.ID] = true
		if party.team < 1 || party.team > q.Teams {
			t.Fatalf("team %d of %d", party.team, q.Teams)
		}
		size[party.team] += len(party.ticket.Players)
		people += len(party.ticket.Players)
		low, high = min(low, party.ticket.rating()), max(high, party.ticket.rating())
		oldest = min(oldest, party.ticket.Created)
	}
	waited := lineNow - oldest
	if high-low > q.Window.at(waited) {
		t.Fatalf("ratings %v to %v, the window after %d ms is %v", low, high, waited, q.Window.at(waited))
	}
	if full := people == q.Players(); full == p.bots || p.bots && (q.FillWithBotsAfter == 0 || waited < q.FillWithBotsAfter.Milliseconds()) {
		t.Fatalf("%d of %d players after %d ms, bots %v", people, q.Players(), waited, p.bots)
	}
	for team, n := range size[1:] {
		if n > q.TeamSize || !p.bots && n != q.TeamSize {
			t.Fatalf("team %d has %d players of %d", team+1, n, q.TeamSize)
		}
	}
	if !slices.IsSortedFunc(p.parties, func(a, b placed) int { return int(a.ticket.Order) - int(b.ticket.Order) }) {
		t.Fatal("the longest waiting is not first")
	}
	checkBalance(t, p)
}

// checkBalance checks that no swap of two parties of one size would bring
// their teams nearer to each other.
func checkBalance(t *testing.T, p proposal) {
	t.Helper()
	sums, people := map[int]Rating{}, 0
	var total Rating
	for _, a := range p.parties {
		people += len(a.ticket.Players)
		total += a.ticket.rating() * Rating(len(a.ticket.Players))
	}
	middle := total / Rating(people)
	weight := func(t *Ticket) Rating { return (t.rating() - middle) * Rating(len(t.Players)) }
	for _, a := range p.parties {
		sums[a.team] += weight(a.ticket)
	}
	abs := func(r Rating) Rating { return max(r, -r) }
	for _, a := range p.parties {
		for _, b := range p.parties {
			if a.team >= b.team || len(a.ticket.Players) != len(b.ticket.Players) {
				continue
			}
			apart := sums[a.team] - sums[b.team]
			if then := apart + 2*(weight(b.ticket)-weight(a.ticket)); abs(then) < abs(apart) {
				t.Fatalf("teams %d and %d are %v apart; swapping %s and %s makes it %v", a.team, b.team, apart, a.ticket.ID, b.ticket.ID, then)
			}
		}
	}
}

func TestMatchProperties(t *testing.T) {
	matches := 0
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 5))
		q := randomQueue(t, rng)
		waiting := population(rng, 1+rng.IntN(120), 200+rng.IntN(3000), 3)
		before := fmt.Sprint(waiting)
		found := match(lineNow, q, waiting)
		seen := map[string]bool{}
		for _, p := range found {
			checkProposal(t, q, p, seen)
		}
		matches += len(found)
		if fmt.Sprint(waiting) != before {
			t.Fatalf("seed %d: the matcher changed its input", seed)
		}
		// The order in which the tickets come does not matter.
		shuffled := slices.Clone(waiting)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := match(lineNow, q, shuffled); !reflect.DeepEqual(again, found) {
			t.Fatalf("seed %d: the same tickets in another order: %s, want %s", seed, teamsOf(again), teamsOf(found))
		}
	}
	if matches < 1000 {
		t.Errorf("%d matches, want more to look at", matches)
	}
}

// Against all possible matches: the longest waiting that has one is in the
// first, and whoever is left when all are made has none among themselves.
func TestLongestWaitingIsMatched(t *testing.T) {
	matched, left := 0, 0
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 6))
		q := randomQueue(t, rng)
		q.FillWithBotsAfter = 0
		waiting := population(rng, 2+rng.IntN(9), 100+rng.IntN(2500), 3)
		found := match(lineNow, q, waiting)
		taken := map[string]bool{}
		next := 0
		for _, ticket := range waiting {
			if taken[ticket.ID] {
				continue
			}
			free := slices.DeleteFunc(slices.Clone(waiting), func(t *Ticket) bool { return taken[t.ID] })
			possible := canMatch(q, ticket, free)
			if !possible {
				left++
				continue
			}
			if next == len(found) || !slices.ContainsFunc(found[next].parties, func(p placed) bool { return p.ticket == ticket }) {
				t.Fatalf("seed %d: ticket %s can be matched and is not in match %d of %s", seed, ticket.ID, next, teamsOf(found))
			}
			for _, p := range found[next].parties {
				taken[p.ticket.ID] = true
			}
			next++
			matched++
		}
		if next != len(found) {
			t.Fatalf("seed %d: matches that cannot be: %s", seed, teamsOf(found[next:]))
		}
	}
	if matched < 200 || left < 200 {
		t.Errorf("%d matched, %d left: both must be looked at", matched, left)
	}
}

// canMatch tries everything.
func canMatch(q *Queue, seed *Ticket, free []*Ticket) bool {
	window := q.Window.at(lineNow - seed.Created)
	others := slices.DeleteFunc(slices.Clone(free), func(t *Ticket) bool { return t == seed })
	for set := range 1 << len(others) {
		low, high, people := seed.rating(), seed.rating(), len(seed.Players)
		sizes := []int{len(seed.Players)}
		for i, t := range others {
			if set>>i&1 == 0 {
				continue
			}
			low, high = min(low, t.rating()), max(high, t.rating())
			people += len(t.Players)
			sizes = append(sizes, len(t.Players))
		}
		if people == q.Players() && high-low <= window && fillsTeams(q, sizes, make([]int, q.Teams)) {
			return true
		}
	}
	return false
}

func fillsTeams(q *Queue, sizes, teams []int) bool {
	if len(sizes) == 0 {
		return true
	}
	for t := range teams {
		if teams[t]+sizes[0] > q.TeamSize {
			continue
		}
		teams[t] += sizes[0]
		if fillsTeams(q, sizes[1:], teams) {
			return true
		}
		teams[t] -= sizes[0]
	}
	return false
}

// A line that cannot be matched, or only in odd ways, takes no more time than
// any other.
func TestMatchIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	scarce := population(rng, 5000, 3000, 1)
	for i, t := range scarce { // nearly all are pairs, for teams of three
		if i%500 != 0 {
			t.Players = append(t.Players, TicketPlayer{ID: fmt.Sprint(i, ".x"), Rating: t.Players[0].Rating})
		}
	}
	for name, q := range map[string]Queue{
		"scarce":    {TeamSize: 3},
		"with bots": {TeamSize: 5, Teams: 20, FillWithBotsAfter: 55 * time.Second},
		"large":     {TeamSize: 64},
	} {
		queue := testQueue(t, q)
		f := match(lineNow, queue, scarce)
		seen := map[string]bool{}
		for _, p := range f {
			for _, party := range p.parties {
				if seen[party.ticket.ID] {
					t.Fatalf("%s: ticket twice", name)
				}
				seen[party.ticket.ID] = true
			}
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, bc := range []struct {
		name          string
		queue         Queue
		spread, party int
	}{
		{"1v1", Queue{TeamSize: 1}, 3000, 1},
		{"2v2/parties", Queue{TeamSize: 2}, 3000, 2},
		{"5v5/parties", Queue{TeamSize: 5}, 3000, 3},
		{"sparse", Queue{TeamSize: 5, Window: RatingWindow{Start: 1, Max: 1}}, 1_000_000, 3},
		{"bots", Queue{TeamSize: 5, FillWithBotsAfter: time.Second, Window: RatingWindow{Start: 1, Max: 1}}, 1_000_000, 3},
	} {
		b.Run(bc.name+"/10000", func(b *testing.B) {
			q := testQueue(b, bc.queue)
			waiting := population(rand.New(rand.NewPCG(1, 8)), 10_000, bc.spread, bc.party)
			matched := 0
			b.ReportAllocs()
			for b.Loop() {
				matched = len(match(lineNow, q, waiting))
			}
			b.ReportMetric(float64(matched), "matches")
		})
	}
}
