package rogue

import (
	"sync"
	"time"

	"github.com/ringside-server/ringside/room"
)

// harms are what the game can do, by name. Each is what an author writes by mistake.
var harms = map[string]func(*game, *room.Room){
	"panic":   func(*game, *room.Room) { panic("rogue: on purpose") },
	"nil":     func(*game, *room.Room) { var p *state; p.Ticks++ },
	"loop":    func(*game, *room.Room) { spin() },
	"block":   func(*game, *room.Room) { select {} },
	"recurse": func(g *game, _ *room.Room) { g.opt.N = deeper(0) },
	"slow":    func(g *game, _ *room.Room) { busy(time.Duration(g.opt.MS) * time.Millisecond) },
	"crowd":   func(*game, *room.Room) {}, // see View
	"garbage": func(g *game, _ *room.Room) { // N bytes of garbage each time
		for range g.opt.N >> 16 {
			kept = append(kept[:0], make([]byte, 1<<16))
		}
	},
	"leak": func(g *game, _ *room.Room) { kept = append(kept, filled(g.opt.N)) },
	"storm": func(*game, *room.Room) { // takes memory and does not come back
		for {
			kept = append(kept, filled(1<<20))
		}
	},
	"grow": func(g *game, _ *room.Room) { g.s.Bulk = append(g.s.Bulk, filled(g.opt.N)...) },
	"cycle": func(g *game, _ *room.Room) {
		g.s.Chain = &chain{}
		g.s.Chain.Next = g.s.Chain
	},
	"events":  func(g *game, r *room.Room) { tolds.Broadcast(r, told{1}); tolds.Send(r, nobody, told{2}) },
	"outside": func(_ *game, r *room.Room) { go func() { tolds.Broadcast(r, told{3}) }() },
	"goroutine-panic": func(*game, *room.Room) {
		go func() { panic("rogue: in a goroutine of its own") }()
		select {}
	},
	"map-race": func(*game, *room.Room) {
		m := map[int]int{}
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 1 << 26 {
					m[i&1023] = w
				}
			})
		}
		wg.Wait()
	},
}

var (
	kept   [][]byte
	nobody = &room.Player{Slot: 15} // a slot in which nobody sits
)

func spin() {
	for { //nolint:staticcheck // SA5002: that is the harm
	}
}

func busy(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

func deeper(n int) int { return deeper(n+1) + 1 } //nolint:staticcheck // SA5007: that is the harm

// filled is memory that the system has really given.
func filled(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}
