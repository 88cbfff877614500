package ringside_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/wire"
)

const blamedLine = "game brought down the process before: its room is over"

// closedWith is the code a player was closed with, 0 while they play.
func (g gambler) closedWith() wire.CloseCode {
	var closed *client.CloseError
	if errors.As(g.Err(), &closed) {
		return closed.Code
	}
	return 0
}

// backWith checks that players are back in their rooms, which are as counts made them.
func backWith(t *testing.T, p *process, all []gambler, times uint64, from int32) {
	t.Helper()
	for i, g := range all {
		want := from + int32(i) + 1
		wait(t, "the player is back", func() bool { return g.resumes() == times || g.Err() != nil })
		wait(t, fmt.Sprintf("room %s of sum %d", g.room, want), func() bool { return g.sum() == want || g.Err() != nil })
		if err := g.Err(); err != nil {
			t.Errorf("room %s: %v\n%s", g.room, err, p.said())
		}
		before := g.sum()
		g.Message(0, count) // it goes on
		wait(t, "another count", func() bool { return g.sum() == before+1 })
	}
	writtenDown(t, all)
}

// What a game does to the whole process costs its own room and no other.
func TestCrashCostsItsRoomOnly(t *testing.T) {
	for _, c := range []struct {
		name  string
		order int32
		panic string
		at    string
	}{
		{"recursion", recurse, "fatal error: stack overflow", "(*rogue).deeper at rogue_test.go:"},
		{"concurrent writes", write, "fatal error: concurrent map access", "(*rogue).writes at rogue_test.go:"},
		{"panic in a goroutine", boom, "panic: boom", ""},
		{"state that is a ring", knot, "fatal error: stack overflow", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr, data := freeAddr(t), t.TempDir()
			first := runRogue(t, addr, data)
			all := first.enter(3)
			counts(t, all, 10)
			all[2].Message(0, c.order)
			first.crashes()
			second := runRogue(t, addr, data)
			wait(t, "4012", func() bool { return all[2].Err() != nil })
			if got := all[2].closedWith(); got != wire.CloseFault {
				t.Errorf("the player of the room is closed with %d, want %d", got, wire.CloseFault)
			}
			backWith(t, second, all[:2], 1, 10)
			wait(t, "the line", func() bool { return second.line(blamedLine) != nil })
			line := second.line(blamedLine)
			if line["room"] != all[2].room || line["game"] != "rogue" || line["panic"] != c.panic || !strings.Contains(fmt.Sprint(line["at"]), c.at) {
				t.Errorf("line %v", line)
			}
			data0, err := os.ReadFile(fmt.Sprint(line["file"]))
			if err != nil {
				t.Fatal(err)
			}
			if f, err := host.ParseFault(data0); err != nil || !f.Crash || f.Room != all[2].room || f.Panic != c.panic || len(f.Checkpoint) == 0 {
				t.Errorf("fault file %+v, %v", f, err)
			}
			replay := exec.CommandContext(t.Context(), os.Args[0], "replay", fmt.Sprint(line["file"]))
			replay.Env = append(os.Environ(), rogueEnv+"=1")
			told, err := replay.CombinedOutput() // it may go the same way
			if !strings.HasPrefix(string(told), "this room brought its process down at about tick ") || !strings.Contains(string(told), c.panic) {
				t.Errorf("replay: %v\n%s", err, told)
			}
			if err == nil && !strings.Contains(string(told), "and it did not: its last tenth of a second was not written down any more") {
				t.Errorf("a replay that came to its end: %s", told)
			}
			if n := len(files(t, data, "crash-*.log")); n != 1 {
				t.Errorf("%d traces are kept", n)
			}
			second.kill()
			third := runRogue(t, addr, data) // whoever is killed has no say in it
			backWith(t, third, all[:2], 2, 11)
			if third.line(blamedLine) != nil || len(files(t, data, "faults", "*")) != 1 {
				t.Errorf("the room is blamed again:\n%s", third.said())
			}
		})
	}
}

