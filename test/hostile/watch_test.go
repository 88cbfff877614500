package hostile_test

import (
	"context"
	"sync"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/test/rig"
)

// watched takes a seat of a room of the rogue game honestly, and returns what the game has made of the inputs of the player in
// a slot: the sum of X and how many there were.
func watched(t *testing.T, node *rig.Node, room string, seat client.Seat, slot uint32) (sum, inputs int32) {
	t.Helper()
	var (
		mu   sync.Mutex
		seen = make(chan struct{}, 1)
	)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	ticks := 0
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token, On: client.Handlers{
		State: func(_ *client.Core, _ time.Duration, s client.State) {
			mu.Lock()
			defer mu.Unlock()
			if v := s.Cur.Find(0, slot); v != nil {
				sum, inputs = v[0], v[1]
			}
			if ticks++; ticks == 3 { // what was sent before the dial has had its tick
				close(seen)
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case <-seen:
	case <-ctx.Done():
		t.Fatalf("room %s shows nothing", room)
	}
	mu.Lock()
	defer mu.Unlock()
	return sum, inputs
}
