// Package floor measures what moving the bytes costs a machine when nothing else is done: the figure a game server is held against.
//
// A process of its own serves connections with bare system calls: per connection and tick one recv and one send of the sizes asked
// for, no framing, no game, no allocation, one thread. Rooms are grouped as the server groups them: on the slots of a 5 ms grid,
// each with an epoll set of its own, read and written in one wake. What the clients do beside it is what bots do: inputs at evenly
// spread phases, and a look at the sockets each millisecond.
//
//	r, err := floor.Measure(ctx, floor.Config{Program: os.Args[0], Rooms: 64, Players: 8})
//	fmt.Println(r.CPUUSPerFrame) // user and system time of that process, per input and frame
//
// Measure starts Program with Command as its only argument; Program then calls Serve. Linux only: elsewhere Measure answers
// ErrUnsupported.
package floor
