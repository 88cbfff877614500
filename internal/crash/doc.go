// Package crash finds out which room brought a process down. Some things that a game does are the end of the whole process, and
// Go lets nobody catch them: recursion without an end, concurrent writes to a map, a panic in a goroutine the game has started.
// What the runtime says then goes to a file of the data folder, with the profiler labels of the goroutine that did it, and the
// next process reads there which room it was running. A process that was killed has said nothing.
//
// It knows no rooms but by name: internal/host labels its goroutines with LabelRoom, LabelEpoch and LabelGame and decides what
// becomes of a room that is to blame.
//
//	h, err := crash.Read(dir)           // how the process before ended
//	for _, r := range h.Blamed() { … }  // rooms that must not run again
//	w, err := crash.Begin(dir, h.Streak)
//	w.Ready()                           // the start is over
//	w.Close()                           // so is the process, in order
package crash
