// Package journal keeps what rooms are made of on disk: each room's newest checkpoint and the records since, so that a
// restart, ordered or not, goes on with every match. It knows neither games nor ticks; checkpoints and records are bytes.
//
// A Store owns a directory of append-only segments and one goroutine, the flusher. Workers hand over bytes through Writers,
// which copy and never wait for the disk; the flusher writes them every Config.FlushEvery (what kill -9 leaves alone) and
// syncs them every Config.SyncEvery (what a power cut leaves alone). A disk that is full, slow or broken costs rooms the
// safety of their newest ticks and nothing else: Stats and the log say so, and the store recovers by itself.
//
//	s, err := journal.Open(journal.Config{Dir: "data/rooms"})
//	for _, name := range s.Rooms() { // restore them
//		saved, _ := s.Saved(name)
//		…
//	}
//	w := s.Begin("r-1", epoch)                // a room begins to run here
//	s.Forget("r-1")                           // its saved bytes are used
//	w.Ticked(tick, base, checkpoint, records) // after each tick
//	w.End()                                   // the room is over
//	err = s.Sync(ctx)                         // everything is on disk
//	err = s.Close()
package journal
