package crowd

import (
	"testing"

	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

func TestEachRateIsAGameAsItShouldBe(t *testing.T) {
	for i, def := range Definitions() {
		if def.TickHz != Rates[i] || def.MaxPlayers != room.MaxPlayers {
			t.Errorf("%s: %d Hz, %d players", def.Name, def.TickHz, def.MaxPlayers)
		}
		roomtest.Run(t, def, roomtest.Options{Ticks: 200})
	}
}
