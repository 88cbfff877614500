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
// Without a tag a number or a bool is sent whole (32 bits), a float in steps of 1/64, a string and a []byte up to 32 bytes;
// what is longer is cut, a text between characters. A field's name on the wire is its own in lower case (OwnerSlot:
// owner_slot); `ring:"name=who"` gives it another.
//
// # Rooms that sleep
//
// In a game of cards most ticks have nothing to do. A Definition that says Sleeps lets the runtime count such ticks instead
// of making them: Step and View run when something has arrived, when a timer is due, and once a second. Room.Tick goes on
// with time and timers ring in their tick, so a game that asks those notices nothing; one that counts its Steps would.
//
// # The world outside
//
// A game does no I/O in its callbacks. What it wants of a database or another service it asks for with [Room.Call]: a function
// that runs beside the room, and whose result comes to its method Done (see [Caller]) in a later tick.
//
// # Updates
//
// Rooms outlive a new version of their game. Definition.Version says that Steps come out otherwise than before;
// Definition.StateVersion that State has another layout, and Definition.Convert then makes the new one of the old one's
// checkpoint. roomtest's Bench.Update tries it out.
//
// The package does no I/O and knows nothing of the network; see internal/engine for who calls it.
package room
