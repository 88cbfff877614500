// Package engine runs one room: it keeps the players' sessions, feeds the game, and turns what the game shows into frames.
// It is pure. It does no I/O, starts no goroutine and reads no clock: whoever drives it (internal/host, a test, a replay) says
// when a tick is and what has arrived.
//
// A tick has two halves. Gathering decides, from what arrived since the last tick, what reaches the game: which inputs,
// messages, joins, leaves and timeouts. It writes its decisions as one journal record. Applying executes that record: it is
// the only way anything reaches the game, so that replaying records after a checkpoint gives the same room by construction.
//
//	r, err := engine.New(engine.Config{ID: "k3v9", Program: prog, Epoch: 1, Seed: 7})
//	r.Join(engine.Join{Conn: 1, Seat: engine.Seat{ID: 1, Name: "Ada"}})
//	r.Tick(clockUS)
//	for _, o := range r.Outcomes() { … }          // who is in, who was refused
//	r.Flush(session, sink)                        // what the session is to be sent
//
// A Room and its Sessions belong to one goroutine.
package engine
