package host

import "runtime/pprof"

// LabelSteps(true) makes the ticks of rooms carry the profiler labels game and room, until it is undone by LabelSteps(false);
// calls nest. While nobody has asked for it a tick costs one atomic load for it.
func (h *Host) LabelSteps(on bool) {
	if on {
		h.profiling.Add(1)
	} else {
		h.profiling.Add(-1)
	}
}

// labelled calls tick under the room's labels. They are made when it is first profiled.
func (h *hosted) labelled(p *pilot, tick func()) {
	if h.labels == nil || h.labelsFor != p {
		h.labels, h.labelsFor = pprof.WithLabels(p.labels, pprof.Labels("game", h.Game, "room", h.Room)), p
	}
	pprof.SetGoroutineLabels(h.labels)
	defer pprof.SetGoroutineLabels(p.labels)
	tick()
}
