package host

import (
	"testing"
	"time"
)

// ms are milliseconds of worker time a second, as loads are counted.
const ms = int64(1e6)

func TestChooseWhatToMove(t *testing.T) {
	burdens := func(costs ...int64) (list []burden) {
		for _, c := range costs {
			list = append(list, burden{cost: c * ms})
		}
		return list
	}
	held := burdens(200, 100)
	held[0].stays = true
	for _, tt := range []struct {
		name     string
		from, to int64
		rooms    []burden
		want     int
	}{
		{"half the difference is best", 800, 400, burdens(50, 200, 300), 1},
		{"a little more than half", 800, 400, burdens(60, 230, 10), 1},
		{"the best cannot move", 800, 400, held, 1},
		{"equal loads", 800, 800, burdens(100), -1},
		{"the other has more", 700, 800, burdens(100), -1},
		{"hardly a difference", 840, 800, burdens(20), -1},
		{"one room is all there is", 800, 0, burdens(800), -1},
		{"it would be the other's burden", 800, 400, burdens(400), -1},
		{"a little less would", 800, 400, burdens(399), 0},
		{"rooms that cost nothing", 800, 400, burdens(0, 0), -1},
		{"many small ones go one by one", 800, 400, burdens(10, 50), 1},
		{"no rooms", 800, 0, nil, -1},
	} {
		if got := balanced.choose(tt.from*ms, tt.to*ms, tt.rooms); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Whatever is moved is not moved back, for the same costs.
func TestMovesEnd(t *testing.T) {
	for seed := range int64(200) {
		var sides [2][]burden
		var loads [2]int64
		for i := range 20 {
			c := (seed*7919+int64(i)*104729)%97*ms + ms
			sides[0], loads[0] = append(sides[0], burden{cost: c}), loads[0]+c
		}
		moves := 0
		for from := 0; from < 2; {
			i := balanced.choose(loads[from], loads[1-from], sides[from])
			if i < 0 {
				from++
				continue
			}
			r := sides[from][i]
			sides[from] = append(sides[from][:i:i], sides[from][i+1:]...)
			sides[1-from] = append(sides[1-from], r)
			loads[from], loads[1-from] = loads[from]-r.cost, loads[1-from]+r.cost
			if moves++; moves > 20 {
				t.Fatalf("seed %d: still moving at %v", seed, loads)
			}
			from = 0
		}
		if gap := loads[0] - loads[1]; gap > 60*ms || gap < -60*ms {
			t.Errorf("seed %d: left at %v", seed, loads)
		}
	}
}

func TestCostIsSmoothed(t *testing.T) {
	var c cost
	second := int64(time.Second)
	look := func(spent int64) int64 {
		c.spent = spent
		return c.look(second)
	}
	if got := look(0); got != assumedCost {
		t.Errorf("an empty room weighs %d", got)
	}
	if got := look(ms / 10); got != assumedCost {
		t.Errorf("a young room weighs %d", got)
	}
	if got := look(100 * ms); got <= 50*ms || got > 100*ms {
		t.Errorf("a room that takes 100 ms weighs %d", got)
	}
	for range 10 {
		look(20 * ms)
	}
	if got := c.rate.Load(); got < 20*ms || got > 21*ms {
		t.Errorf("after ten seconds of 20 ms: %d", got)
	}
	for range 40 {
		look(0)
	}
	if got := look(0); got != 0 {
		t.Errorf("a room that fell asleep weighs %d", got)
	}
}

func TestPlacementByCost(t *testing.T) {
	h, err := New(Config{Seats: newTown(), Backend: Goroutine, Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	h.workers[0].enlist(300 * ms)
	for range 3 {
		h.workers[1].enlist(20 * ms)
	}
	for range 100 { // at once, before any is measured
		leastLoaded(h.workers).enlist(assumedCost)
	}
	for i, want := range []int32{1, 38, 65} {
		if got := h.workers[i].rooms.Load(); got < want-1 || got > want+1 {
			t.Errorf("worker %d has %d rooms, want about %d", i, got, want)
		}
	}
	w := h.workers[0]
	dear := w.cheapest(20)
	dear.load = 100 * ms
	for range 9 {
		s := w.cheapest(20)
		if s == dear {
			t.Fatal("the dear slot was chosen among empty ones")
		}
		s.load, s.rooms = 5*ms, []*hosted{{}, {}}
	}
	if s := w.cheapest(20); s == dear {
		t.Error("the slot of the fewest rooms was chosen, not that of the least cost")
	}
}

// From every slot to every other the gap between two ticks is half a period to one and a half.
func TestGapAtAMove(t *testing.T) {
	for _, hz := range []int64{10, 20, 30, 60, 128} {
		n := slotsOf(int(hz))
		for from := range n {
			for to := range n {
				old, s := cadence{hz: hz, offset: slotOffset(int(hz), from)}, cadence{hz: hz, offset: slotOffset(int(hz), to)}
				old.sync(3e9)
				last := old.due()
				s.sync(last + 1e6)
				for s.due() < notBefore(last, hz) {
					s.k++
				}
				if gap := float64(s.due()-last) * float64(hz) / 1e9; gap < 0.49 || gap > 1.51 {
					t.Errorf("%d Hz from slot %d to %d: %.2f periods", hz, from, to, gap)
				}
			}
		}
	}
}
