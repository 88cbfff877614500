package hostile_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

// Who comes back with what is not theirs gets nowhere, and the player it belongs to plays on.
func TestResumesOfOthers(t *testing.T) {
	node, others := neighbourhood(t)
	type scene struct {
		room         string
		spent        string // the victim's seat token
		victim, thug *guest
	}
	mixed := func(s *scene) string { // the session of one, the secret of the other
		theirs, mine := s.victim.welcome.Key, s.thug.welcome.Key
		return theirs[:strings.LastIndexByte(theirs, '.')] + mine[strings.LastIndexByte(mine, '.'):]
	}
	for _, c := range []struct {
		name  string
		token func(t *testing.T, s *scene) string
		want  wire.CloseCode
	}{
		{"resume: another player's session", func(_ *testing.T, s *scene) string { return mixed(s) }, wire.CloseResumeUnknown},
		{"resume: a session that never was", func(_ *testing.T, s *scene) string {
			return strings.Replace(s.thug.welcome.Key, s.room+".", s.room+".zz", 1)
		}, wire.CloseResumeUnknown},
		{"resume: a key of another room", func(t *testing.T, _ *scene) string { return admit(t, node).welcome.Key }, wire.CloseToken},
		{"resume: half a key", func(_ *testing.T, s *scene) string { return s.victim.welcome.Key[:len(s.victim.welcome.Key)-9] }, wire.CloseToken},
		{"HELLO with another player's spent token", func(_ *testing.T, s *scene) string { return s.spent }, wire.CloseToken},
		{"resume: a key that is spent", func(t *testing.T, s *scene) string {
			old := s.victim.welcome.Key
			back, err := enterBy(node, s.room, keyHello(s.victim))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { back.Close() })
			if err := back.alive(); err != nil { // it has come through: from now on the new key counts
				t.Fatal(err)
			}
			met(t, "the connection before", s.victim.Ending(soon), wire.CloseReplaced)
			s.victim = back
			return old
		}, wire.CloseResumeUnknown},
	} {
		others.Case(t, frames, c.name, func(t *testing.T) string {
			room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, 2)
			s := &scene{room: room, spent: seats[0].Token, victim: take(t, node, room, seats[0]), thug: take(t, node, room, seats[1])}
			for _, g := range []*guest{s.victim, s.thug} {
				if err := g.alive(); err != nil {
					t.Fatal(err)
				}
			}
			got := refused(t, node, room, &wire.Hello{VMin: 1, VMax: 1, Token: c.token(t, s), Resuming: true, Resume: wire.Resume{Session: s.victim.welcome.Session}}, c.want)
			if err := s.victim.alive(); err != nil {
				t.Errorf("the player it belongs to: %v", err)
			}
			return got
		})
	}
	others.Case(t, frames, "resume: a session that is gone", func(t *testing.T) string {
		g := admit(t, node)
		push(g.Raw, rig.Frame(rig.BinaryFrame, wire.AppendLeave(nil)))
		met(t, "LEAVE", g.Ending(soon), wire.CloseLeft)
		return refused(t, node, g.welcome.Room, keyHello(g), wire.CloseResumeUnknown)
	})
}

// What a client says it holds is believed only if the room had it.
func TestResumesFromNowhere(t *testing.T) {
	node, others := neighbourhood(t)
	const top = math.MaxUint32
	for _, c := range []struct {
		name string
		have func(held wire.State, own uint32) wire.Resume
		want uint32
	}{
		{"resume: what was", func(s wire.State, own uint32) wire.Resume {
			return wire.Resume{Session: own, Epoch: s.Epoch, Tick: s.Tick}
		}, wire.ResumedDelta},
		{"resume: another's session beside one's own key", func(s wire.State, own uint32) wire.Resume {
			return wire.Resume{Session: own + 1, Epoch: s.Epoch, Tick: s.Tick}
		}, wire.ResumedDelta},
		{"resume: an old epoch", func(s wire.State, own uint32) wire.Resume {
			return wire.Resume{Session: own, Epoch: s.Epoch - 1, Tick: s.Tick}
		}, wire.ResumedSnapshot},
		{"resume: an epoch to come", func(s wire.State, own uint32) wire.Resume {
			return wire.Resume{Session: own, Epoch: top, Tick: s.Tick}
		}, wire.ResumedSnapshot},
		{"resume: a tick to come", func(s wire.State, own uint32) wire.Resume {
			return wire.Resume{Session: own, Epoch: s.Epoch, Tick: s.Tick + 1<<20}
		}, wire.ResumedSnapshot},
		{"resume: inputs and events to come", func(_ wire.State, own uint32) wire.Resume {
			return wire.Resume{Session: own, Epoch: top, Tick: top, InSeq: top, EventSeq: top}
		}, wire.ResumedSnapshot},
	} {
		others.Case(t, frames, c.name, func(t *testing.T) string {
			g := admit(t, node)
			held, err := g.states(1) // the SNAPSHOT, which names its epoch
			if err != nil {
				t.Fatal(err)
			}
			if err := g.alive(); err != nil {
				t.Fatal(err)
			}
			hello := keyHello(g)
			hello.Resume = c.have(held, g.welcome.Session)
			back, err := enterBy(node, g.welcome.Room, hello)
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			w := back.welcome
			if w.Resumed != c.want || w.Session != g.welcome.Session || w.InSeq != 0 {
				t.Errorf("WELCOME: resumed %d to session %d with in_seq %d, want %d to %d with 0", w.Resumed, w.Session, w.InSeq, c.want, g.welcome.Session)
			}
			first, err := back.states(1)
			if want := map[uint32]wire.Type{wire.ResumedDelta: wire.TypeDeltaB, wire.ResumedSnapshot: wire.TypeSnapshot}[c.want]; err != nil || first.Type != want {
				t.Errorf("the first state is a %v, %v; want %v", first.Type, err, want)
			}
			if err := back.Send(poke(1)); err != nil {
				t.Fatal(err)
			}
			if r := back.replies(t, 1)[0]; r.Seq != 1 || r.Code != wire.ReplyDone {
				t.Errorf("REPLY %+v, want seq 1", r)
			}
			return fmt.Sprintf("WELCOME of its own session and a %v", first.Type)
		})
	}
}

// Many come with one key at once: one stays.
func TestResumesAtOnce(t *testing.T) {
	node, others := neighbourhood(t)
	others.Case(t, frames, "20 resumes with one key at once", func(t *testing.T) string {
		g := admit(t, node)
		if err := g.alive(); err != nil {
			t.Fatal(err)
		}
		hello := rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, keyHello(g)))
		crowd := make([]*rig.Raw, 20)
		for i := range crowd {
			crowd[i] = knock(t, node, g.welcome.Room)
		}
		var all sync.WaitGroup
		ends := make([]rig.Ending, len(crowd))
		for i, r := range crowd {
			all.Go(func() {
				push(r, hello)
				ends[i] = r.Ending(soon / 2)
			})
		}
		all.Wait()
		met(t, "the connection before", g.Ending(soon), wire.CloseReplaced)
		seen := map[int]int{}
		for _, e := range ends {
			seen[e.Code]++
		}
		if seen[0] != 1 || seen[int(wire.CloseReplaced)] != len(crowd)-1 {
			t.Errorf("endings by code: %v, want %d with %d and one that is open", seen, len(crowd)-1, wire.CloseReplaced)
		}
		return fmt.Sprintf("%d to all but one, who has the seat", wire.CloseReplaced)
	})
}
