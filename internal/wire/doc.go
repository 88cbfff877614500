// Package wire is the wire protocol ringside.v1.msgpack in Go: every frame of docs/PROTOCOL.md as a struct with an Append
// and a Parse function, the msgpack primitives under them, the close codes and the hash that HASH frames carry.
//
// It is bytes and nothing else: no sockets, no sessions, no game schema. It knows where the body of a state frame starts
// and that it is whole, but not what its numbers mean. It imports nothing of ours. The server, the Go client and the load
// test call it; SDKs in other languages are held to the same bytes by testdata/vectors.json.
//
// Append functions write at the end of a slice and return it; they trust their caller to keep the limits of this package.
// Parse functions trust nothing: they check each announced length before they use it, keep every limit, refuse bytes after
// the frame, and answer ErrMalformed alone, which costs the sender its connection (CloseMalformed). A field that is a
// []byte or a Reader aliases the frame; strings are copies.
//
//	buf = wire.AppendPing(buf[:0], wire.Ping{ClientUS: 1_000_000})
//	t, err := wire.PeekType(buf) // TypePing
//	p, err := wire.ParsePing(buf)
package wire
