// Package ringside is a game room server as a library: a node that finds players a seat over HTTP and runs their rooms over
// binary WebSocket. A server is a main function that names its games:
//
//	func main() { ringside.Main(ringside.WithGame(arena.Definition)) }
//
// [Main] reads flags and runs until the process is told to stop; [Start] and [Node] are the same without a command line.
// How a game is written: package room. What clients say to it: docs/PROTOCOL.md.
//
// This package joins the parts and holds no logic of theirs: matchmaker keeps the directory of rooms and seats behind the
// log of raftstore, internal/host runs the rooms that the directory assigns to this node.
package ringside
