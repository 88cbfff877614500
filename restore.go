package ringside

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/journal"
	"github.com/ringside-server/ringside/internal/wire"
)

// This file is how rooms outlive the process: what they are made of is kept below the data folder, and the next process that
// opens it goes on with them.

// keeper lets the host keep rooms in the store.
type keeper struct{ store *journal.Store }

var _ host.Journal = keeper{}

func (k keeper) Saved(room string) (host.Saved, bool) {
	s, ok := k.store.Saved(room)
	return host.Saved{Epoch: s.Epoch, Base: s.Base, Tick: s.Tick, Checkpoint: s.Checkpoint, Records: s.Records}, ok
}

func (k keeper) Begin(room string, epoch uint32) host.RoomJournal {
	w := k.store.Begin(room, epoch)
	k.store.Forget(room)
	return w
}

// journalPending is how many bytes of rooms may wait for the disk.
const journalPending = 32 << 20

// openJournal reads what the process before kept.
func (n *Node) openJournal() (err error) {
	dir := filepath.Join(n.cfg.Data, "rooms")
	n.journal, err = journal.Open(journal.Config{Dir: dir, MaxPending: journalPending, Log: n.cfg.Log.With().Str("part", "journal").Logger()})
	if err != nil {
		return n.dataError("open the rooms", err)
	}
	return nil
}

// restoreSlow is after how long the start says that it is still busy.
const restoreSlow = 2 * time.Second

// restore waits until the rooms of the process before run again, or have been given up, and says so.
func (n *Node) restore(ctx context.Context) {
	began := time.Now()
	slow := time.AfterFunc(restoreSlow, func() { n.cfg.Log.Info().Msg("still restoring rooms") })
	defer slow.Stop()
	wait, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := n.host.Settle(wait); err != nil {
		n.cfg.Log.Warn().Err(err).Msg("some rooms are still being restored")
		return
	}
	restored, lost, over := countRestored(n.host.Rooms())
	for _, id := range n.journal.Rooms() { // of rooms that the directory does not know any more
		n.journal.Discard(id)
	}
	if restored+lost+over > 0 {
		n.cfg.Log.Info().Int("rooms", restored).Int("lost", lost).Int("over", over).Dur("in", time.Since(began)).Msg("rooms restored")
	}
}

// countRestored says what became of the rooms of the process before: those that go on, those that could not, and those that
// were over when it went, or ended rightly since.
func countRestored(rooms []host.RoomStatus) (restored, lost, over int) {
	for _, r := range rooms {
		switch {
		case !r.Restored:
		case r.State == "running":
			restored++
		case r.State == "ended" && r.Code != int(wire.CloseLost):
			over++
		default:
			lost++
		}
	}
	return restored, lost, over
}

// serveSocket upgrades a request for a room's socket. Players are faster than a restart: they wait for the first list of
// rooms, and in the host for the room itself.
func (n *Node) serveSocket(w http.ResponseWriter, r *http.Request) {
	wait, cancel := context.WithTimeout(r.Context(), startWait)
	defer cancel()
	select {
	case <-n.assigned:
	case <-wait.Done():
	}
	n.host.ServeWS(w, r, r.PathValue("id"))
}

const startWait = 10 * time.Second
