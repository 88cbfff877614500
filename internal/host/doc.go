// Package host runs the rooms of a node: it owns their sockets and their time. It starts the rooms it is assigned, lets
// players in, ticks each room on a fixed grid, and at a tick does everything at once: reads what has arrived, steps the room,
// writes what is new. DESIGN.md in this directory says why and how.
//
// It is not the directory (which rooms exist, who may sit where: Seats, Directory) and not the cluster (who may run a room:
// Gate, Journal); it declares what it needs of them and knows nothing else. It does not know what games do either: that is
// internal/engine's. The node (package ringside) makes one Host and routes GET /v1/rooms/{id}/ws to it.
//
//	h, err := host.New(host.Config{Games: programs, Seats: seats, Directory: dir, Log: log})
//	err = h.Start()
//	h.Reconcile([]host.Assignment{{Room: "k3v9", Epoch: 1, Game: "arena", Seed: 7}})
//	mux.HandleFunc("GET /v1/rooms/{id}/ws", func(w http.ResponseWriter, r *http.Request) { h.ServeWS(w, r, r.PathValue("id")) })
//	err = h.Close(ctx)
package host
