package hostile_test

import (
	"context"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

const games = "Games"

// enter takes the first seat of a rogue room and returns why its player was sent away, and when.
func enter(t *testing.T, node *rig.Node, opt rogue.Options) (c *client.Client) {
	t.Helper()
	_, seats := rig.Seats(t, node, "rogue", opt, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: seats[0].URL, Token: seats[0].Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestGamePanics(t *testing.T) {
	node, others := neighbourhood(t)
	others.Case(t, games, "panic in Step", func(t *testing.T) string {
		c := enter(t, node, rogue.Options{Harm: "panic", In: "step", After: 10})
		select {
		case <-c.Done():
			return c.Err().Error()
		case <-time.After(5 * time.Second):
			t.Fatal("the room goes on")
			return ""
		}
	})
}
