// Package pressure watches what a node can run out of (memory, open files, the disk, what waits for the disk) and says when it
// should take nothing new any more: admission stops before service does. What runs is not touched by it, but for memory, where
// [Relief] decides what is ended before the kernel ends everything.
//
// It is no HTTP and knows no rooms: the node joins its sources to a [Monitor], asks [Monitor.Stopped] before it sells anything, and
// gives [Relief] the functions that act.
//
//	memory := pressure.NewMemory(limit)
//	m := pressure.New(pressure.Config{Sources: []pressure.Source{memory.Source(), pressure.Files(sock.FileLimit)}, Log: log})
//	go m.Run(ctx)
//	if resource := m.Stopped(); resource != "" { … } // 503
package pressure
