package hostile_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

// A probe is a frame and what it must meet with; 0: nothing, the connection goes on.
type probe struct {
	name  string
	frame []byte
	want  wire.CloseCode
}

// answer sends a probe and says what is wrong with what it met with.
func (p *probe) answer(g *guest) (closed bool, err error) {
	if err := g.Send(p.frame); err != nil {
		return false, err
	}
	if p.want == 0 {
		return false, g.alive()
	}
	if e := g.Ending(soon); e.Code != int(p.want) || e.TCP != "FIN" {
		return true, fmt.Errorf("met with %v, want %d", e, p.want)
	}
	return true, nil
}

// inPlay sends each probe to a seated player. Twelve players share them; who is closed comes back by key.
func inPlay(t *testing.T, node *rig.Node, probes []probe) {
	t.Helper()
	room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 12)
	work := make(chan *probe, len(probes))
	for i := range probes {
		work <- &probes[i]
	}
	close(work)
	var all sync.WaitGroup
	for _, seat := range seats {
		g := take(t, node, room, seat)
		all.Go(func() {
			for p := range work {
				err := g.alive() // its key is known to be the newest
				closed := false
				if err == nil {
					closed, err = p.answer(g)
				}
				if err != nil {
					t.Errorf("in play, %s (% x): %v", p.name, p.frame[:min(len(p.frame), 32)], err)
				}
				if closed || err != nil {
					old := g
					if g, err = enterBy(node, room, keyHello(old)); err != nil {
						t.Errorf("after %s nobody comes back: %v", p.name, err)
						return
					}
					old.Close()
				}
			}
			g.Close()
		})
	}
	all.Wait()
	for range work { // if all have given up
		t.Error("probes are left")
	}
}

// beforeHello sends each probe on a connection of its own. Where nothing happens a HELLO must still be answered.
func beforeHello(t *testing.T, node *rig.Node, room string, probes []probe) {
	t.Helper()
	for _, p := range probes {
		r := knock(t, node, room)
		if err := r.Send(p.frame); err != nil {
			t.Fatal(err)
		}
		want := p.want
		if want == 0 {
			want = wire.CloseToken
			push(r, rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, &wire.Hello{VMin: 1, VMax: 1, Token: "none"})))
		}
		met(t, "before HELLO, "+p.name, r.Ending(soon), want)
		r.Close()
	}
}

// ofType is a frame of a type with n elements 1 behind it.
func ofType(typ, n int) []byte {
	b := wire.AppendUint(wire.AppendArrayLen(nil, n+1), uint64(typ))
	for range n {
		b = append(b, 1)
	}
	return b
}

func TestFrameTypes(t *testing.T) {
	node, others := neighbourhood(t)
	room := others.Rooms()[1]
	types := func(from, to, step int, want wire.CloseCode, not ...wire.Type) (out []probe) {
	next:
		for typ := from; typ <= to; typ += step {
			for _, n := range not {
				if typ == int(n) {
					continue next
				}
			}
			out = append(out, probe{fmt.Sprintf("type %d", typ), ofType(typ, 3), want})
		}
		return out
	}
	others.Case(t, frames, "frames before HELLO, frames of a server, types that are none", func(t *testing.T) string {
		beforeHello(t, node, room, types(0, 63, 1, wire.CloseUnexpected, wire.TypeHello))
		inPlay(t, node, types(0, 63, 1, wire.CloseUnexpected, wire.TypeInput, wire.TypeAck, wire.TypePing, wire.TypeMsg, wire.TypeLeave, wire.TypeResync))
		return "4004"
	})
	others.Case(t, frames, "types from 64 on, which a later version may have", func(t *testing.T) string {
		few := append(types(64, 255, 19, 0), probe{"an extension that does not parse", []byte{0x92, 0xcc, 200, 0xc1}, 0})
		beforeHello(t, node, room, few)
		inPlay(t, node, few)
		return "ignored"
	})
	others.Case(t, frames, "types beyond 255 or below 0", func(t *testing.T) string {
		none := []probe{
			{"type 256", ofType(256, 1), wire.CloseMalformed}, {"type 2^32 + 1", ofType(1<<32+1, 1), wire.CloseMalformed},
			{"type -1", []byte{0x91, 0xff}, wire.CloseMalformed}, {"type nil", []byte{0x91, 0xc0}, wire.CloseMalformed},
			{"an empty array", []byte{0x90}, wire.CloseMalformed}, {"an empty message", nil, wire.CloseMalformed},
		}
		beforeHello(t, node, room, none)
		inPlay(t, node, none)
		return "4003"
	})
	others.Case(t, frames, "HELLO twice", func(t *testing.T) string {
		room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 2)
		hello := rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, seatHello(seats[0])))
		at := knock(t, node, room)
		push(at, join(hello, hello))
		met(t, "two in one segment", at.Ending(soon), wire.CloseUnexpected)
		g := take(t, node, room, seats[1])
		push(g.Raw, rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, keyHello(g))))
		return met(t, "one in play", g.Ending(soon), wire.CloseUnexpected)
	})
	others.Case(t, frames, "HELLO of a version that is not spoken", func(t *testing.T) (got string) {
		for _, v := range [][2]uint32{{2, 2}, {2, 1<<32 - 1}, {0, 0}, {1<<32 - 1, 1<<32 - 1}, {5, 1}} {
			got = refused(t, node, room, &wire.Hello{VMin: v[0], VMax: v[1], Token: "none"}, wire.CloseVersion)
		}
		return got
	})
}

