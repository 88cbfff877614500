package ringside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringside-server/ringside/internal/backup"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/journal"
	"github.com/ringside-server/ringside/matchmaker"
	"github.com/ringside-server/ringside/raftstore"
)

func runRestore(c *console, data string) error {
	switch {
	case len(c.args) != 1:
		return fmt.Errorf("%w: want one backup file", errUsage)
	case data == "":
		return fmt.Errorf("%w: where to? give a folder with -data", errUsage)
	}
	m, details, err := restoreBackup(c.args[0], data)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s is node %q of %s with %d rooms\nStart it with: ringside -data %s -node %s\n",
		data, m.Node, m.Taken.Format("2006-01-02 15:04:05 MST"), details.Rooms, data, m.Node)
	return nil
}

// restoreBackup makes a data folder of a backup, whole or not at all: it is made beside its place and then put there.
func restoreBackup(file, data string) (m *backup.Manifest, details backupDetails, err error) {
	if err := mustBeEmpty(data); err != nil {
		return nil, details, err
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, details, err
	}
	defer in.Close()
	data = filepath.Clean(data)
	if err := os.MkdirAll(filepath.Dir(data), 0o755); err != nil {
		return nil, details, err
	}
	work, err := os.MkdirTemp(filepath.Dir(data), "."+filepath.Base(data)+".restore-*")
	if err != nil {
		return nil, details, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	parts, made := filepath.Join(work, "parts"), filepath.Join(work, "data")
	if err := errors.Join(os.Mkdir(parts, 0o700), os.Mkdir(made, 0o700)); err != nil {
		return nil, details, err
	}
	if m, err = backup.Read(in, parts); err != nil {
		return nil, details, fmt.Errorf("read %s: %w", file, err)
	}
	if !nodeName(m.Node) { // it is printed, and names files
		return nil, details, fmt.Errorf("read %s: %w: %.100q is no name of a node", file, backup.ErrBackup, m.Node)
	}
	if err := json.Unmarshal(m.Details, &details); err != nil {
		return nil, details, fmt.Errorf("read %s: %w: details: %w", file, backup.ErrBackup, err)
	}
	if err := restoreParts(m, details, parts, made); err != nil {
		return nil, details, fmt.Errorf("restore %s: %w", file, err)
	}
	if err := os.Remove(data); err != nil && !errors.Is(err, os.ErrNotExist) { // empty, or not there
		return nil, details, err
	}
	return m, details, os.Rename(made, data)
}

// mustBeEmpty refuses a folder with something in it.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty: restore into a new folder", dir)
	}
	return nil
}

// restoreParts gives each part to who it is for: the directory to the log, rooms to their journal.
func restoreParts(m *backup.Manifest, details backupDetails, parts, data string) error {
	snapshot := filepath.Join(parts, filepath.FromSlash(partSnapshot))
	if err := checkSnapshot(snapshot); err != nil {
		return err
	}
	state, err := os.Open(snapshot)
	if err != nil {
		return err
	}
	defer state.Close()
	if err := raftstore.Seed(raftstore.Config{Dir: data, Node: m.Node}, details.Snapshot, state); err != nil {
		return err
	}
	rooms, err := journal.Open(journal.Config{Dir: filepath.Join(data, "rooms")})
	if err != nil {
		return err
	}
	for _, p := range m.Parts {
		if strings.HasPrefix(p.Name, partRooms) && err == nil {
			err = restoreRoom(rooms, filepath.Join(parts, filepath.FromSlash(p.Name)))
		}
	}
	return errors.Join(err, rooms.Close())
}

// checkSnapshot makes sure that a node will be able to read the directory.
func checkSnapshot(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return matchmaker.NewDirectory().Restore(f)
}

// restoreRoom writes one room into a journal and waits for the disk: a journal that gets more than it can hold drops.
func restoreRoom(rooms *journal.Store, name string) error {
	data, err := readBounded(name, backup.MaxPart)
	if err != nil {
		return err
	}
	f, err := host.ParseFault(data)
	if err != nil {
		return err
	}
	if f.Room == "" || len(f.Room) > journal.MaxName {
		return fmt.Errorf("%s: %w: it names no room", filepath.Base(name), backup.ErrBackup)
	}
	rooms.Begin(f.Room, f.Epoch).Ticked(f.Tick, f.Base, f.Checkpoint, f.Records)
	return rooms.Sync(context.Background())
}
