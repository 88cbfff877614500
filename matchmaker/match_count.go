package matchmaker

import "sort"

// sizeCounts counts the tickets of a field by size and range of ratings: one
// Fenwick tree for each size, so that a seed around which there is no match
// is found out without a look at its neighbours.
type sizeCounts struct{ trees [maxParty + 1][]int32 }

func newSizeCounts(entries []entry) *sizeCounts {
	c := &sizeCounts{}
	for i := range entries {
		if size := entries[i].size; c.trees[size] == nil {
			c.trees[size] = make([]int32, len(entries)+1)
		}
	}
	for i := range entries {
		c.add(i, entries[i].size, 1)
	}
	return c
}

// add counts the i-th ticket, or with -1 takes it out.
func (c *sizeCounts) add(i, size int, n int32) {
	tree := c.trees[size]
	for i++; i < len(tree); i += i & -i {
		tree[i] += n
	}
}

// before returns how many tickets of a size lie before the i-th.
func (c *sizeCounts) before(i, size int) (n int) {
	for tree := c.trees[size]; i > 0; i &= i - 1 {
		n += int(tree[i])
	}
	return n
}

// within returns the pool of all that any window around a seed holds. It has
// no members, only counts.
func (f *field) within(seed int, window Rating) *pool {
	r := f.entries[seed].rating
	low := sort.Search(len(f.entries), func(i int) bool { return r-f.entries[i].rating <= window })
	high := sort.Search(len(f.entries), func(i int) bool { return f.entries[i].rating-r > window })
	p := newPool(f, seed)
	for size, tree := range f.counts.trees {
		if tree == nil {
			continue
		}
		n := f.counts.before(high, size) - f.counts.before(low, size)
		if size == f.entries[seed].size {
			n-- // the seed itself
		}
		p.counts[size] = n
		p.people += n * size
	}
	return p
}
