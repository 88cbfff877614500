//go:build linux

package machine_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

// feed sends a hog so many MiB with each input until the test or the client ends, or stop says so.
func feed(c *client.Client, mib int32, stop func() bool) {
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for !stop() {
		c.Input(0, mib)
		select {
		case <-c.Done():
			return
		case <-beat.C:
		}
	}
}

// Memory runs out: first nothing new is taken, then the room that takes it ends, and no other, and then all goes on.
func TestMemoryRunsOut(t *testing.T) {
	n := start(t, setup{args: []string{"-max-memory", "256MiB"}})
	n.await(`"max_memory":268435456,"max_memory_of":"-max-memory","memory_target":241591905`)
	plays, _ := n.join("arena", "Ada")
	eats, seat := n.join("hog", "Bob")
	feed(eats, 4, func() bool {
		return strings.Contains(n.said(), "memory runs out: the room that allocates most is ended")
	})
	select {
	case <-eats.Done():
	case <-time.After(patience):
		t.Fatal("the room that takes all memory does not end")
	}
	if err := eats.Err(); err == nil || !strings.Contains(err.Error(), "4012") && !strings.Contains(err.Error(), "more memory than the node has") {
		t.Errorf("its player read %v, want 4012 and why", err)
	}
	n.await("the room that allocates most is ended") // its player may hear of it first
	said := n.said()
	stopped, ended := strings.Index(said, `"resource":"memory"`), strings.Index(said, "the room that allocates most is ended")
	if stopped < 0 || ended < stopped || !strings.Contains(said, `"room":"`+seat.Room+`","game":"hog"`) {
		t.Errorf("admission did not stop before the room %s was ended", seat.Room)
	}
	n.await("admission goes on")
	n.runsOn(plays, 20)
	n.until("a fault file", func() bool {
		files, err := filepath.Glob(filepath.Join(n.data, "faults", "*.fault"))
		return err == nil && len(files) == 1
	})
	n.until("rooms to be made again", func() bool {
		status, _, err := n.call(http.MethodPost, "/v1/rooms", `{"game":"arena"}`)
		return err == nil && status == http.StatusCreated
	})
	if got := n.metric("ringside_rooms_failed_total"); got != 1 {
		t.Errorf("%v rooms have failed, want 1", got)
	}
}

// A Step that takes all memory and does not come back: the process ends itself, soon and in the room's name.
func TestOneStepTakesAllMemory(t *testing.T) {
	n := start(t, setup{args: []string{"-max-memory", "256MiB"}, env: []string{"GODEBUG=tracebacklabels=1"}})
	plays, _ := n.join("arena", "Ada")
	n.runsOn(plays, 1)
	eats, seat := n.join("hog", "Bob")
	eats.Input(0, -1)
	code, took := n.ends()
	if code == 0 || took > 20*time.Second {
		t.Errorf("exit %d after %v", code, took)
	}
	for _, want := range []string{"the process ends itself", "panic: room " + seat.Room + ` (epoch 1) of game "hog": one step takes all memory`} {
		if !strings.Contains(n.said(), want) {
			t.Errorf("it did not say %q", want)
		}
	}
	again := start(t, setup{data: n.data, args: []string{"-max-memory", "256MiB"}})
	again.await("rooms restored")
	if _, err := os.Stat(filepath.Join(n.data, "raft")); err != nil {
		t.Error(err)
	}
}
