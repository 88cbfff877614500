package hostile_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

// input is one of the rogue game's: its width is 2.
func input(seq uint32, x int32) []byte { return wire.AppendInput(nil, seq, 0, 0, []int32{x, 0}) }

// wideInput is an input whose X is any integer at all.
func wideInput(x int64) []byte {
	b := []byte{0x96, byte(wire.TypeInput), 1, 0, 0}
	return append(wire.AppendInt(b, x), 0)
}

// What does not follow the numbers or the schema is dropped or clamped, and what does not parse is not half used.
func TestInputs(t *testing.T) {
	node, others := neighbourhood(t)
	for _, c := range []struct {
		name string
		send [][]byte
		want wire.CloseCode // 0: it plays on
		used int32          // inputs that Step saw
		sum  int32          // of their X, each within -100..100
	}{
		{"INPUT that comes late, twice", [][]byte{input(1, 1), input(2, 2), input(3, 4), input(2, 50), input(1, 50), input(3, 50)}, 0, 3, 7},
		{"INPUT that overlaps", [][]byte{
			wire.AppendInput(nil, 3, 0, 0, []int32{1, 0, 1, 0, 1, 0}), wire.AppendInput(nil, 4, 0, 0, []int32{50, 0, 50, 0, 1, 0}),
		}, 0, 4, 4},
		{"seq jumps by 2^31, and back", [][]byte{input(1, 1), input(1+1<<31, 2), input(2, 50), input(1<<31, 50)}, 0, 2, 3},
		{"the last seq there is, and the first again", [][]byte{input(math.MaxUint32, 1), input(1, 50), input(math.MaxUint32, 50)}, 0, 1, 1},
		{"values out of range", [][]byte{
			wire.AppendInput(nil, 3, 0, 0, []int32{math.MaxInt32, 7, 101, -1, math.MinInt32, math.MinInt32}),
		}, 0, 3, 100},
		{"acknowledges the future, seen an age ago", [][]byte{wire.AppendInput(nil, 1, math.MaxUint32, math.MaxUint32, []int32{1, 0})}, 0, 1, 1},
		{"a value of more than 32 bits", [][]byte{wideInput(1 << 31)}, wire.CloseMalformed, 0, 0},
		{"a value of 63 bits", [][]byte{wideInput(math.MinInt64)}, wire.CloseMalformed, 0, 0},
		{"good inputs, then one that does not parse", [][]byte{input(1, 1), input(2, 1), wideInput(1 << 40)}, wire.CloseMalformed, 2, 2},
		{"seq 0", [][]byte{input(0, 50)}, wire.CloseMalformed, 0, 0},
		{"more inputs than numbers", [][]byte{wire.AppendInput(nil, 1, 0, 0, []int32{50, 0, 50, 0})}, wire.CloseMalformed, 0, 0},
		{"an input and a half", [][]byte{wire.AppendInput(nil, 2, 0, 0, []int32{50, 0, 50})}, wire.CloseMalformed, 0, 0},
		{"nine inputs in a frame", [][]byte{wire.AppendInput(nil, 9, 0, 0, make([]int32, 18))}, wire.CloseMalformed, 0, 0},
	} {
		others.Case(t, frames, c.name, func(t *testing.T) string {
			room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 2)
			g := take(t, node, room, seats[0])
			if err := g.Send(c.send...); err != nil {
				t.Fatal(err)
			}
			got := "it plays on"
			if c.want != 0 {
				got = met(t, "it", g.Ending(soon), c.want)
			} else if err := g.alive(); err != nil {
				t.Error(err)
			}
			sum, used := watched(t, node, room, seats[1], 0)
			if used != c.used || sum != c.sum {
				t.Errorf("%d inputs of %d in sum were used, want %d of %d", used, sum, c.used, c.sum)
			}
			return fmt.Sprintf("%s; %d inputs used", got, used)
		})
	}
	others.Case(t, frames, "INPUT for a game without", func(t *testing.T) string {
		room, seats := rig.Seats(t, node, "cards", nil, 1)
		g := take(t, node, room, seats[0])
		push(g.Raw, rig.Frame(rig.BinaryFrame, input(1, 1)))
		return met(t, "it", g.Ending(soon), wire.CloseUnexpected)
	})
}

// Who acknowledges what never was harms nobody: states and numbered answers go on for it as well.
func TestAcks(t *testing.T) {
	node, others := neighbourhood(t)
	ack := func(tick, event uint32) []byte { return wire.AppendAck(nil, wire.Ack{Tick: tick, EventSeq: event}) }
	for _, c := range []struct {
		name string
		send [][]byte
	}{
		{"ACK of a tick to come", [][]byte{ack(1<<20, 0), ack(math.MaxUint32, 0)}},
		{"ACK of an event to come", [][]byte{ack(0, 1<<20), ack(0, math.MaxUint32)}},
		{"ACK that goes back", [][]byte{ack(3, 2), ack(2, 1), ack(0, 0), ack(1, 2)}},
	} {
		others.Case(t, frames, c.name, func(t *testing.T) string {
			g := admit(t, node)
			for ref := uint32(1); ref <= 3; ref++ { // each has a REPLY and an event, numbered on
				if err := g.Send(append(slices.Clone(c.send), poke(ref))...); err != nil {
					t.Fatal(err)
				}
				if r := g.replies(t, 1)[0]; r.Ref != ref || r.Seq != 2*ref-1 || r.Code != wire.ReplyDone {
					t.Errorf("REPLY %+v, want ref %d and seq %d", r, ref, 2*ref-1)
				}
				if more, err := g.heard(); err != nil || more > 0 {
					t.Errorf("%d REPLYs more, %v", more, err)
				}
			}
			if _, err := g.states(4); err != nil {
				t.Error(err)
			}
			return "it plays on; nothing is sent twice, nothing left out"
		})
	}
}
