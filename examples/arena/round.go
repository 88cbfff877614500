package arena

import (
	"time"

	"github.com/ringside-server/ringside/room"
)

// A Round is what everybody plays at, and where.
type Round struct {
	Number int
	Ends   uint32 // the tick
	Size   int32  `ring:"1/32"` // of the square, whose corner is 0, 0
}

// roundOver names the timer that rings at the end of a round.
const roundOver = 1

func (g *Game) startRound(r *room.Room) {
	g.s.Round.Number++
	g.s.Round.Ends = r.After(r.Ticks(time.Duration(g.opt.RoundS)*time.Second), roundOver)
}

// endRound tells who won and starts the next round at once, or ends the room after the last.
func (g *Game) endRound(r *room.Room) {
	e := roundEvent{Number: g.s.Round.Number, Winner: -1}
	for slot, s := range g.s.Ships.All() {
		if s.Score > e.Score { // of equals, the lower slot
			e.Winner, e.Score = slot, s.Score
		}
	}
	if winner := g.s.Ships.Get(e.Winner); winner != nil {
		winner.Wins++
	}
	roundEnds.Broadcast(r, e)
	g.clearField(r)
	if g.s.Round.Number == g.opt.Rounds {
		r.End(g.result(r))
		return
	}
	g.startRound(r)
}

// clearField takes the shots away and launches all ships anew.
func (g *Game) clearField(r *room.Room) {
	g.s.Shots.Clear()
	for _, s := range g.s.Ships.All() {
		s.Total, s.Score, s.HP = s.Total+s.Score, 0, 0 // all are wrecks first: not in each other's way
	}
	for _, s := range g.s.Ships.All() {
		g.launch(r, s)
	}
}

// A result is what the room ends with.
type result struct {
	Rounds  int        `json:"rounds"`
	Players []standing `json:"players"` // by slot
}

type standing struct {
	Slot  int    `json:"slot"`
	Name  string `json:"name"`
	Bot   bool   `json:"bot,omitempty"`
	Wins  int    `json:"wins"`
	Kills int    `json:"kills"`
}

func (g *Game) result(r *room.Room) result {
	out := result{Rounds: g.opt.Rounds}
	for p := range r.Players() {
		s := g.s.Ships.Get(p.Slot)
		out.Players = append(out.Players, standing{Slot: p.Slot, Name: p.Name, Bot: p.Bot, Wins: s.Wins, Kills: s.Total})
	}
	return out
}
