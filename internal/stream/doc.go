// Package stream holds HTTP answers open cheaply: Server-Sent Events and long polls, tens of thousands on one node.
//
// A Hub has topics, which are plain strings. Events and Wait are called from HTTP handlers and answer with what happens to a
// topic; Publish is called by whoever changes what the topic is about and never blocks on a client. The package knows nothing
// of rooms, tickets or what the events say, and imports nothing of ours.
//
// An idle request inside net/http costs two goroutines and two buffers. Here a plain HTTP/1.1 connection is taken from
// net/http and parked: no goroutine and no buffer of its own, only a cursor into the topic's recent events. A few writers
// serve all of them. What cannot be taken (HTTP/2, TLS, systems other than Linux) is held by the handler's goroutine under the
// same contract. DESIGN.md says how and what it costs.
//
//	hub := stream.New(stream.Config{Log: log})
//	mux.HandleFunc("GET /v1/rooms/{id}/events", func(w http.ResponseWriter, r *http.Request) {
//		id := r.PathValue("id")
//		hub.Events(w, r, "room/"+id, func() ([]stream.Event, bool) { return rooms.Describe(id) })
//	})
//	…
//	hub.Publish("room/"+id, func() (stream.Event, bool) { return rooms.Changed(id), ended })
package stream
