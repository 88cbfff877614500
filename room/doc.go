// Package room is what a game author imports to write a game: the rules of one room.
//
// The author writes structs and rules; the runtime owns time, sockets, differences, checkpoints. A game is a [Definition],
// given to ringside.WithGame, whose New makes a [Game] for each room. The runtime calls the Game's methods from one
// goroutine at a time, a fixed number of times a second, so a game has no locks, no goroutines and no clock: time is
// [Room.Tick], randomness is [Room.Rand], timers are [Room.After]. What must survive a restart or the loss of a machine is
// in the value [Game.State] points to, and nothing is hidden elsewhere.
//
// Fields of input, entity, message and event structs become integers on the wire; the `ring` tag says how:
//
//	X    float32 `ring:"pos,1/32"`  // a coordinate, sent in steps of 1/32
//	Y    int32   `ring:"pos,1/32"`  // the same of an integer that counts 1/32s already
//	Aim  uint16  `ring:"angle"`     // wraps; 65536 to a turn (uint8: 256; else "angle,1024")
//	Who  int     `ring:"owner"`     // the slot of the player it belongs to
//	DX   int8    `ring:"-1..1"`     // clamped to the range before the game sees it
//	Name string  `ring:"text(24)"`  // at most 24 bytes
//	Key  []byte  `ring:"bytes(16)"` // at most 16 bytes
//	Temp int     `ring:"-"`         // not sent
//
// The package does no I/O and knows nothing of the network; see internal/engine for who calls it.
package room
