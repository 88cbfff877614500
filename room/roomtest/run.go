package roomtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// Run plays a game at random and checks it in every tick; see the package comment. A room that ends is followed by another,
// with the next seed, until all ticks are made.
func Run(t testing.TB, def room.Definition, opts Options) {
	t.Helper()
	if opts.Seed == 0 {
		opts.Seed = 1
	}
	if opts.Ticks == 0 {
		opts.Ticks = 600
	}
	if opts.Players == 0 {
		opts.Players = 4
	}
	opts.Players = min(opts.Players, def.MaxPlayers)
	var sum checks
	rooms := 0
	for sum.ticks < opts.Ticks {
		b := New(t, def, opts)
		b.checks.measuring = true
		c := crowd{b: b, rng: b.rng, seats: make([]*Player, opts.Players)}
		for n := opts.Ticks - sum.ticks; n > 0 && b.Ended() == nil; n-- {
			c.act()
			b.Tick(1)
		}
		sum.add(&b.checks)
		opts.Seed++
		rooms++
	}
	t.Logf("%d ticks in %d rooms: %d frames decoded, %d hashes and %d restores compared", sum.ticks, rooms, sum.frames, sum.hashes, sum.restores)
	if sum.slept > 0 {
		t.Logf("%d ticks were slept through", sum.slept)
	}
	if sum.measured > 0 {
		t.Logf("%.2f allocations per tick, over %d ticks in which nobody came or went", float64(sum.allocs)/float64(sum.measured), sum.measured)
	}
}

func (c *checks) add(o *checks) {
	c.ticks += o.ticks
	c.slept += o.slept
	c.frames += o.frames
	c.hashes += o.hashes
	c.restores += o.restores
	c.measured += o.measured
	c.allocs += o.allocs
}

// A crowd is the people of Run.
type crowd struct {
	b       *Bench
	rng     *rand.Rand
	seats   []*Player // by slot, nil: free
	watcher *Player
	names   int
}

// act lets everybody do something before the next tick.
func (c *crowd) act() {
	for slot := range c.seats {
		c.seats[slot] = c.one(c.seats[slot], Seat{Slot: slot})
	}
	c.watcher = c.one(c.watcher, Seat{Slot: c.b.prog.Def.MaxPlayers, Spectator: true})
}

// one lets one seat act and returns who sits there afterwards.
func (c *crowd) one(p *Player, s Seat) *Player {
	switch {
	case p == nil || p.gone || !p.Connected() && p.main.closedCode != 0:
		if p != nil {
			c.b.forget(p)
		}
		if c.rng.IntN(8) > 0 {
			return nil
		}
		c.names++
		s.Name = fmt.Sprintf("P%d", c.names)
		return c.b.ask(s)
	case !p.Connected():
		if c.rng.IntN(15) == 0 && p.main.welcome.Key != "" {
			p.askResume()
		}
		return p
	case p.stalled > 0:
		p.stalled--
	case c.rng.IntN(200) == 0:
		p.Drop()
	case c.rng.IntN(400) == 0:
		p.askLeave()
	case c.rng.IntN(100) == 0:
		p.stalled = 1 + c.rng.IntN(view.HistoryLen+8)
	case s.Spectator:
	case c.b.opts.Play != nil:
		c.b.opts.Play(p)
	default:
		c.play(p)
	}
	return p
}

// play sends inputs and messages that a client could send.
func (c *crowd) play(p *Player) {
	schema := &c.b.prog.Schema
	if schema.Input != nil {
		n := 1
		switch c.rng.IntN(12) {
		case 0:
			n = 0
		case 1:
			n = 2
		}
		var vals []int32
		for range n {
			vals = append(vals, c.input(p, schema.Input.Fields)...)
		}
		if n > 0 {
			p.inputs(vals)
		}
	}
	for id := range schema.Messages {
		m := &schema.Messages[id]
		if c.rng.Float64() < min(float64(m.Rate)/float64(2*schema.TickHz), 0.2) {
			p.payload(id, c.payload(m.Fields))
		}
	}
}

// input repeats the player's last input most of the time, as a held key does.
func (c *crowd) input(p *Player, fields []view.Field) []int32 {
	if p.held == nil || c.rng.IntN(6) == 0 {
		p.held = make([]int32, len(fields))
		for i := range fields {
			p.held[i] = c.number(&fields[i])
		}
	}
	return p.held
}

// number is a value of a field: mostly a likely one, now and then one from the edge of its range.
func (c *crowd) number(f *view.Field) int32 {
	lo, hi := int32(math.MinInt32), int32(math.MaxInt32)
	if f.Min != nil {
		lo = *f.Min
	}
	if f.Max != nil {
		hi = *f.Max
	}
	switch {
	case f.Type == view.Bool:
		return c.rng.Int32N(2)
	case f.Type == view.Angle:
		return c.rng.Int32N(f.Turn)
	case f.Owner:
		return c.rng.Int32N(int32(c.b.prog.Def.MaxPlayers))
	}
	switch c.rng.IntN(12) {
	case 0:
		return lo
	case 1:
		return hi
	case 2, 3, 4:
		return int32(int64(lo) + c.rng.Int64N(int64(hi)-int64(lo)+1))
	}
	small := c.rng.Int32N(16) - 2
	return min(max(small, lo), hi)
}

func (c *crowd) payload(fields []view.Field) []byte {
	b := wire.AppendArrayLen(nil, len(fields))
	for i := range fields {
		f := &fields[i]
		switch f.Type {
		case view.Text:
			text := strings.Repeat([]string{"a", "é", "hello ", "漢"}[c.rng.IntN(4)], c.rng.IntN(8))
			b = wire.AppendString(b, strings.ToValidUTF8(text[:min(len(text), int(*f.Max))], ""))
		case view.Bytes:
			b = wire.AppendBytes(b, make([]byte, c.rng.IntN(int(*f.Max)+1)))
		default:
			b = wire.AppendInt(b, int64(c.number(f)))
		}
	}
	return b
}
