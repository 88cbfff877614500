package client

import (
	"fmt"
	"sync"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// maxSchemas bounds what servers can make a Schemas keep: a program plays a game or two.
const maxSchemas = 64

// A Game is a parsed schema, shared by all clients that play it and read-only.
type Game struct {
	Hash   uint32
	Schema *Schema
	layout *view.Layout
	width  int // integers of one input
}

// Schemas keeps parsed schemas by hash. It is safe for concurrent use; the zero value is ready.
type Schemas struct {
	mu    sync.Mutex
	games map[uint32]*Game
	last  uint32
}

// Get returns the game with that schema hash, nil if it is not known.
func (s *Schemas) Get(hash uint32) *Game {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.games[hash]
}

// newest is the hash of the last schema added: a first HELLO offers it and is spared the text if it guessed right.
func (s *Schemas) newest() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Add parses a schema's text, unless it is known, and checks it against its hash.
func (s *Schemas) Add(hash uint32, text []byte) (*Game, error) {
	if g := s.Get(hash); g != nil {
		return g, nil
	}
	if got := wire.Murmur32(text); got != hash {
		return nil, fmt.Errorf("%w: schema hashes to %#x, announced %#x", ErrProtocol, got, hash)
	}
	schema, err := view.ParseSchema(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	layout, err := view.Compile(schema)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	g := &Game{Hash: hash, Schema: schema, layout: layout}
	if schema.Input != nil {
		g.width = len(schema.Input.Fields)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.games == nil {
		s.games = make(map[uint32]*Game)
	}
	if len(s.games) < maxSchemas {
		s.games[hash] = g
		s.last = hash
	}
	return g, nil
}
