package view

import "testing"

// historyOf commits n views, of ticks 1 to n, and says after each which is the oldest that anybody needs.
func historyOf(t *testing.T, n int, lag uint32) (*History, *Layout) {
	t.Helper()
	l, _ := aBase(t)
	h := NewHistory()
	for tick := uint32(1); tick <= uint32(n); tick++ {
		commit(h, l, tick)
		if tick > lag {
			h.Forget(tick - lag)
		}
	}
	return h, l
}

func commit(h *History, l *Layout, tick uint32) {
	f := h.Next(l)
	f.Epoch, f.Tick = 1, tick
	h.Commit()
}

func (h *History) frameCount() (n int) {
	for _, f := range h.frames {
		if f != nil {
			n++
		}
	}
	return n + len(h.spare)
}

func TestHistoryKeepsWhatSomebodyMayStandOn(t *testing.T) {
	h, _ := historyOf(t, 100, 3)
	for tick, want := range map[uint32]bool{100: true, 99: true, 97: true, 96: false, 101: false} {
		if got := h.Find(1, tick) != nil; got != want {
			t.Errorf("tick %d kept: %v, want %v", tick, got, want)
		}
	}
	if h.Find(2, 99) != nil {
		t.Error("a view of another epoch was found")
	}
	if n := h.frameCount(); n > 5 {
		t.Errorf("%d frames for four views", n)
	}
	h.Forget(1000)
	if h.Newest() == nil || h.Newest().Tick != 100 {
		t.Error("the newest view was forgotten")
	}
}

func TestHistoryGrowsForOneWhoLagsAndShrinksAfterwards(t *testing.T) {
	h, l := historyOf(t, 100, 1000)
	if h.Find(1, 100-HistoryLen+1) == nil || h.Find(1, 100-HistoryLen) != nil || h.frameCount() > HistoryLen+1 {
		t.Errorf("%d frames, want the last %d views", h.frameCount(), HistoryLen)
	}
	for tick := uint32(101); tick <= 101+2*trimEvery; tick++ {
		commit(h, l, tick)
		h.Forget(tick - 1)
		if h.Newest().Tick != tick || h.Find(1, tick-1) == nil {
			t.Fatalf("tick %d: the last two views are not kept", tick)
		}
	}
	if n := h.frameCount(); n > 4 {
		t.Errorf("%d frames for two views", n)
	}
}

func TestHistoryThatWaversDoesNotAllocate(t *testing.T) {
	h, l := historyOf(t, 200, 6)
	tick := uint32(200)
	if n := testing.AllocsPerRun(500, func() {
		tick++
		commit(h, l, tick)
		h.Forget(tick - 2 - tick%5)
	}); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
}
