// Package cards is a game for four around a table, Eights: the example for quiet games with secrets and turns.
//
// Read game.go first: what is on the table, who sees which part of it, and what players may ask for. Then card.go (the cards),
// turn.go (what a move does), round.go (dealing, counting, the end), clock.go (who is waited for, and how long) and bot.go
// (how bots play, in the room and over the network).
//
// Each seat of the table is a slot. A hand belongs to its seat: who takes the seat, takes the hand.
package cards
