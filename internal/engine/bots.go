package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// fillWithBots keeps the room at its number of players: one bot joins or leaves per tick. Where nobody plays all leave at
// once, for there may be no other tick.
func (r *Room) fillWithBots() {
	people := 0
	for _, s := range r.sessions {
		if s.player.Role == room.RolePlayer {
			people++
		}
	}
	_, bots := r.driver.Room.Count()
	switch {
	case people == 0:
		for len(r.autoBots) > 0 {
			r.removeBot(r.autoBots[len(r.autoBots)-1], room.ReasonBot)
		}
	case len(r.autoBots) > 0 && people+bots > r.bots:
		r.removeBot(r.autoBots[len(r.autoBots)-1], room.ReasonBot)
	case people+bots < r.bots:
		if slot := r.addBot(fmt.Sprintf("Bot %d", len(r.autoBots)+1)); slot >= 0 {
			r.autoBots = append(r.autoBots, slot)
		}
	}
}

// addBot seats a bot in the highest free slot, -1 if there is none: the directory sells the lowest first.
func (r *Room) addBot(name string) int {
	slot := r.places - 1
	for slot >= 0 && r.driver.Room.Player(slot) != nil {
		slot--
	}
	if slot < 0 {
		return -1
	}
	p := &room.Player{Slot: slot, ID: fmt.Sprintf("bot-%d", slot), Name: cut(name, wire.MaxName), Bot: true}
	if err := r.driver.Join(p); err != nil {
		return -1
	}
	r.sleep.restless = true // there may be more to add
	r.roster.changed(slot)
	return slot
}

func (r *Room) removeBot(slot int, why room.Reason) {
	p := r.driver.Room.Player(slot)
	r.sleep.restless = true
	r.driver.Leave(p, why)
	r.roster.changed(slot)
	r.autoBots = slices.DeleteFunc(r.autoBots, func(s int) bool { return s == slot })
}

// clearSlot makes room for a person whom the directory gave a slot that a bot sits in.
func (r *Room) clearSlot(slot int) {
	if p := r.driver.Room.Player(slot); p != nil && p.Bot {
		r.removeBot(slot, room.ReasonBot)
	}
}

// chooseHost gives a room without a host one: the player who has been there the longest, if possible one who is not away. Who
// is host stays it until the end of the session: a lost connection is not a reason to lose a lobby.
func (r *Room) chooseHost() {
	var heir *Session
	for _, s := range r.sessions {
		switch {
		case s.player.Role != room.RolePlayer:
		case s.player.Host():
			return
		case heir == nil || !heir.attached && s.attached:
			heir = s
		}
	}
	if heir != nil {
		heir.player.SetHost(true)
	}
}

// cut makes a game's text one that a frame takes: at most limit bytes of UTF-8.
func cut(s string, limit int) string { return strings.ToValidUTF8(s[:min(len(s), limit)], "") }
