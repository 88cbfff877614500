package cards

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringside-server/ringside/room"
)

// What a player is told who asked for something the rules do not allow.
var (
	errNoRound   = errors.New("the round is over, wait for the next")
	errNotTurn   = errors.New("not your turn")
	errDrawn     = errors.New("you have drawn: play or pass")
	errNoStock   = errors.New("there is nothing to draw: play or pass")
	errDrawFirst = errors.New("draw before you pass")
)

// mayMove says why a player may not move now.
func (g *Game) mayMove(p *room.Player) error {
	switch {
	case g.s.Phase != Playing:
		return errNoRound
	case g.s.Turn != p.Slot:
		return errNotTurn
	}
	return nil
}

// play, draw and pass are the messages; their errors are the replies. What they do, bots and the clock do too.
func (g *Game) play(r *room.Room, p *room.Player, q playRequest) error {
	if err := g.mayMove(p); err != nil {
		return err
	}
	c := Card(q.Card)
	if !slices.Contains(g.s.Seats[p.Slot].Hand, c) {
		return fmt.Errorf("you do not hold %v", c)
	}
	if top := g.s.top(); !c.Fits(top, g.s.Suit) {
		return fmt.Errorf("%v does not fit %v", c, top)
	}
	g.s.Seats[p.Slot].Slow = false
	g.playCard(r, c, q.Suit)
	return nil
}

func (g *Game) draw(r *room.Room, p *room.Player, _ drawRequest) error {
	if err := g.mayMove(p); err != nil {
		return err
	}
	if g.s.Drawn {
		return errDrawn
	}
	if !g.refill(r) {
		return errNoStock
	}
	g.s.Seats[p.Slot].Slow = false
	g.drawCard(r)
	return nil
}

func (g *Game) pass(r *room.Room, p *room.Player, _ passRequest) error {
	if err := g.mayMove(p); err != nil {
		return err
	}
	if !g.s.Drawn && g.refill(r) {
		return errDrawFirst
	}
	g.s.Seats[p.Slot].Slow = false
	g.passTurn(r)
	return nil
}

// playCard plays a card that fits; suit is what an eight asks for.
func (g *Game) playCard(r *room.Room, c Card, suit int) {
	s := &g.s
	if c.Rank() != eight {
		suit = c.Suit()
	}
	seat := &s.Seats[s.Turn]
	i, _ := slices.BinarySearch(seat.Hand, c)
	seat.Hand = slices.Delete(seat.Hand, i, i+1)
	s.Pile, s.Suit, s.Stuck = append(s.Pile, c), suit, 0
	played.Broadcast(r, playedEvent{Seat: s.Turn, Card: c.String(), Suit: suit})
	if len(seat.Hand) == 0 {
		g.endRound(r, s.Turn)
		return
	}
	g.nextTurn(r)
}

// drawCard takes a card from the stock, which is not empty. The turn goes on.
func (g *Game) drawCard(r *room.Room) {
	s := &g.s
	last := len(s.Stock) - 1
	seat := &s.Seats[s.Turn]
	seat.Hand = insert(seat.Hand, s.Stock[last])
	s.Stock, s.Drawn = s.Stock[:last], true
	drew.Broadcast(r, drewEvent{Seat: s.Turn})
	g.wind(r)
}

// passTurn ends a turn without a card. When nobody can play and nothing is left to draw, the round is over.
func (g *Game) passTurn(r *room.Room) {
	s := &g.s
	passed.Broadcast(r, passedEvent{Seat: s.Turn})
	if s.Drawn {
		s.Stuck = 0
	} else if s.Stuck++; s.Stuck == seats {
		g.endRound(r, s.lightest())
		return
	}
	g.nextTurn(r)
}

func (g *Game) nextTurn(r *room.Room) { g.startTurn(r, (g.s.Turn+1)%seats) }

func (g *Game) startTurn(r *room.Room, seat int) {
	g.s.Turn, g.s.TurnStart, g.s.Drawn = seat, r.Tick(), false
	g.wind(r)
}

// refill makes sure that there is something to draw: an empty stock is made of the pile, but for its top.
func (g *Game) refill(r *room.Room) bool {
	s := &g.s
	if last := len(s.Pile) - 1; len(s.Stock) == 0 && last > 0 {
		s.Stock = append(s.Stock, s.Pile[:last]...)
		s.Pile = append(s.Pile[:0], s.Pile[last])
		shuffle(r.Rand(), s.Stock)
	}
	return len(s.Stock) > 0
}

// lightest is the seat with the fewest points in its hand, the lowest of equals.
func (s *State) lightest() (best int) {
	for i := range s.Seats {
		if points(s.Seats[i].Hand) < points(s.Seats[best].Hand) {
			best = i
		}
	}
	return best
}