// vectorProbes are the frames that decoders are held to and fuzzed from: good ones, unusual ones, and ones that are none.
func vectorProbes(t *testing.T) (out []probe) {
	t.Helper()
	raw, err := os.ReadFile("../../internal/wire/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	type vector struct {
		Name, Why, Hex string
	}
	var file struct{ Frames, Accept, Bad []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	folded := regexp.MustCompile(`\(([0-9a-f]{2})\*([0-9]+)\)`)
	for _, list := range [][]vector{file.Frames, file.Accept, file.Bad} {
		for _, v := range list {
			plain := folded.ReplaceAllStringFunc(v.Hex, func(run string) string {
				m := folded.FindStringSubmatch(run)
				n, _ := strconv.Atoi(m[2]) // digits, by the pattern
				return strings.Repeat(m[1], n)
			})
			frame, err := hex.DecodeString(plain)
			if err != nil {
				t.Fatalf("vector %q: %v", v.Name+v.Why, err)
			}
			out = append(out, probe{name: v.Name + v.Why, frame: frame})
		}
	}
	if len(out) < 300 {
		t.Fatalf("%d vectors are too few to be all", len(out))
	}
	return out
}

// meets is what the protocol says of a frame, and of the rogue game's inputs, which are two integers wide.
func meets(frame []byte, playing bool) wire.CloseCode {
	most := wire.MaxHello
	if playing {
		most = wire.MaxClientMessage
	}
	typ, err := wire.PeekType(frame)
	switch {
	case len(frame) > most:
		return wire.CloseTooLarge
	case err != nil:
		return wire.CloseMalformed
	case typ >= wire.FirstExtension:
		return 0
	case !playing && typ == wire.TypeHello:
		h, err := wire.ParseHello(frame)
		switch {
		case err != nil:
			return wire.CloseMalformed
		case h.VMin > wire.Version || h.VMax < wire.Version:
			return wire.CloseVersion
		}
		return wire.CloseToken
	case !playing:
		return wire.CloseUnexpected
	}
	switch typ {
	case wire.TypeInput:
		var in wire.Input
		if in, err = wire.ParseInput(frame); err == nil && (in.N%2 != 0 || in.N > 2*wire.MaxInputsPerFrame || int(in.Seq) < in.N/2) {
			err = errors.New("not inputs of this game")
		}
	case wire.TypeAck:
		_, err = wire.ParseAck(frame)
	case wire.TypePing:
		_, err = wire.ParsePing(frame)
	case wire.TypeMsg:
		_, err = wire.ParseMsg(frame)
	case wire.TypeResync:
		_, err = wire.ParseResync(frame)
	case wire.TypeLeave:
		_, err = wire.ParseLeave(frame)
	default:
		return wire.CloseUnexpected
	}
	if err != nil {
		return wire.CloseMalformed
	}
	return 0
}

// What the wire package is fuzzed from, over sockets.
func TestVectors(t *testing.T) {
	node, others := neighbourhood(t)
	before := node.Metric(t, "ringside_connections")
	others.Case(t, frames, "every vector of the protocol, good and bad", func(t *testing.T) string {
		var strangers, players []probe
		seen := map[wire.CloseCode]int{}
		for _, p := range vectorProbes(t) {
			p.want = meets(p.frame, false)
			strangers = append(strangers, p)
			seen[p.want]++
			p.want = meets(p.frame, true)
			if typ, _ := wire.PeekType(p.frame); typ == wire.TypeLeave && p.want == 0 {
				continue // it gives the seat up: TestMessages
			}
			players = append(players, p)
			seen[p.want]++
		}
		beforeHello(t, node, others.Rooms()[1], strangers)
		inPlay(t, node, players)
		return fmt.Sprintf("%d before HELLO, %d in play; by code %v", len(strangers), len(players), seen)
	})
	node.EventuallyMetric(t, soon, "ringside_connections", before)
}
