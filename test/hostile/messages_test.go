package hostile_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
)

const pokeRate = 100 // a second: that of the rogue game's message

func poke(ref uint32) []byte {
	return wire.AppendMsg(nil, wire.Msg{Ref: ref, Payload: []byte{0x91, 5}})
}

// answered reads until REPLYs to the refs 1 … n have come, each once and in order, and an event for each that was done, which
// the game tells as often as it was asked. It returns how many that were.
func (g *guest) answered(t *testing.T, n int) (done int) {
	t.Helper()
	told := 0
	for ref := uint32(1); ref <= uint32(n) || told < done; {
		head, b, err := g.Message(soon)
		if err != nil || head == rig.CloseFrame {
			t.Fatalf("%d of %d REPLYs and %d of %d events came, then %v %x", ref-1, n, told, done, err, b)
		}
		switch typ, _ := wire.PeekType(b); typ {
		case wire.TypeEvent:
			told++
		case wire.TypeReply:
			r, err := wire.ParseReply(b)
			if err != nil || r.Ref != ref || r.Code != wire.ReplyDone && r.Code != wire.ReplyTooMany {
				t.Fatalf("REPLY %+v, %v; want ref %d, done or too many", r, err, ref)
			}
			if r.Code == wire.ReplyDone {
				done++
			}
			ref++
		}
	}
	return done
}

// A flood of messages is answered one by one up to the rate of frames, and handled up to the message's rate.
func TestMessageFloods(t *testing.T) {
	node, others := neighbourhood(t)
	others.Case(t, frames, "200 MSG at once", func(t *testing.T) string {
		const n = 200
		g := admit(t, node)
		var burst [][]byte
		for ref := uint32(1); ref <= n; ref++ {
			burst = append(burst, poke(ref))
		}
		if err := g.Send(burst...); err != nil {
			t.Fatal(err)
		}
		done := g.answered(t, n)
		if done == 0 || done > pokeRate+pokeRate/10 {
			t.Errorf("%d were done", done)
		}
		return fmt.Sprintf("REPLY 2 (too many) to all but %d", done)
	})
	others.Case(t, frames, "200 MSG/s of a message with a rate of 100", func(t *testing.T) string {
		const each, bursts = 10, 40
		g := admit(t, node)
		tick := time.NewTicker(time.Second / 20)
		defer tick.Stop()
		began := time.Now()
		for i := range bursts {
			var burst [][]byte
			for k := range each {
				burst = append(burst, poke(uint32(i*each+k+1)))
			}
			if err := g.Send(burst...); err != nil {
				t.Fatal(err)
			}
			<-tick.C
		}
		done := g.answered(t, each*bursts)
		most := pokeRate + int(pokeRate*(time.Since(began)+100*time.Millisecond).Seconds())
		if done < pokeRate || done > most {
			t.Errorf("%d of %d were done, want %d at most", done, each*bursts, most)
		}
		return fmt.Sprintf("%d of %d done in %.1f s, REPLY 2 (too many) to the others", done, each*bursts, time.Since(began).Seconds())
	})
	others.Case(t, frames, "1,000 MSG at once", func(t *testing.T) string {
		g := admit(t, node)
		push(g.Raw, bytes.Repeat(rig.Frame(rig.BinaryFrame, poke(1)), 1000))
		return met(t, "it", g.Ending(soon), wire.CloseRate)
	})
}

func TestMessages(t *testing.T) {
	node, others := neighbourhood(t)
	for _, c := range []struct {
		name string
		id   uint32
		body [][]byte
		want uint32
	}{
		{"MSG with an id that is none", 1, [][]byte{{0x91, 5}, {}}, wire.ReplyNoMessage},
		{"MSG with id 2^32 - 1", math.MaxUint32, [][]byte{{0x91, 5}}, wire.ReplyNoMessage},
		{"MSG whose body does not fit the schema", 0, [][]byte{
			{}, {5}, {0xc0}, {0x80}, {0x91}, {0x91, 0xa1, 'x'}, {0x91, 0xc4, 1, 0}, {0x91, 0xc0}, {0x91, 0xca, 0, 0, 0, 0}, {0x91, 5, 5},
			{0x91, 0xce, 0x80, 0, 0, 0}, {0x91, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0x92, 5, 0xc1},
			bytes.Repeat([]byte{0x91}, 4000),
		}, wire.ReplyMalformed},
		{"MSG whose body is of a later version", 0, [][]byte{{0x90}, {0x92, 5, 6}, {0x92, 5, 0x91, 0x90}}, wire.ReplyDone},
	} {
		others.Case(t, frames, c.name, func(t *testing.T) string {
			g := admit(t, node)
			for i, body := range c.body {
				if err := g.Send(wire.AppendMsg(nil, wire.Msg{Ref: uint32(i + 1), ID: c.id, Payload: body})); err != nil {
					t.Fatal(err)
				}
			}
			for i, r := range g.replies(t, len(c.body)) {
				if r.Code != c.want || r.Ref != uint32(i+1) {
					t.Errorf("% x is answered with %+v, want code %d", c.body[i][:min(16, len(c.body[i]))], r, c.want)
				}
			}
			return fmt.Sprintf("REPLY %d", c.want)
		})
	}
	for _, c := range []struct {
		name string
		refs []uint32
		want []uint32 // that are answered
	}{
		{"MSG with a ref used before", []uint32{1, 1, 3, 2, 0, 3, 4}, []uint32{1, 3, 4}},
		{"MSG with the last ref there is, and the first again", []uint32{math.MaxUint32, 1, math.MaxUint32, 0}, []uint32{math.MaxUint32}},
	} {
		others.Case(t, frames, c.name, func(t *testing.T) string {
			g := admit(t, node)
			for _, ref := range c.refs {
				if err := g.Send(poke(ref)); err != nil {
					t.Fatal(err)
				}
			}
			var got []uint32
			for _, r := range g.replies(t, len(c.want)) {
				got = append(got, r.Ref)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("answered are %d, want %d", got, c.want)
			}
			if more, err := g.heard(); err != nil || more > 0 {
				t.Errorf("%d REPLYs more, %v", more, err)
			}
			return fmt.Sprintf("ignored; %d of %d answered", len(got), len(c.refs))
		})
	}
	others.Case(t, frames, "LEAVE, and then MSG and INPUT", func(t *testing.T) string {
		g := admit(t, node)
		push(g.Raw, join(rig.Frame(rig.BinaryFrame, wire.AppendLeave(nil)), rig.Frame(rig.BinaryFrame, poke(1)), rig.Frame(rig.BinaryFrame, input(1, 1))))
		got := met(t, "it", g.Ending(soon), wire.CloseLeft)
		refused(t, node, g.welcome.Room, keyHello(g), wire.CloseResumeUnknown)
		return got + "; the seat is given up"
	})
}
