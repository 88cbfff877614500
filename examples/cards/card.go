package cards

import "slices"

// A Card is suit·13 + rank, rank 0 being the ace.
type Card uint8

const (
	ranks    = 13
	deckSize = 4 * ranks
	eight    = 7 // the rank that fits everything
)

// Suit is 0 to 3: clubs, diamonds, hearts, spades.
func (c Card) Suit() int { return int(c) / ranks }

// Rank is 0 (ace) to 12 (king).
func (c Card) Rank() int { return int(c) % ranks }

// names are made once: a View shows them in every tick.
var names = func() (t [deckSize]string) {
	rank := [ranks]string{"A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K"}
	suit := [4]string{"♣", "♦", "♥", "♠"}
	for i := range t {
		c := Card(i)
		t[i] = rank[c.Rank()] + suit[c.Suit()]
	}
	return t
}()

func (c Card) String() string { return names[c] }

// Fits says whether a card may be played on top while suit is asked for.
func (c Card) Fits(top Card, suit int) bool {
	return c.Rank() == eight || c.Suit() == suit || c.Rank() == top.Rank()
}

// Points are what a card costs in the hand of those who did not win.
func (c Card) Points() int {
	switch rank := c.Rank(); {
	case rank == eight:
		return 50
	case rank >= 9:
		return 10
	default:
		return rank + 1
	}
}

// insert puts a card into a sorted hand.
func insert(hand []Card, c Card) []Card {
	i, _ := slices.BinarySearch(hand, c)
	return slices.Insert(hand, i, c)
}

func points(hand []Card) (sum int) {
	for _, c := range hand {
		sum += c.Points()
	}
	return sum
}
