package cards

import (
	"time"

	"github.com/ringside-server/ringside/room"
)

// How long the table waits; a person's turn is an option.
const (
	absentTime = 2 * time.Second         // for a seat without a player, or with one whose connection is lost
	slowTime   = 5 * time.Second         // for a player who let the clock run out the last time
	leastTime  = 3 * time.Second         // at least, for a player who is back or has just drawn
	botTime    = 800 * time.Millisecond  // for a bot, and up to botMore
	botMore    = 1200 * time.Millisecond // more
	pauseTime  = 5 * time.Second         // between rounds
)

// clockTag names the only timer there is.
const clockTag = 1

// wait sets the clock, in ticks, and forgets what it was set to before.
func (g *Game) wait(r *room.Room, ticks int) { g.s.Deadline = r.Restart(ticks, clockTag) }

// stop stops the clock.
func (g *Game) stop(r *room.Room) {
	r.Cancel(clockTag)
	g.s.Deadline = 0
}

// wind sets the clock for the seat whose turn it is, by who sits there, or for the next round.
func (g *Game) wind(r *room.Room) {
	switch p := r.Player(g.s.Turn); {
	case g.s.Phase == Between:
		g.wait(r, r.Ticks(pauseTime))
	case p == nil || p.Away():
		g.wait(r, r.Ticks(absentTime))
	case p.Bot:
		g.wait(r, r.Ticks(botTime)+r.Rand().IntN(r.Ticks(botMore)))
	default:
		turn := time.Duration(g.opt.TurnS) * time.Second
		if g.s.Seats[p.Slot].Slow {
			turn = min(turn, slowTime)
		}
		gone := int(r.Tick() - g.s.TurnStart)
		g.wait(r, max(r.Ticks(turn)-gone, r.Ticks(leastTime)))
	}
}

// rewind sets the clock anew when something changed about the player who is waited for.
func (g *Game) rewind(r *room.Room, seat int) {
	if g.s.Phase == Playing && g.s.Turn == seat && g.s.Deadline != 0 {
		g.wind(r)
	}
}

// timeUp does what is due: the next round, or a move for the seat that did not make one. A table without people stands still
// until somebody comes.
func (g *Game) timeUp(r *room.Room) {
	g.s.Deadline = 0
	if people, _ := r.Count(); people == 0 {
		return
	}
	if g.s.Phase == Between {
		g.deal(r)
		return
	}
	g.s.Seats[g.s.Turn].Slow = true
	g.moveFor(r)
}

// moveFor makes one move for the seat whose turn it is, as a bot would.
func (g *Game) moveFor(r *room.Room) {
	s := &g.s
	fits := func(c Card) bool { return c.Fits(s.top(), s.Suit) }
	switch c, suit, ok := choose(s.Seats[s.Turn].Hand, fits); {
	case ok:
		g.playCard(r, c, suit)
	case !s.Drawn && g.refill(r):
		g.drawCard(r)
	default:
		g.passTurn(r)
	}
}
