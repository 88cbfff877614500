package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/wire"
)

// A FaultFile is what a failed room left, enough to bring its failure about again on a desk, or, without a panic, a room as it was
// when somebody asked for it. On disk it is one msgpack array:
//
//	[3, game, version, options:bin, seed, epoch, tick, panic, stack:bin, checkpoint:bin, records:bin, room, bots, places, base, crash]
//
// checkpoint and records are engine.Fault's, base is the checkpoint's tick, crash is 1 or 0. Version 1 ends with records, version 2
// with base.
type FaultFile struct {
	Room        string // "" in version 1
	Game        string
	Version     uint32 // of the game
	Options     []byte
	Seed        uint64
	Bots        *int   // as asked for by the creator; nil: the game's number
	Places      int    // 0: all of the game's
	Epoch, Tick uint32 // Tick was being made, or without a panic had been made
	Base        uint32 // tick of the checkpoint; of a failed room it is not known: 0
	Panic       string
	Stack       []byte
	Checkpoint  []byte
	Records     []byte
	Crash       bool // the failure ended the process: Records end before it, and Tick is the first that is missing
}

const (
	faultVersion = 3
	maxFaultPart = 64 << 20
)

func faultOf(r *hosted, f *engine.Fault) *FaultFile {
	return &FaultFile{
		Room: r.Room, Game: r.Game, Version: r.game.Def.Version, Options: r.Options, Seed: r.Seed, Epoch: r.Epoch,
		Bots: r.Bots, Places: r.MaxPlayers, Tick: f.Tick, Panic: f.Panic, Stack: f.Stack, Checkpoint: f.Checkpoint, Records: f.Records,
		Crash: r.crash != nil,
	}
}

// Append appends the file's bytes.
func (f *FaultFile) Append(dst []byte) []byte {
	dst = wire.AppendArrayLen(dst, 16)
	dst = wire.AppendUint(dst, faultVersion)
	dst = wire.AppendString(dst, f.Game)
	dst = wire.AppendUint(dst, uint64(f.Version))
	dst = wire.AppendBytes(dst, f.Options)
	dst = wire.AppendInt(dst, int64(f.Seed)) // all 64 bits: a Reader's unsigned numbers have 63
	dst = wire.AppendUint(dst, uint64(f.Epoch))
	dst = wire.AppendUint(dst, uint64(f.Tick))
	dst = wire.AppendString(dst, strings.ToValidUTF8(f.Panic, "?"))
	dst = wire.AppendBytes(dst, f.Stack)
	dst = wire.AppendBytes(dst, f.Checkpoint)
	dst = wire.AppendBytes(dst, f.Records)
	dst = wire.AppendString(dst, f.Room)
	bots := -1
	if f.Bots != nil {
		bots = *f.Bots
	}
	dst = wire.AppendInt(dst, int64(bots))
	dst = wire.AppendUint(dst, uint64(f.Places))
	dst = wire.AppendUint(dst, uint64(f.Base))
	crash := uint64(0)
	if f.Crash {
		crash = 1
	}
	return wire.AppendUint(dst, crash)
}

// ParseFault reads the bytes of a fault file. The result points into them.
func ParseFault(data []byte) (*FaultFile, error) {
	r := wire.NewReader(data)
	n, v := r.ArrayLen(), r.Uint32()
	if lengths := [...]int{1: 11, 2: 15, faultVersion: 16}; v < 1 || v > faultVersion || n != lengths[v] {
		return nil, fmt.Errorf("read fault file: %w: %d elements, version %d", wire.ErrMalformed, n, v)
	}
	f := &FaultFile{Game: string(r.String(64)), Version: r.Uint32(), Options: r.Bytes(maxFaultPart), Seed: uint64(r.Int())}
	f.Epoch, f.Tick = r.Uint32(), r.Uint32()
	f.Panic, f.Stack = string(r.String(maxFaultPart)), r.Bytes(maxFaultPart)
	f.Checkpoint, f.Records = r.Bytes(maxFaultPart), r.Bytes(maxFaultPart)
	if v > 1 {
		f.Room = string(r.String(128))
		if bots := int(r.Int32()); bots >= 0 {
			f.Bots = &bots
		}
		f.Places, f.Base = int(r.Uint32()), r.Uint32()
	}
	if v > 2 {
		f.Crash = r.Uint32() == 1
	}
	if r.Err() != nil || r.Len() > 0 {
		return nil, fmt.Errorf("read fault file: %w", wire.ErrMalformed)
	}
	if len(f.Options) == 0 {
		f.Options = nil // there were none
	}
	return f, nil
}

// A faultStore keeps the newest fault files of a directory.
type faultStore struct {
	dir  string
	keep int        // how many
	mu   sync.Mutex // held while the directory is written: faults are rare and have their own goroutines
}

// write writes one file, whole or not at all, and makes room for it. It returns its path, "" without a directory.
func (s *faultStore) write(f *FaultFile) (path string, err error) {
	if s.dir == "" {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", fmt.Errorf("write fault file: %w", err)
	}
	path = filepath.Join(s.dir, fmt.Sprintf("%s-%d.fault", fileSafe(f.Room), f.Tick))
	if err := os.WriteFile(path+".new", f.Append(nil), 0o600); err != nil {
		return path, fmt.Errorf("write fault file: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return path, fmt.Errorf("write fault file: %w", err)
	}
	return path, s.prune()
}

// prune removes the oldest files.
func (s *faultStore) prune() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("prune fault files: %w", err)
	}
	type file struct {
		name string
		at   int64
	}
	var files []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".fault") {
			files = append(files, file{e.Name(), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return int(b.at/1e6 - a.at/1e6) })
	for _, f := range files[min(len(files), s.keep):] {
		if err := os.Remove(filepath.Join(s.dir, f.name)); err != nil {
			return fmt.Errorf("prune fault files: %w", err)
		}
	}
	return nil
}

// fileSafe keeps a room's id from being a path.
func fileSafe(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, id)
}
