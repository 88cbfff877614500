package cards

import (
	"math/rand/v2"
	"slices"

	"github.com/ringside-server/ringside/room"
)

const handSize = 5

// A standing is one seat's line of the result a room ends with.
type standing struct {
	Seat  int    `json:"seat"`
	Name  string `json:"name"`
	Bot   bool   `json:"bot,omitempty"`
	Score int    `json:"score"`
}

type result struct {
	Rounds int        `json:"rounds"`
	Seats  []standing `json:"seats"`
}

func shuffle(rng *rand.Rand, cards []Card) {
	rng.Shuffle(len(cards), func(i, j int) { cards[i], cards[j] = cards[j], cards[i] })
}

// deal starts the next round; another seat begins each time.
func (g *Game) deal(r *room.Room) {
	s := &g.s
	s.Stock = s.Stock[:0]
	for c := range Card(deckSize) {
		s.Stock = append(s.Stock, c)
	}
	shuffle(r.Rand(), s.Stock)
	for i := range s.Seats {
		rest := len(s.Stock) - handSize
		s.Seats[i].Hand = append(s.Seats[i].Hand[:0], s.Stock[rest:]...)
		slices.Sort(s.Seats[i].Hand)
		s.Stock = s.Stock[:rest]
	}
	first := len(s.Stock) - 1
	for s.Stock[first].Rank() == eight { // the pile starts with an ordinary card
		first--
	}
	s.Pile = append(s.Pile[:0], s.Stock[first])
	s.Stock = slices.Delete(s.Stock, first, first+1)
	s.Suit, s.Stuck = s.top().Suit(), 0
	s.Phase, s.Round = Playing, s.Round+1
	g.startTurn(r, (s.Round-1)%seats)
}

// endRound gives the winner the points of all other hands.
func (g *Game) endRound(r *room.Room, winner int) {
	s := &g.s
	sum := 0
	for i := range s.Seats {
		if i != winner {
			sum += points(s.Seats[i].Hand)
		}
	}
	s.Seats[winner].Score += sum
	s.Phase, s.Turn = Between, winner
	ended.Broadcast(r, roundEvent{Number: s.Round, Winner: winner, Points: sum})
	if s.Round == g.opt.Rounds {
		g.stop(r)
		r.End(g.result(r))
		return
	}
	g.wind(r)
}

func (g *Game) result(r *room.Room) result {
	out := result{Rounds: g.opt.Rounds}
	for i := range g.s.Seats {
		line := standing{Seat: i, Score: g.s.Seats[i].Score}
		if p := r.Player(i); p != nil {
			line.Name, line.Bot = p.Name, p.Bot
		}
		out.Seats = append(out.Seats, line)
	}
	return out
}
