package view

import (
	"errors"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
)

func TestSealSortsAndRefusesDuplicates(t *testing.T) {
	l := compile(t, schemaOf(Kind{Name: "a", Fields: numbers(1)}, Kind{Name: "b", Fields: numbers(2)}))
	f := l.NewFrame()
	for _, id := range []uint32{9, 2, MaxID, 0, 5} {
		vals := f.Add(1, id)
		if vals[0] != 0 || vals[1] != 0 || cap(vals) != 2 {
			t.Fatalf("Add gave %v with room for %d, want zeros and no more than the entity's own", vals, cap(vals))
		}
		vals[0], vals[1] = int32(id), -int32(id)
	}
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint32{0, 2, 5, 9, MaxID} {
		if id, vals := f.At(1, i); id != want || vals[0] != int32(want) || vals[1] != -int32(want) {
			t.Errorf("entity %d of the order is %d with %v, want %d", i, id, vals, want)
		}
	}
	if v := f.Find(1, 5); v == nil || v[0] != 5 {
		t.Errorf("Find 5: %v", v)
	}
	if v := f.Find(1, 6); v != nil {
		t.Errorf("Find of an id that is not there: %v", v)
	}
	f.Add(0, 4)
	f.Add(0, 4)
	if err := f.Seal(); !errors.Is(err, ErrDuplicate) {
		t.Errorf("Seal with an id twice: %v, want ErrDuplicate", err)
	}
}

// Ids that were put in ascending order with one twice are not sorted, and must be refused all the same.
func TestSealFindsDuplicatesSideBySide(t *testing.T) {
	l := compile(t, schemaOf(Kind{Name: "a"}))
	f := l.NewFrame()
	for _, id := range []uint32{1, 2, 2, 3} {
		f.Add(0, id)
	}
	if err := f.Seal(); !errors.Is(err, ErrDuplicate) {
		t.Errorf("Seal: %v, want ErrDuplicate", err)
	}
}

func TestAddPanicsOverMaxID(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Errorf("Add took id %d", MaxID+1)
		}
	}()
	compile(t, schemaOf(Kind{Name: "a"})).NewFrame().Add(0, MaxID+1)
}

func TestResetKeepsNothing(t *testing.T) {
	l := compile(t, schemaOf(Kind{Name: "a", Fields: numbers(3)}))
	f := l.NewFrame()
	f.Add(0, 1)[0] = 77
	f.Reset()
	if f.Len(0) != 0 {
		t.Fatalf("%d entities after Reset", f.Len(0))
	}
	if v := f.Add(0, 2); v[0] != 0 {
		t.Errorf("a new entity begins with %v, want zeros", v)
	}
}

// §5.6 with numbers worked out by hand: an empty state has the hash of nothing.
func TestHashOfKnownStates(t *testing.T) {
	limit := int32(32)
	l := compile(t, schemaOf(Kind{Name: "a", Fields: numbers(1)}, Kind{Name: "b", Fields: []Field{{Name: "t", Type: Text, Max: &limit}}}))
	f := l.NewClientFrame()
	if got := f.Hash(); got != 0 {
		t.Errorf("hash of nothing %08x, want 0", got)
	}
	f.Add(0, 7)[0] = -2
	f.Add(3, 1)[0] = f.AddText(3, "hi")
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	want := murmur3([]byte{
		0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
		byte(murmur3([]byte("hi"))), byte(murmur3([]byte("hi")) >> 8), byte(murmur3([]byte("hi")) >> 16), byte(murmur3([]byte("hi")) >> 24),
	})
	if got := f.Hash(); got != want {
		t.Errorf("hash %08x, want %08x", got, want)
	}
	// The bytes of texts count, not where they lie.
	g := l.NewClientFrame()
	g.AddText(3, "passed over")
	g.Add(3, 1)[0] = g.AddText(3, "hi")
	g.Add(0, 7)[0] = -2
	if got := g.Hash(); got != want {
		t.Errorf("hash of the same state with another blob %08x, want %08x", got, want)
	}
	for name, change := range map[string]func(*Frame){
		"a field": func(f *Frame) { f.At(0, 0); f.Find(0, 7)[0]++ },
		"a text":  func(f *Frame) { f.Blob(3, f.Find(3, 1)[0])[1]++ },
		"an id":   func(f *Frame) { f.sections[0].ids[0]++ },
	} {
		c := l.NewClientFrame()
		c.CopyFrom(f)
		if change(c); c.Hash() == want {
			t.Errorf("hash did not see %s change", name)
		}
		if f.Hash() != want {
			t.Fatalf("changing %s of a copy changed the original", name)
		}
	}
	var shared wire.WordHash
	f.HashInto(&shared, 2) // as a private part it stands elsewhere
	if shared.Sum() == want {
		t.Error("the section's number is not in the hash")
	}
}

func TestHistory(t *testing.T) {
	l := compile(t, schemaOf(Kind{Name: "a", Fields: numbers(1)}))
	h := NewHistory()
	if h.Newest() != nil || h.Find(0, 0) != nil || h.Find(1, 1) != nil {
		t.Fatal("an empty history found something")
	}
	commit := func(epoch, tick uint32) {
		f := h.Next(l)
		if f.Len(0) != 0 {
			t.Fatalf("Next gave a frame with %d entities", f.Len(0))
		}
		f.Add(0, 1)[0] = int32(tick)
		f.Epoch, f.Tick = epoch, tick
		h.Commit()
	}
	for tick := uint32(2); tick <= 2*HistoryLen; tick += 2 {
		commit(1, tick)
	}
	if f := h.Find(1, 2); f == nil || f.Find(0, 1)[0] != 2 {
		t.Fatalf("the oldest of %d is not found: %v", HistoryLen, f)
	}
	for _, c := range []struct {
		epoch, tick uint32
		want        bool
	}{{1, 2 * HistoryLen, true}, {1, 4, true}, {1, 3, false}, {2, 4, false}, {1, 0, false}, {1, 2*HistoryLen + 2, false}, {0, 0, false}} {
		if got := h.Find(c.epoch, c.tick); (got != nil) != c.want || got != nil && got.Tick != c.tick {
			t.Errorf("Find(%d, %d) = %v, want found %v", c.epoch, c.tick, got, c.want)
		}
	}
	h.Next(l) // the oldest is about to go: nobody may stand on it any more
	if h.Find(1, 2) != nil {
		t.Error("the view that is being overwritten is still found")
	}
	h.Commit()
	h = NewHistory()
	for tick := uint32(1); tick <= 3*HistoryLen; tick++ {
		epoch := 1 + tick/HistoryLen
		commit(epoch, tick)
		if f := h.Newest(); f.Tick != tick || f.Epoch != epoch {
			t.Fatalf("newest is (%d, %d), want (%d, %d)", f.Epoch, f.Tick, epoch, tick)
		}
		oldest := max(int(tick)-HistoryLen+1, 1)
		for b := 1; b <= int(tick); b++ {
			f := h.Find(1+uint32(b)/HistoryLen, uint32(b))
			if (f != nil) != (b >= oldest) || f != nil && f.Find(0, 1)[0] != int32(b) {
				t.Fatalf("at tick %d: Find(%d) = %v, want found %v", tick, b, f, b >= oldest)
			}
		}
	}
}

func TestOneEntityTooMany(t *testing.T) {
	l, _ := aBase(t)
	f := l.NewFrame()
	for i := range MaxEntities {
		f.Add(0, uint32(i))
	}
	defer func() {
		if recover() == nil {
			t.Error("a frame took more than a client does")
		}
	}()
	f.Add(0, MaxEntities)
}
