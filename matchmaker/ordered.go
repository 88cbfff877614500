package matchmaker

// orderedKey sorts by rank, then by id.
type orderedKey struct {
	rank uint64
	id   string
}

func (k orderedKey) less(o orderedKey) bool {
	if k.rank != o.rank {
		return k.rank < o.rank
	}
	return k.id < o.id
}

// orderedSet is a set of keys in order: a treap whose priorities are a hash
// of the key, so that it is balanced whatever the order of the inserts, and
// has the same shape on every replica. Insert, remove and seek take
// O(log n). The zero value is empty. A key is inserted only when it is not
// in the set.
type orderedSet struct {
	root *orderedNode
	len  int
}

type orderedNode struct {
	key         orderedKey
	priority    uint64
	left, right *orderedNode
}

func (s *orderedSet) insert(k orderedKey) {
	low, high := split(s.root, k)
	n := &orderedNode{key: k, priority: mix(hashString(hashUint(fnvOffset, k.rank), k.id))}
	s.root = merge(merge(low, n), high)
	s.len++
}

// remove takes k out if it is there.
func (s *orderedSet) remove(k orderedKey) {
	at := &s.root
	for *at != nil && (*at).key != k {
		if k.less((*at).key) {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	if *at != nil {
		*at = merge((*at).left, (*at).right)
		s.len--
	}
}

// min returns the first key.
func (s *orderedSet) min() (orderedKey, bool) {
	if s.root == nil {
		return orderedKey{}, false
	}
	n := s.root
	for n.left != nil {
		n = n.left
	}
	return n.key, true
}

// ascend calls visit for the keys from k on, in order, until it returns
// false. visit must not change the set.
func (s *orderedSet) ascend(k orderedKey, visit func(orderedKey) bool) {
	ascend(s.root, k, visit)
}

func ascend(n *orderedNode, k orderedKey, visit func(orderedKey) bool) bool {
	for n != nil {
		if n.key.less(k) {
			n = n.right
			continue
		}
		if !ascend(n.left, k, visit) || !visit(n.key) {
			return false
		}
		n = n.right
	}
	return true
}

// split divides n into the keys below k and the rest.
func split(n *orderedNode, k orderedKey) (low, high *orderedNode) {
	if n == nil {
		return nil, nil
	}
	if n.key.less(k) {
		n.right, high = split(n.right, k)
		return n, high
	}
	low, n.left = split(n.left, k)
	return low, n
}

// merge joins two treaps; every key of low is below every key of high.
func merge(low, high *orderedNode) *orderedNode {
	switch {
	case low == nil:
		return high
	case high == nil:
		return low
	case low.priority > high.priority:
		low.right = merge(low.right, high)
		return low
	default:
		high.left = merge(low, high.left)
		return high
	}
}
