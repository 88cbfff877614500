// Command ringside is the batteries-included node: the server with the example games. A server of your own is this file with
// your games in it.
package main

import (
	"github.com/ringside-server/ringside"
	"github.com/ringside-server/ringside/examples/arena"
	"github.com/ringside-server/ringside/examples/cards"
	"github.com/ringside-server/ringside/examples/track"
)

func main() {
	ringside.Main(
		ringside.WithGame(arena.Definition),
		ringside.WithGame(cards.Definition),
		ringside.WithGame(track.Definition),
	)
}
