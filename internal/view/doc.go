// Package view holds what players see of a room: the schema that describes it, a recorded view of one tick, the ring of
// recent views, and the encoding of the difference between two of them.
//
// It serves both ends. The server records a [Frame] each tick, keeps it in a [History] and appends the difference to an older
// one with [AppendDelta]; a client, a relay or a bot turns the bytes back into a Frame with [Decode]; both compare
// [Frame.Hash]. It knows nothing of games, sessions, sockets or time. The bytes are specified in docs/PROTOCOL.md §5.
//
//	layout, _ := view.Compile(schema)
//	cur := layout.NewFrame()
//	vals := cur.Add(0, 7)              // entity 7 of kind 0
//	vals[0], vals[1] = 120, -3
//	err := cur.Seal()
//	body, elements := view.AppendDelta(nil, base, cur, 0)
package view
