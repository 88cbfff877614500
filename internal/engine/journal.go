package engine

import (
	"hash/fnv"

	"github.com/ringside-server/ringside/internal/wire"
)

// maxJournal is how many bytes of records are kept before a checkpoint is taken early.
const maxJournal = 1 << 20

// A journal is a room's newest checkpoint and every record since: together they are the room, on another machine or on a
// desk. A checkpoint is taken once a second, each room at its own tick of it.
type journal struct {
	checkpoint []byte // empty: the room as New made it
	spare      []byte // the next one is written here: a game that fails while it is must not cost us the last
	records    []byte // each behind its length, as a bin object
	every      uint32
	phase      uint32
}

func (j *journal) init(id string, tickHz int) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	j.every = uint32(tickHz)
	j.phase = h.Sum32() % j.every
}

func (j *journal) add(record []byte) { j.records = wire.AppendBytes(j.records, record) }

func (j *journal) due(tick uint32) bool {
	return tick%j.every == j.phase || len(j.records) > maxJournal
}

// takeCheckpoint replaces the checkpoint and empties the journal.
func (r *Room) takeCheckpoint() {
	defer r.catch()
	j := &r.journal
	c, err := r.AppendCheckpoint(j.spare[:0])
	if err != nil {
		panic(err.Error())
	}
	j.checkpoint, j.spare = c, j.checkpoint
	j.records = j.records[:0]
}

// Journal returns the newest checkpoint (empty: the room as New made it) and the records since, each a bin object. Both belong
// to the room and are valid until the next tick.
func (r *Room) Journal() (checkpoint, records []byte) { return r.journal.checkpoint, r.journal.records }

// Replay applies records that another run of this room wrote after the checkpoint it was restored from. Nothing of it is
// released: no outcome, closing or notice comes of it.
func (r *Room) Replay(records []byte) error {
	r.replaying = true
	defer func() { r.replaying = false }()
	in := wire.NewReader(records)
	for in.Len() > 0 && r.ended == nil {
		record := in.Bytes(len(records))
		if in.Err() != nil {
			return in.Err()
		}
		r.run(record)
		r.outcomes, r.closings, r.notices = r.outcomes[:0], r.closings[:0], r.notices[:0]
	}
	return nil
}
