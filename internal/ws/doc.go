// Package ws is the server's side of WebSocket for a host that reads when it wants to: the upgrade of an HTTP request, a
// parser for bytes that arrive in any pieces, and the few frames a server writes.
//
// It owns no socket, no goroutine and no buffer but the beginning of an unfinished message; it knows no room and no frame of
// ours. The host (internal/host) calls it. The handshake, headers and masking are those of github.com/gobwas/ws.
//
//	conn, rest, err := ws.Upgrader{}.Upgrade(w, r)
//	var p ws.Parser
//	for len(buf) > 0 {
//		m, n, err := p.Next(buf, limit) // m.Payload may point into buf
//		buf = buf[n:]
//	}
//	out = append(ws.AppendHeader(out, len(frame)), frame...)
package ws
