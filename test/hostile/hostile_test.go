// Package hostile_test is the catalogue of what strangers and games can do to a node, each line against the real process while
// people play next door: what the attacker gets, and that nobody else loses anything.
package hostile_test

import (
	"testing"

	"github.com/ringside-server/ringside/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// neighbourhood is a node with two rooms of four players who keep on playing.
func neighbourhood(t *testing.T, args ...string) (*rig.Node, *rig.Neighbours) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the real process")
	}
	node := rig.Start(t, rig.Options{Args: args})
	return node, rig.MoveIn(t, node, 2, 4)
}
