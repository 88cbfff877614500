package raftstore

import (
	"encoding/binary"
	"fmt"
)

// A log entry carries one or more commands:
//
//	+---------+---------------+  +----------------+---------------+
//	| version | count uvarint |  | length uvarint | command bytes |  count times
//	+---------+---------------+  +----------------+---------------+
//
// Nothing may follow the last command, and no command is empty.
const entryVersion = 1

// appendEntry appends cmds, within the bounds of one entry, to dst.
func appendEntry(dst []byte, cmds [][]byte) []byte {
	dst = append(dst, entryVersion)
	dst = binary.AppendUvarint(dst, uint64(len(cmds)))
	for _, cmd := range cmds {
		dst = binary.AppendUvarint(dst, uint64(len(cmd)))
		dst = append(dst, cmd...)
	}
	return dst
}

// commandSize is the most that cmd adds to an entry.
func commandSize(cmd []byte) int { return len(cmd) + binary.MaxVarintLen32 }

// parseEntry appends the commands in b to dst; they alias b. It checks the
// whole entry before anything of it is applied, so that an entry is applied
// whole or not at all.
func parseEntry(dst [][]byte, b []byte) ([][]byte, error) {
	if len(b) == 0 || len(b) > maxEntryBytes {
		return dst, fmt.Errorf("parse entry: %w: %d bytes", ErrCorrupt, len(b))
	}
	if b[0] != entryVersion {
		return dst, fmt.Errorf("parse entry: %w: version %d, want %d", ErrCorrupt, b[0], entryVersion)
	}
	count, b, ok := cutUvarint(b[1:])
	if !ok || count == 0 || count > maxEntryCommands {
		return dst, fmt.Errorf("parse entry: %w: %d commands", ErrCorrupt, count)
	}
	for i := range count {
		var n uint64
		if n, b, ok = cutUvarint(b); !ok || n == 0 || n > uint64(len(b)) {
			return dst, fmt.Errorf("parse entry: %w: command %d is %d bytes long with %d left", ErrCorrupt, i, n, len(b))
		}
		dst, b = append(dst, b[:n:n]), b[n:]
	}
	if len(b) != 0 {
		return dst, fmt.Errorf("parse entry: %w: %d bytes after the last command", ErrCorrupt, len(b))
	}
	return dst, nil
}

func cutUvarint(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, b, false
	}
	return v, b[n:], true
}
