package matchmaker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOrderedSetAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var s orderedSet
	var want []orderedKey
	cmp := func(a, b orderedKey) int {
		if a.less(b) {
			return -1
		}
		if b.less(a) {
			return 1
		}
		return 0
	}
	for range 5000 {
		k := orderedKey{uint64(rng.IntN(20)), fmt.Sprint(rng.IntN(20))}
		at, found := slices.BinarySearchFunc(want, k, cmp)
		switch {
		case !found:
			s.insert(k)
			want = slices.Insert(want, at, k)
		case rng.IntN(2) == 0:
			s.remove(k)
			want = slices.Delete(want, at, at+1)
		default:
			s.remove(orderedKey{99, "not there"})
		}
		from := orderedKey{uint64(rng.IntN(20)), ""}
		at, _ = slices.BinarySearchFunc(want, from, cmp)
		var got []orderedKey
		s.ascend(from, func(k orderedKey) bool { got = append(got, k); return true })
		if s.len != len(want) || !slices.Equal(got, want[at:]) {
			t.Fatalf("from %v: got %v, want %v", from, got, want[at:])
		}
	}
}

// Sequential keys are the worst case of a plain tree.
func TestOrderedSetStaysShallow(t *testing.T) {
	var s orderedSet
	for i := range 20_000 {
		s.insert(orderedKey{rank: uint64(i)})
	}
	var depth func(*orderedNode) int
	depth = func(n *orderedNode) int {
		if n == nil {
			return 0
		}
		return 1 + max(depth(n.left), depth(n.right))
	}
	if got := depth(s.root); got > 50 {
		t.Errorf("20,000 keys are %d deep, want at most 50", got)
	}
}

func TestPlace(t *testing.T) {
	nodes := func(weights ...int) (out []*node) {
		for i, w := range weights {
			out = append(out, &node{Node{Name: fmt.Sprintf("n%d", i), Weight: w, Games: testGames}})
		}
		return out
	}
	if got := place(nil, "r", "arena"); got != "" {
		t.Errorf("no nodes: %q", got)
	}
	if got := place(nodes(1), "r", "chess"); got != "" {
		t.Errorf("no node with the game: %q", got)
	}
	if got := place(nodes(1), "r", "arena"); got != "n0" {
		t.Errorf("one node: %q", got)
	}
	// Rooms spread by weight, and a new node takes only its own.
	const rooms = 8000
	count := map[string]int{}
	for i := range rooms {
		room := roomID(random(randomBytes))
		was, is := place(nodes(1, 2, 1), room, "arena"), place(nodes(1, 2, 1, 4), room, "arena")
		count[was]++
		if is != was && is != "n3" {
			t.Fatalf("room %d moved from %s to %s when n3 came", i, was, is)
		}
	}
	for name, want := range map[string]float64{"n0": 0.25, "n1": 0.5, "n2": 0.25} {
		if got := float64(count[name]) / rooms; math.Abs(got-want) > 0.04 {
			t.Errorf("%s got %.3f of the rooms, want about %.2f", name, got, want)
		}
	}
}
