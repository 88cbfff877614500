package matchmaker

import "slices"

// Game is one game that a node offers.
type Game struct {
	Name       string
	Version    uint32
	MaxPlayers int
	TickHz     int
	SendHz     int
}

// Node is one run of a process that offers to run rooms.
type Node struct {
	Name        string
	Incarnation uint64 // higher at every start; a new one gets the rooms of those before
	Addr        string
	Weight      int // its share of new rooms, 1 to 16; 0 is 1
	Games       []Game
}

// node is a Node in the directory. Like a Room it is never changed.
type node struct{ Node }

func (n *node) game(name string) (Game, bool) {
	i := slices.IndexFunc(n.Games, func(g Game) bool { return g.Name == name })
	if i < 0 {
		return Game{}, false
	}
	return n.Games[i], true
}

// signingKey signs tokens. The highest ID is the newest.
type signingKey struct {
	ID      uint64
	Secret  []byte
	Created int64 // Unix ms
}
