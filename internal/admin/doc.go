// Package admin is a node's operator's side over HTTP: a JSON API, a page that is made of it, and the profiler. It asks the node
// through the interface Node and knows no rooms of its own; who may ask is decided by Config.Allowed, before anything else.
//
//	GET  /admin/                      the page
//	GET  /admin/api/status            Status
//	GET  /admin/api/history           []Sample: the last 10 minutes
//	GET  /admin/api/rooms             []host.RoomStatus; ?sort=step|late|players|bytes|id &limit=
//	GET  /admin/api/rooms/{id}        host.RoomDetail
//	GET  /admin/api/rooms/{id}/dump   a fault file
//	POST /admin/api/rooms/{id}/close  {"text"}
//	POST /admin/api/rooms/{id}/kick   {"slot" or "seat", "text"}
//	GET  /admin/api/backup            a backup file
//	GET  /debug/pprof/…               profiles; what runs a game is labelled with game and room
//
// A POST needs the header X-Ringside-Admin: 1, which no form of another site can send. Errors are application/problem+json with a
// code. The command line (package ringside) speaks the same API through Client.
package admin
