package room

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

func idsOf[T any](t *Table[T]) (ids []int) {
	for id := range t.All() {
		ids = append(ids, id)
	}
	return ids
}

func TestTable(t *testing.T) {
	var tb Table[string]
	if tb.Len() != 0 || tb.Get(0) != nil || idsOf(&tb) != nil {
		t.Fatal("the zero Table is not empty")
	}
	a, at := tb.Add("a")
	*at = "A"
	b, _ := tb.Add("b")
	if a != 1 || b != 2 || *tb.Get(a) != "A" {
		t.Errorf("ids %d, %d; row %q", a, b, *tb.Get(a))
	}
	tb.Delete(a)
	tb.Delete(99)
	if c, _ := tb.Add("c"); c != 3 || tb.Get(a) != nil {
		t.Errorf("a new row got id %d, want 3: an id is not given twice", c)
	}
	tb.Put(7, "seven")
	tb.Put(0, "zero")
	if got := tb.Put(2, "B"); *got != "B" || tb.Get(2) != got {
		t.Errorf("Put on a row that is there: %q", *got)
	}
	if d, _ := tb.Add("d"); d != 8 {
		t.Errorf("after Put(7) a new row got id %d, want 8", d)
	}
	if got, want := idsOf(&tb), []int{0, 2, 3, 7, 8}; !slices.Equal(got, want) || tb.Len() != 5 {
		t.Errorf("ids %v, want %v", got, want)
	}
	tb.Clear()
	if e, _ := tb.Add("e"); e != 9 || tb.Len() != 1 {
		t.Errorf("after Clear: id %d, %d rows, want 9 and 1", e, tb.Len())
	}
	wantPanic(t, "table id -1", func() { tb.Put(-1, "") })
	wantPanic(t, "is not in 0 to", func() { tb.Put(MaxID+1, "") })
}

// After the last id there is, the free ones are given again.
func TestTableIDsBeginAgain(t *testing.T) {
	var tb Table[int]
	tb.Put(1, 0)
	tb.Put(MaxID, 0)
	if id, _ := tb.Add(0); id != 2 {
		t.Errorf("id %d, want 2", id)
	}
}

func TestTableChangesDuringAll(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var tb Table[int]
		want := map[int]int{}
		for range rng.IntN(20) {
			id := rng.IntN(30)
			tb.Put(id, id)
			want[id] = id
		}
		visited, dead := map[int]bool{}, map[int]bool{}
		last, adds := -1, 0
		for id, row := range tb.All() {
			if id <= last || visited[id] || dead[id] || *row != id {
				t.Fatalf("seed %d: visited %d (row %d) after %d", seed, id, *row, last)
			}
			last, visited[id] = id, true
			for range rng.IntN(3) {
				victim := rng.IntN(30)
				if rng.IntN(2) == 0 {
					victim = id
				}
				if tb.Get(victim) != nil {
					tb.Delete(victim)
					delete(want, victim)
					dead[victim] = true
				}
			}
			if adds < 5 && rng.IntN(3) == 0 {
				adds++
				n, at := tb.Add(0)
				*at, want[n] = n, n
				delete(dead, n)
			}
		}
		got := map[int]int{}
		for id, row := range tb.All() {
			got[id] = *row
		}
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d: rows %v, want %v", seed, got, want)
		}
		for id := range got {
			if !visited[id] && id > last {
				t.Fatalf("seed %d: row %d, added behind the end, was not visited", seed, id)
			}
		}
	}
	var tb Table[int]
	tb.Put(1, 1)
	tb.Put(2, 2)
	for range tb.All() {
		break
	}
	for id := range tb.All() {
		if tb.Clear(); id != 1 {
			t.Errorf("visited %d after Clear", id)
		}
	}
}

func TestTableSurvives(t *testing.T) {
	type row struct {
		X    int
		Tags []string
	}
	var a, b Table[row]
	a.Put(3, row{1, []string{"x"}})
	a.Add(row{X: 2})
	a.Delete(4)
	a.Put(0, row{X: 7})
	data, err := msgpack.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(99, row{X: 99}) // what was there goes
	if err := msgpack.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(idsOf(&b), []int{0, 3}) || b.Get(3).Tags[0] != "x" {
		t.Errorf("restored ids %v", idsOf(&b))
	}
	if id, _ := b.Add(row{}); id != 5 {
		t.Errorf("the restored table gives id %d next, want 5", id)
	}
	again, err := msgpack.Marshal(&a)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("encoded twice: % x and % x, %v", data, again, err)
	}
}

func TestTableRefusesHostileBytes(t *testing.T) {
	for name, data := range map[string][]byte{
		"a number":             {5},
		"no elements":          {0x90},
		"a row without its id": {0x92, 1, 5},
		"ids that fall":        {0x95, 9, 5, 1, 4, 1},
		"an id twice":          {0x95, 9, 5, 1, 5, 1},
		"a negative id":        {0x93, 9, 0xff, 1},
		"an id too high":       {0x93, 9, 0xce, 1, 0, 0, 0, 1},
		"a negative last id":   {0x91, 0xfb},
		"a last id too high":   {0x91, 0xce, 2, 0, 0, 0},
		"a row of text":        {0x93, 9, 1, 0xa1, 'x'},
		"cut":                  {0x93, 9, 1},
	} {
		var tb Table[int]
		if err := msgpack.Unmarshal(data, &tb); err == nil {
			t.Errorf("%s: taken as %v, last %d", name, idsOf(&tb), tb.last)
		}
	}
}

func TestTableDoesNotAllocateInSteadyState(t *testing.T) {
	var tb Table[[4]int]
	turn := func() {
		for range 8 {
			tb.Add([4]int{})
		}
		for id := range tb.All() {
			tb.Delete(id)
		}
	}
	turn()
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations for rows that come and go, want 0", n)
	}
}
