// Package swarm plays thousands of clients against a server and reports what they saw: the library of the loadtest command.
//
// Bots are real clients (clients/go's Core and Stream): they join over HTTP, decode every state, compare every HASH, send
// inputs at their own phase and come back when their socket dies. On Linux one or two loops drive them all with
// internal/sock: a wake every half millisecond, one receive per ready socket, no goroutine per bot, no allocation per
// frame, so that two thousand fit beside the server they measure on a machine of two processors. Elsewhere each bot has a
// goroutine.
//
// It does not start servers and it knows no game: inputs are random within the schema's ranges unless a Config names a
// better player. Anything wrong in a run is in Report.Errors; an empty list is a pass.
//
//	report, err := swarm.Run(ctx, swarm.Config{URL: "http://127.0.0.1:7777", Game: "arena", Rooms: 16, Players: 8})
//	report.WriteTable(os.Stdout)
package swarm
