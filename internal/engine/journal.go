package engine

import (
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrNoReplay is returned by Replay for a room that can go on from its checkpoint only: its game says NoReplay, or the
// checkpoint is of another Version of the game, whose Steps these records were for. The room is as it was before Replay.
var ErrNoReplay = errors.New("records of another version of the game are not replayed")

// maxJournal is how many bytes of records are kept before a checkpoint is taken early.
const maxJournal = 1 << 20

// versions are a game's Version and StateVersion.
type versions struct{ game, state uint32 }

// A journal is a room's newest checkpoint and every record since: together they are the room, on another machine or on a
// desk. A checkpoint is taken once a second, each room at its own tick of it, or with the first tick after that.
type journal struct {
	checkpoint []byte // empty: the room as New made it
	base       uint32 // tick of the checkpoint
	spare      []byte // the next one is written here: a game that fails while it is must not cost us the last
	records    []byte // each behind its length, as a bin object
	every      uint32
	phase      uint32
	next       uint32 // tick at which the next checkpoint is due
}

func (j *journal) init(id string, tickHz int) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	j.every = uint32(tickHz)
	j.phase = h.Sum32() % j.every
	j.take(nil, 0)
}

func (j *journal) add(record []byte) { j.records = wire.AppendBytes(j.records, record) }

func (j *journal) due(tick uint32) bool { return tick >= j.next || len(j.records) > maxJournal }

// take makes a checkpoint the newest one: the records so far are in it.
func (j *journal) take(checkpoint []byte, tick uint32) {
	j.checkpoint, j.spare, j.base = checkpoint, j.checkpoint, tick
	j.records = j.records[:0]
	j.next = tick + j.every - (tick+j.every-j.phase)%j.every
}

// replaceCheckpoint takes one now. The game's panics go through, and a state that cannot be encoded is one.
func (r *Room) replaceCheckpoint() {
	c, err := r.AppendCheckpoint(r.journal.spare[:0])
	if err != nil {
		panic(err.Error())
	}
	r.journal.take(c, r.tick)
}

// takeCheckpoint is replaceCheckpoint as part of a tick: a game that fails ends the room.
func (r *Room) takeCheckpoint() {
	defer r.catch()
	r.midway = true
	r.replaceCheckpoint()
	r.midway = false
}

// TakeCheckpoint makes Journal return a checkpoint of this tick and no records. If the game fails at it the error is a
// *PanicError, the journal is as it was, and so is the room.
func (r *Room) TakeCheckpoint() error {
	err := guard(func() error {
		r.replaceCheckpoint()
		return nil
	})
	if err != nil {
		return fmt.Errorf("checkpoint room %q at tick %d: %w", r.cfg.ID, r.tick, err)
	}
	return nil
}

// Journal returns the newest checkpoint (empty: the room as New made it), base, its tick (0 as well for a room that has not
// ticked), and the records since, each a bin object. Both belong to the room and are valid until its next call.
func (r *Room) Journal() (base uint32, checkpoint, records []byte) {
	return r.journal.base, r.journal.checkpoint, r.journal.records
}

// replays reports whether the room's checkpoint is of this version of its game.
func (r *Room) replays() bool {
	return r.written == versions{r.prog.Def.Version, r.prog.Def.StateVersion}
}

// Replay applies records that another run of this room wrote after the checkpoint it was restored from, and keeps them in
// the journal. Nothing of it is released: no outcome, closing, notice or call comes of it. The error is ErrNoReplay, one about
// the records, or wraps the *PanicError of a game that failed; after that one Ended says so as well, and the room is of no
// more use.
func (r *Room) Replay(records []byte) error {
	if len(records) > 0 && (r.prog.Def.NoReplay || !r.replays()) {
		return ErrNoReplay
	}
	r.replaying = true
	defer func() { r.replaying = false }()
	in := wire.NewReader(records)
	for in.Len() > 0 && r.ended == nil {
		record := in.Bytes(len(records))
		if in.Err() != nil {
			return fmt.Errorf("replay room %q after tick %d: %w", r.cfg.ID, r.tick, in.Err())
		}
		r.journal.add(record)
		r.sleep.awake()
		r.run(record)
		r.forgetOutcome()
	}
	if r.ended != nil && r.ended.Fault != nil {
		return fmt.Errorf("replay room %q: tick %d: %w", r.cfg.ID, r.tick, r.ended.Fault.asError())
	}
	return nil
}
