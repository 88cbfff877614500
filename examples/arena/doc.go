// Package arena is a game of ships seen from above that shoot at each other: the example for fast games.
//
// Read game.go first: what players send, what they see, and the order of a tick. Then ship.go (moving, coming back), shot.go
// (hits), kit.go (repairs), round.go (the score and the end), mind.go (who plays when nobody is there), and bot.go (the same
// over the network).
//
// All rules are integers: positions in sub-units, 32 to the unit, which is also the precision players see; angles 65536 to
// the turn, 0 along +x and a quarter along +y. So a tick has one outcome on every machine.
package arena
