// Package matchmaker finds players a seat: it keeps the directory of nodes,
// rooms and seats, decides which node runs a room, signs the tokens that
// let a player in, and serves all of it over HTTP.
//
// The Directory is a pure state machine behind a replicated log; the
// Matchmaker proposes commands to that log and reads the directory. Neither
// runs a room: a node fetches its Assignments, runs them, and reports back
// (RoomStarted, Confirm, RoomEnded). Neither knows how the log is replicated:
// the owner of the process hands one in as Log.
//
//	dir := matchmaker.NewDirectory()
//	store, err := raftstore.Open(cfg, dir) // any ordered log will do
//	mm, err := matchmaker.New(matchmaker.Config{}, dir, store)
//	err = mm.RegisterNode(ctx, matchmaker.Node{Name: "a", Incarnation: 1, Games: games})
//	http.Handle("/", mm.Handler())
package matchmaker
