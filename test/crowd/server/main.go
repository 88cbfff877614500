// Command server is a node for measurements: the games of package crowd, one for each rate, and the game of package rogue, to stand
// in their way. It ends as any node does.
//
//	go run ./test/crowd/server
//	go run ./loadtest -game crowd60 -rooms 64 -input-hz 60
package main

import (
	"github.com/ringside-server/ringside"
	"github.com/ringside-server/ringside/test/crowd"
	"github.com/ringside-server/ringside/test/rogue"
)

func main() {
	opts := []ringside.Option{ringside.WithGame(rogue.Definition)}
	for _, def := range crowd.Definitions() {
		opts = append(opts, ringside.WithGame(def))
	}
	ringside.Main(opts...)
}
