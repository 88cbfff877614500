package cards

import (
	"testing"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/room"
)

// sight fills a client's frame with what the player of a slot sees. Texts are left out: bots do not read them.
func (r *rig) sight(f *view.Frame, slot int) {
	f.Reset()
	f.Tick = r.tick
	for sec := range r.frame.Sections() {
		copySection(f, sec, r.frame, sec)
		if private := r.d.Private(slot); private != nil {
			copySection(f, r.frame.Sections()+sec, private, sec)
		}
	}
}

func copySection(dst *view.Frame, to int, src *view.Frame, from int) {
	for i := range src.Len(from) {
		id, vals := src.At(from, i)
		copy(dst.Add(to, id), vals)
	}
}

func TestRemoteBotsPlay(t *testing.T) {
	r := newRig(t, 6, `{"turn_s":600}`).table(4)
	f := r.prog.Layout.NewClientFrame()
	var bots [seats]Bot
	asked := [3]int{}
	for r.g.s.Round < 5 && r.tick < 20000 {
		r.step()
		for slot := range bots {
			r.sight(f, slot)
			message, card, suit := bots[slot].move(f, int32(slot))
			if message < 0 {
				continue
			}
			fields := []byte{byte(card), byte(suit)}
			if message != playMessage {
				fields = nil
			}
			if got := r.ask(slot, message, fields...); got != "" && got != errNoStock.Error() {
				t.Fatalf("tick %d, slot %d: message %d %v is refused: %s", r.tick, slot, message, card, got)
			}
			asked[message]++
		}
	}
	t.Logf("%d rounds in %d ticks: %d cards played, %d drawn, %d passes", r.g.s.Round, r.tick, asked[0], asked[1], asked[2])
	if r.g.s.Round < 5 || min(asked[0], asked[1], asked[2]) == 0 {
		t.Errorf("%d rounds, messages %v; want 5 rounds and some of each", r.g.s.Round, asked)
	}
}

// TestPlaces ties the bot's numbers to the Definition.
func TestPlaces(t *testing.T) {
	prog, err := room.Compile(Definition)
	if err != nil {
		t.Fatal(err)
	}
	s := &prog.Schema
	for _, c := range []struct{ what, got, want string }{
		{"kind", s.Kinds[tableKind].Name, "table"},
		{"kind", s.Kinds[handKind].Name, "hand"},
		{"field", s.Kinds[tableKind].Fields[0].Name, "phase"},
		{"field", s.Kinds[tableKind].Fields[4].Name, "turn"},
		{"field", s.Kinds[handKind].Fields[1].Name, "fits"},
		{"message", s.Messages[playMessage].Name, "play"},
		{"message", s.Messages[drawMessage].Name, "draw"},
		{"message", s.Messages[passMessage].Name, "pass"},
	} {
		if c.got != c.want {
			t.Errorf("%s %q stands where %q is read", c.what, c.got, c.want)
		}
	}
}

// One look at the table by the bot whose turn it is: the dearest case.
func BenchmarkBotMove(b *testing.B) {
	r := newRig(b, 2, "").table(4)
	r.step()
	f := r.prog.Layout.NewClientFrame()
	r.sight(f, 0)
	var bot Bot
	b.ReportAllocs()
	for b.Loop() {
		bot.next = 0
		if message, _, _ := bot.move(f, 0); message < 0 {
			b.Fatal("it is not the bot's turn")
		}
	}
}
