// Package playground holds the pages a node shows to people with a browser: what games it has, and one page that plays any
// of them from its schema alone. It is files and the handler that serves them: everything else happens in the browser, over
// the node's public HTTP calls and docs/PROTOCOL.md. It imports nothing of ours; the server mounts it at "/".
//
// The scripts in web/js are plain modules without a build step. From the wire up: msgpack, murmur, wire and view are the
// codec; history, queue, clock and client the session; look, playback, camera, draw, panels, requests and controls make a
// picture and controls of whatever fields a game has; play and index are the pages.
//
//	mux.Handle("/", playground.Handler())
package playground
