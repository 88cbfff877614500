// Package plain is the server that one would write without this module: what the portable backend is held against.
//
// A goroutine per connection upgrades with gobwas/ws and parses masked frames out of a buffered reader into a buffer that is used
// again; a goroutine per room takes the inputs that have come, at each tick, and writes one frame to each connection, the same bytes
// to all. There is no game, no codec, no session and no writer that could wait for a slow client: what is left is what goroutines
// and WebSocket cost.
//
// Clients, sizes, rates and phases are those of package floor, whose Measure starts the process and plays against it.
//
//	r, err := plain.Measure(ctx, floor.Config{Program: os.Args[0], Rooms: 64, Players: 8})
//
// Program is started with Command as its only argument and then calls Serve.
package plain
