// Command server is a node for tests: two honest games, one with inputs and one without, and the one of package rogue. It ends
// when its standard input does, so that it does not outlive the test that started it.
package main

import (
	"io"
	"os"

	"github.com/ringside-server/ringside"
	"github.com/ringside-server/ringside/examples/arena"
	"github.com/ringside-server/ringside/examples/cards"
	"github.com/ringside-server/ringside/test/rogue"
)

func main() {
	go func() { // ends with the process, and ends it
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends
		os.Exit(3)
	}()
	ringside.Main(ringside.WithGame(arena.Definition), ringside.WithGame(cards.Definition), ringside.WithGame(rogue.Definition))
}