// kill -9 costs nobody their room, also not one whose game was running.
func TestKillCostsNoRoom(t *testing.T) {
	t.Parallel()
	addr, data := freeAddr(t), t.TempDir()
	first := runRogue(t, addr, data)
	all := first.enter(3)
	counts(t, all, 20)
	all[2].Message(0, hang)
	wait(t, "the room hangs", func() bool { return first.line("the rogue hangs") != nil })
	first.kill()
	all[2].Close() // or it says again what has hung the room
	second := runRogue(t, addr, data)
	backWith(t, second, all[:2], 1, 20)
	if second.line(blamedLine) != nil || len(files(t, data, "crash-*.log")) != 0 {
		t.Errorf("somebody is blamed:\n%s", second.said())
	}
	if line := second.line("rooms restored"); line == nil || line["rooms"] != 3.0 || line["lost"] != 0.0 {
		t.Errorf("restored: %v", line)
	}
}

// A game that uses its room from a goroutine of its own loses the room, and the process goes on.
func TestMisuseCostsItsRoomOnly(t *testing.T) {
	t.Parallel()
	p := runRogue(t, freeAddr(t), t.TempDir())
	all := p.enter(2)
	counts(t, all, 0)
	all[1].Message(0, misuse)
	wait(t, "4012", func() bool { return all[1].Err() != nil })
	if got := all[1].closedWith(); got != wire.CloseFault {
		t.Errorf("closed with %d, want %d", got, wire.CloseFault)
	}
	wait(t, "the fault", func() bool { return p.line("game failed") != nil })
	if line := p.line("game failed"); !strings.HasPrefix(fmt.Sprint(line["panic"]), "room: Lock called outside of a callback at rogue_test.go:") {
		t.Errorf("line %v", line)
	}
	if line := p.line("room used outside of a callback"); line == nil || line["room"] != all[1].room {
		t.Errorf("the misuse is logged as %v", line)
	}
	backWith(t, p, all[:1], 0, 0)
}

// Processes that crash again and again and blame nobody are followed by one without rooms, which are in a backup.
func TestCrashesWithoutCulprit(t *testing.T) {
	t.Parallel()
	addr, data := freeAddr(t), t.TempDir()
	const aside = "the processes before crashed soon after their start, and no room is to blame: this one starts without rooms"
	var all []gambler
	p := runRogue(t, addr, data)
	for crashes := 0; p.line(aside) == nil; crashes++ {
		if crashes == 3 {
			t.Fatalf("after three crashes the rooms are restored:\n%s", p.said())
		}
		if crashes > 0 && p.line("the process before crashed, and no room of this node is to blame") == nil {
			t.Errorf("crash %d is not logged:\n%s", crashes, p.said())
		}
		if all == nil {
			all = p.enter(2)
			counts(t, all, 5)
		}
		if g, err := p.sit(); err == nil { // else it crashes by what was kept of the room that did it before
			g.Message(0, anonymously)
		}
		p.crashes()
		p = runRogue(t, addr, data)
	}
	wait(t, "the end of a room", func() bool { return all[0].Err() != nil })
	if got := all[0].closedWith(); got != wire.CloseLost {
		t.Errorf("a player of a room that was put aside is closed with %d, want %d", got, wire.CloseLost)
	}
	if len(p.enter(1)) != 1 {
		t.Error("no new room")
	}
	backups := files(t, data, "aside-*.backup")
	if len(backups) != 1 {
		t.Fatalf("backups %q", backups)
	}
	p.kill()

	again := filepath.Join(t.TempDir(), "again")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "restore", backups[0], "-data", again)
	cmd.Env = append(os.Environ(), rogueEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	p = runRogue(t, addr, again)
	if line := p.line("rooms restored"); line == nil || line["rooms"].(float64) < 2 {
		t.Errorf("restored: %v\n%s", line, p.said())
	}
}
