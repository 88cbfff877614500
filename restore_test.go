package ringside

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/backup"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/matchmaker"
)

// A room that has ended as rooms do is not lost.
func TestCountRestored(t *testing.T) {
	restored, lost, over := countRestored([]host.RoomStatus{
		{Restored: true, State: "running"}, {Restored: true, State: "running"}, {State: "running"},
		{Restored: true, State: "ended", Code: int(wire.CloseEnded)}, {Restored: true, State: "ended", Code: int(wire.CloseFault)},
		{Restored: true, State: "ended", Code: int(wire.CloseLost)}, {Restored: true, State: "starting"},
	})
	if restored != 2 || lost != 2 || over != 2 {
		t.Errorf("%d restored, %d lost, %d over; want 2 of each", restored, lost, over)
	}
}

// What a backup calls its node is printed on a terminal, into a command line to be copied.
func TestRestoreRefusesNodesThatAreNoNames(t *testing.T) {
	for _, name := range []string{"", "a b", "../up", "\x1b[2Jnode", "node\n; rm -rf x", "no\u202ede", "\xff"} {
		file := filepath.Join(t.TempDir(), "b.tar.gz")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		w := backup.NewWriter(f, backup.Manifest{Node: name, Taken: time.Unix(0, 0)})
		details, err := json.Marshal(backupDetails{})
		if err := errors.Join(err, w.Close(details), f.Close()); err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(t.TempDir(), "data")
		if _, _, err := restoreBackup(file, data); !errors.Is(err, backup.ErrBackup) {
			t.Errorf("a backup of node %q: %v", name, err)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("a backup of node %q has made a folder", name)
		}
	}
}

// A log that hangs does not hold up the end by a second for each report that waits.
func TestRetryEndsWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{log: zerolog.Nop()}
		hung := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		var again func(ctx context.Context)
		again = func(ctx context.Context) {
			if !d.report(ctx, "seat freed", "a", hung) {
				d.later(again)
			}
		}
		for range 100 {
			d.later(again)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		began := time.Now()
		d.retry(ctx)
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if len(d.again) != 100 || !d.missed {
			t.Errorf("%d reports are left", len(d.again))
		}
		if d.report(t.Context(), "known", "a", func(context.Context) error { return matchmaker.ErrRoomEnded }) != true {
			t.Error("a refusal is taken for no answer")
		}
	})
}
