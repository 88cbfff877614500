package matchmaker

// place returns the name of the node that shall own room, empty when none of
// nodes offers its game. nodes must be sorted by name: a tie goes to the
// first.
//
// It is weighted rendezvous hashing: every node draws one ticket for each
// unit of its weight, the highest ticket wins. When a node comes, it takes
// rooms from the others in proportion to its weight, and no room moves
// between the others. The usual formula, -weight/ln(hash), is floating point
// and not the same on every architecture; replicas must agree, so weights are
// small integers here.
func place(nodes []*node, room, game string) string {
	var best uint64
	var winner string
	for _, n := range nodes {
		if _, ok := n.game(game); !ok {
			continue
		}
		for ticket := range max(1, n.Weight) {
			h := mix(hashUint(hashString(hashString(fnvOffset, n.Name), room), uint64(ticket)))
			if winner == "" || h > best {
				best, winner = h, n.Name
			}
		}
	}
	return winner
}
