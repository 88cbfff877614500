package ringside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/journal"
	"github.com/ringside-server/ringside/matchmaker"
)

// This file is what a node learns from how the processes before it ended. Only the one of Main does: what a crash says goes to one
// file for each process, and a program that calls Start may run two nodes, or have plans of its own for its crashes.

// ownProcess is the option that Main adds: the process is the node's.
func ownProcess(c *Config) { c.process = true }

// maxStreak is how many processes in a row may crash early with no room to blame. They may have run any of the rooms that this
// one is about to restore, so those are put aside.
const maxStreak = 3

// openCrashes reads how the processes before ended and begins to watch this one. It needs the folder's lock. Nothing of it must keep
// a node from serving but rooms that could neither be restored nor put aside.
func (n *Node) openCrashes() error {
	if !n.cfg.process {
		return nil
	}
	h, err := crash.Read(n.cfg.Data)
	if err != nil {
		n.cfg.Log.Error().Err(err).Msg("crashes of before not read")
	}
	n.crashes = h
	if h.Streak >= maxStreak {
		if err := n.setAside(h); err != nil {
			return fmt.Errorf("put rooms aside after %d crashes: %w", h.Streak, err)
		}
		h.Streak = 0
	}
	if n.watch, err = crash.Begin(n.cfg.Data, h.Streak); err != nil {
		n.cfg.Log.Error().Err(err).Msg("crashes will not be kept")
	}
	return nil
}

// blamed are the crashes of which the host has to know.
func (n *Node) blamed() (list []crash.Crash) {
	if n.crashes != nil {
		list = n.crashes.Blamed()
	}
	return list
}

// reportCrash says how the process before ended, unless the host will: of a room that is to blame, and that this node would restore.
// It comes before any room runs.
func (n *Node) reportCrash() {
	if n.crashes == nil || n.crashes.Last == nil {
		return
	}
	last := n.crashes.Last
	same := func(c crash.Crash) bool { return c.File == last.File }
	assigned := func(a matchmaker.Assignment) bool { return a.Room == last.Room }
	_, list, _, _ := n.dir.AssignmentChanges(n.cfg.Node, 0)
	if slices.ContainsFunc(n.blamed(), same) && slices.ContainsFunc(list, assigned) {
		return
	}
	event := n.cfg.Log.Error().Str("what", last.Text)
	if last.Room != "" {
		event = event.Str("room", last.Room).Str("game", last.Game)
	}
	if frames := host.GameStack(last.Stack); len(frames) > 0 {
		event = event.Str("at", frames[0].String())
	}
	event.Bytes("stack", last.Stack).Str("crash", last.File).Msg("the process before crashed, and no room of this node is to blame")
}

// crashReady notes that the start is over.
func (n *Node) crashReady() {
	if n.watch == nil {
		return
	}
	if err := n.watch.Ready(); err != nil {
		n.cfg.Log.Warn().Err(err).Msg("crashes will not be kept")
	}
}

const (
	asidePattern = "aside-"
	asideSuffix  = ".backup"
	asideKept    = 3 // newest
)

// setAside writes the directory and all rooms into a backup and lets the rooms go: the node starts without them.
func (n *Node) setAside(h *crash.History) error {
	rooms := n.journal.Rooms()
	if len(rooms) == 0 {
		return nil
	}
	name := filepath.Join(n.cfg.Data, asidePattern+time.Now().UTC().Format("20060102T150405")+asideSuffix)
	if err := writeWhole(name, n.backUpSaved); err != nil {
		return err
	}
	for _, id := range rooms {
		n.journal.Discard(id)
	}
	wait, cancel := context.WithTimeout(context.Background(), journalTime)
	defer cancel()
	if err := n.journal.Sync(wait); err != nil {
		n.cfg.Log.Warn().Err(err).Msg("rooms that were put aside are still on disk")
	}
	event := n.cfg.Log.Error().Int("crashes", h.Streak).Int("rooms", len(rooms)).Str("file", name)
	if h.Last != nil {
		event = event.Str("what", h.Last.Text).Str("crash", h.Last.File)
	}
	event.Str("again", fmt.Sprintf("ringside restore %s -data FOLDER, then ringside -data FOLDER -node %s", name, n.cfg.Node)).
		Msg("the processes before crashed soon after their start, and no room is to blame: this one starts without rooms")
	return pruneAside(n.cfg.Data)
}

// backUpSaved writes a backup of a node whose rooms do not run yet.
func (n *Node) backUpSaved(w io.Writer) error {
	dumps, details, err := n.beginBackup(w)
	if err != nil {
		return err
	}
	_, list, _, _ := n.dir.AssignmentChanges(n.cfg.Node, 0)
	for _, a := range assignments(list) {
		if s, ok := n.journal.Saved(a.Room); ok {
			details.Rooms++
			if err := dumps.Add(partRooms+a.Room+".dump", n.savedFile(&a, s).Append(nil)); err != nil {
				return err
			}
		}
	}
	return endBackup(dumps, details)
}

// savedFile is a room as it was kept, in the form of a dump.
func (n *Node) savedFile(a *host.Assignment, s journal.Saved) *host.FaultFile {
	f := &host.FaultFile{
		Room: a.Room, Game: a.Game, Options: a.Options, Seed: a.Seed, Bots: a.Bots, Places: a.MaxPlayers,
		Epoch: s.Epoch, Tick: s.Tick, Base: s.Base, Checkpoint: s.Checkpoint, Records: s.Records,
	}
	for _, p := range n.programs {
		if p.Def.Name == a.Game {
			f.Version = p.Def.Version
		}
	}
	return f
}

// writeWhole writes a file that is there whole or not at all, also after a power cut.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name+".new"))
	}
	return os.Rename(name+".new", name)
}

// pruneAside removes all but the newest of the files.
func pruneAside(dir string) error {
	entries, err := os.ReadDir(dir) // by name, which is by time
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), asidePattern) && strings.HasSuffix(e.Name(), asideSuffix) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	for _, name := range names[:max(len(names)-asideKept, 0)] {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
