//go:build linux

package host

import "testing"

// A slot that runs over gives a room to the cheapest of its rate, once; nobody in it loses the connection.
func TestSpreadOverSlots(t *testing.T) {
	b := newBench(t, 4, 2)
	b.wake()
	w := b.w
	full := w.adopted[0].slot
	for range len(w.adopted) {
		h := w.adopted[0] // goes to the end of the list
		w.vacate(h)
		w.house(h, full)
	}
	for _, h := range w.adopted {
		h.cost.looks = seasonedAfter
		w.reweigh(h, 60*ms)
	}
	if !w.spread(full) {
		t.Fatalf("nothing moves from a slot of %d ms", full.load/ms)
	}
	h := w.moves[0].room
	tick := h.tick.Load()
	w.makeMoves()
	if h.slot == full || len(full.rooms) != 3 || full.load != 180*ms || h.slot.load != 60*ms || len(w.moves) != 0 {
		t.Fatalf("%d rooms of %d ms are left, %d ms went", len(full.rooms), full.load/ms, h.slot.load/ms)
	}
	if h.slot.conns != 2 || full.conns != 6 || w.table.count != 8 {
		t.Errorf("%d connections went, %d are left, %d in all", h.slot.conns, full.conns, w.table.count)
	}
	for range 100 { // the first wakes may be before its time
		b.wake()
	}
	if h.tick.Load() < tick+2 {
		t.Errorf("tick %d after %d", h.tick.Load(), tick)
	}
	if n := b.host.stats.RoomsMoved.Load(); n != 1 {
		t.Errorf("%d moves are counted", n)
	}
}
