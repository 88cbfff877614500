// Package roomtest proves a game in `go test`: it runs the game in the engine that runs it in production, with players who
// decode every frame, and looks for what would hurt later.
//
//	func TestArena(t *testing.T) { roomtest.Run(t, arena.Definition, roomtest.Options{Ticks: 2000}) }
//
// plays at random: players join, send inputs and messages, lose their connections, come back, leave. In every tick
//
//   - what each player has decoded is compared with the server's hash of it;
//   - a twin of the room, given the same inputs, must come to the same state and show the same: ranging over a map, the
//     clock, an unseeded random source and package variables are caught in the tick in which they first matter;
//   - a copy of the room, restored from a checkpoint of a random tick and fed the journal since, must do so too: what Step
//     reads must be in the game's State, and every field of it must survive.
//
// A room of a game that Sleeps is compared with a twin that makes every tick. The function of a Room.Call runs at once and
// once; the next tick hears of it.
//
// A panic of the game fails the test with the game's stack. At the end the test's log says how much was checked and how much
// the game allocates per tick.
//
// For scripted play there is a [Bench], which checks the same in each of its ticks:
//
//	b := roomtest.New(t, cards.Definition, roomtest.Options{})
//	ada, bob := b.Join("Ada"), b.Join("Bob")
//	if err := ada.Ask(play{Card: 7}); err == nil { t.Error("ada played out of turn") }
//	hand := roomtest.Count(roomtest.AllPrivate(bob, cardsInHand))
//
// It is for authors' tests: nothing else imports it.
package roomtest
