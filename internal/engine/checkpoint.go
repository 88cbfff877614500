package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// ErrCheckpoint is wrapped by every error about a checkpoint that cannot be restored; ErrStateVersion, which wraps it too, is
// one whose StateVersion is not the game's, where the game has no Convert or that one failed.
var (
	ErrCheckpoint   = errors.New("checkpoint")
	ErrStateVersion = fmt.Errorf("%w of another StateVersion", ErrCheckpoint)
)

const checkpointVersion = 2

// AppendCheckpoint appends everything that is needed to go on from this tick: the game's state, its random source and timers,
// players, sessions with their keys, sequence numbers and unacknowledged events, calls under way. What waits in queues is not in it: clients
// send again what is above the in_seq and msg_ref they are told. The bytes are self-contained and versioned.
func (r *Room) AppendCheckpoint(dst []byte) ([]byte, error) {
	dst = wire.AppendUint(dst, checkpointVersion)
	dst = wire.AppendString(dst, r.prog.Def.Name)
	dst = wire.AppendUint(dst, uint64(r.prog.Def.Version))
	dst = wire.AppendUint(dst, uint64(r.prog.Def.StateVersion))
	dst = wire.AppendUint(dst, uint64(r.epoch))
	dst = wire.AppendUint(dst, uint64(r.tick))
	dst = wire.AppendUint(dst, uint64(r.nextID))
	dst = r.appendPlayers(dst)
	dst = wire.AppendArrayLen(dst, len(r.autoBots))
	for _, slot := range r.autoBots {
		dst = wire.AppendUint(dst, uint64(slot))
	}
	dst = wire.AppendArrayLen(dst, len(r.sessions))
	for _, s := range r.sessions {
		dst = s.appendTo(dst)
	}
	return r.driver.AppendTo(r.appendCalls(dst))
}

func (r *Room) appendPlayers(dst []byte) []byte {
	n := 0
	for range r.driver.Room.Everyone() {
		n++
	}
	dst = wire.AppendArrayLen(dst, n)
	for p := range r.driver.Room.Everyone() {
		flags := uint64(0)
		for i, on := range [...]bool{p.Bot, p.Away(), p.Host()} {
			if on {
				flags |= 1 << i
			}
		}
		dst = wire.AppendArrayLen(dst, 7)
		dst = wire.AppendUint(dst, uint64(p.Slot))
		dst = wire.AppendString(dst, p.ID)
		dst = wire.AppendString(dst, p.Name)
		dst = wire.AppendUint(dst, uint64(p.Role))
		dst = wire.AppendInt(dst, int64(p.Team()))
		dst = wire.AppendUint(dst, flags)
		dst = wire.AppendBytes(dst, p.Data())
	}
	return dst
}

func (s *Session) appendTo(dst []byte) []byte {
	attached, used, joinedBy := uint64(0), s.used, s.joinedBy
	if s.attached {
		attached = 1
	}
	if s.arrived { // the next record says so
		used, joinedBy = digest{}, digest{}
	}
	dst = wire.AppendArrayLen(dst, 14)
	dst = wire.AppendUint(dst, uint64(s.id))
	dst = wire.AppendUint(dst, s.seat)
	dst = wire.AppendUint(dst, uint64(s.player.Slot))
	dst = wire.AppendUint(dst, attached)
	dst = wire.AppendUint(dst, uint64(s.deadline))
	dst = wire.AppendBytes(dst, s.key[:])
	dst = wire.AppendBytes(dst, joinedBy[:])
	dst = wire.AppendBytes(dst, used[:])
	dst = wire.AppendUint(dst, uint64(s.applied))
	dst = wire.AppendUint(dst, uint64(s.handled))
	dst = s.outbox.appendTo(dst)
	dst = wire.AppendArrayLen(dst, 2*len(s.buckets))
	for _, b := range s.buckets {
		dst = wire.AppendUint(dst, b.credit)
		dst = wire.AppendUint(dst, uint64(b.tick))
	}
	dst = wire.AppendUint(dst, uint64(s.outbox.seq))
	return wire.AppendUint(dst, uint64(s.joined))
}

func (o *outbox) appendTo(dst []byte) []byte {
	dst = wire.AppendArrayLen(dst, 2*len(o.entries))
	off := 0
	for _, e := range o.entries {
		dst = wire.AppendUint(dst, uint64(e.seq))
		dst = wire.AppendBytes(dst, o.buf[off:off+e.size])
		off += e.size
	}
	return dst
}

// Restore makes a room from a checkpoint, at the tick it was taken. All sessions in it are as they were; without Replay and
// TakeOver they still count as connected. The error wraps ErrCheckpoint, or is one of New's; a game's panic is a *PanicError
// in it.
func Restore(cfg Config, checkpoint []byte) (*Room, error) {
	r, err := New(cfg)
	if err != nil {
		return nil, err
	}
	in := wire.NewReader(checkpoint)
	if err := r.restoreHead(&in); err != nil {
		return nil, err
	}
	if err := r.restorePlayers(&in); err != nil {
		return nil, err
	}
	for range in.ArrayLen() {
		slot := int(in.Uint32())
		if p := r.driver.Room.Player(slot); p == nil || !p.Bot || slices.Contains(r.autoBots, slot) {
			return nil, fmt.Errorf("%w of room %q: bots", ErrCheckpoint, cfg.ID)
		}
		r.autoBots = append(r.autoBots, slot)
	}
	for range in.ArrayLen() {
		if err := r.restoreSession(&in); err != nil {
			return nil, err
		}
	}
	if err := r.restoreCalls(&in); err != nil {
		return nil, err
	}
	err = guard(func() error { return r.driver.RestoreFrom(&in, r.written.state) })
	switch converted := r.written.state != r.prog.Def.StateVersion; {
	case err != nil && converted:
		return nil, fmt.Errorf("%w, %d, the game has %d, room %q: %w", ErrStateVersion, r.written.state, r.prog.Def.StateVersion, cfg.ID, err)
	case err != nil:
		return nil, fmt.Errorf("%w of room %q: %w", ErrCheckpoint, cfg.ID, err)
	}
	if in.Err() != nil || in.Len() > 0 {
		return nil, fmt.Errorf("%w of room %q: %w", ErrCheckpoint, cfg.ID, wire.ErrMalformed)
	}
	r.journal.take(append([]byte(nil), checkpoint...), r.tick)
	if err := r.showRestored(); err != nil {
		return nil, err
	}
	return r, nil
}

// showRestored records the view of the restored tick, so that clients that hold it get a difference. What another version
// of the game shows is not what they hold.
func (r *Room) showRestored() error {
	if r.tick%r.sendEvery == 0 && r.tick > 0 {
		r.driver.SetTick(r.tick)
		func() {
			defer r.catch()
			r.midway = true
			r.show()
			r.midway = false
		}()
	}
	if r.ended != nil {
		return fmt.Errorf("%w of room %q: show it: %w", ErrCheckpoint, r.cfg.ID, r.ended.Fault.asError())
	}
	if !r.replays() {
		r.history = view.NewHistory()
	}
	return nil
}

func (r *Room) restoreHead(in *wire.Reader) error {
	version, game := in.Uint32(), string(in.String(64))
	gameVersion, stateVersion := in.Uint32(), in.Uint32()
	r.epoch, r.tick, r.nextID = in.Uint32(), in.Uint32(), in.Uint32()
	r.written = versions{gameVersion, stateVersion}
	def := &r.prog.Def
	switch {
	case in.Err() != nil:
		return fmt.Errorf("%w of room %q: %w", ErrCheckpoint, r.cfg.ID, in.Err())
	case version != checkpointVersion:
		return fmt.Errorf("%w of room %q: format %d, this server reads %d", ErrCheckpoint, r.cfg.ID, version, checkpointVersion)
	case game != def.Name:
		return fmt.Errorf("%w of room %q: it is of game %q, not %q", ErrCheckpoint, r.cfg.ID, game, def.Name)
	case stateVersion != def.StateVersion && def.Convert == nil:
		return fmt.Errorf("%w, %d, the game has %d and no Convert, room %q", ErrStateVersion, stateVersion, def.StateVersion, r.cfg.ID)
	case gameVersion != def.Version && !def.NoReplay:
		r.cfg.Log.Warn().Uint32("was", gameVersion).Uint32("is", def.Version).Msg("room restored by another version of its game")
	}
	return nil
}

func (r *Room) restorePlayers(in *wire.Reader) error {
	for range in.ArrayLen() {
		if in.ArrayLen() != 7 {
			in.Fail()
		}
		p := room.Player{Slot: int(in.Uint32()), ID: string(in.String(maxName)), Name: string(in.String(maxName)), Role: room.Role(in.Uint32())}
		team, flags, data := int(in.Int32()), in.Uint32(), in.Bytes(room.MaxPublicData)
		if in.Err() != nil || p.Slot >= maxSlots || p.Role > room.RoleSpectator || r.driver.Room.Player(p.Slot) != nil {
			return fmt.Errorf("%w of room %q: players", ErrCheckpoint, r.cfg.ID)
		}
		if p.Role == room.RolePlayer && p.Slot >= r.prog.Def.MaxPlayers {
			return fmt.Errorf("%w of room %q: somebody plays in slot %d, the game has MaxPlayers %d", ErrCheckpoint, r.cfg.ID, p.Slot, r.prog.Def.MaxPlayers)
		}
		p.Bot = flags&1 != 0
		r.driver.Seat(room.RestorePlayer(p, team, flags&2 != 0, flags&4 != 0, append([]byte(nil), data...)))
	}
	return nil
}

// maxSlots bounds the slots of a checkpoint: players and spectators.
const maxSlots = 2 * room.MaxPlayers

func (r *Room) restoreSession(in *wire.Reader) error {
	if in.ArrayLen() != 14 {
		in.Fail()
	}
	s := &Session{id: in.Uint32(), seat: in.Uint64(), buckets: r.newBuckets()}
	slot := int(in.Uint32())
	s.attached, s.deadline = in.Uint32() == 1, in.Uint32()
	s.key, s.joinedBy, s.used = readDigest(in), readDigest(in), readDigest(in)
	s.applied, s.handled = in.Uint32(), in.Uint32()
	s.lastSeq, s.lastRef, s.heard = s.applied, s.handled, r.tick
	if !s.outbox.restore(in) {
		in.Fail()
	}
	n := in.ArrayLen()
	for i := range n / 2 {
		b := bucket{credit: in.Uint64(), tick: in.Uint32()}
		if i < len(s.buckets) {
			s.buckets[i] = b
		}
	}
	s.outbox.seq, s.joined = in.Uint32(), in.Uint32()
	s.player = r.driver.Room.Player(slot)
	taken := slices.ContainsFunc(r.sessions, func(o *Session) bool { return o.player == s.player })
	if in.Err() != nil || s.player == nil || s.player.Bot || taken || r.byID[s.id] != nil || s.id > r.nextID {
		return fmt.Errorf("%w of room %q: sessions", ErrCheckpoint, r.cfg.ID)
	}
	r.sessions = append(r.sessions, s)
	r.byID[s.id] = s
	return nil
}

func (o *outbox) restore(in *wire.Reader) bool {
	n := in.ArrayLen()
	for range n / 2 {
		seq, frame := in.Uint32(), in.Bytes(wire.MaxServerMessage)
		o.entries = append(o.entries, entry{seq: seq, size: len(frame)})
		o.buf = append(o.buf, frame...)
	}
	return n%2 == 0 && in.Err() == nil
}

// TakeOver makes a restored room this node's: a new epoch begins, and every session waits for its client to resume. Sessions
// whose seat is not held (any more) leave at the next tick, as those whose grace has run out; held nil: all are. Calls that were
// under way come back as lost. Nothing of it reaches the game before that tick.
func (r *Room) TakeOver(epoch uint32, held func(seat uint64) bool) {
	r.epoch, r.crowned = epoch, true
	r.loseCalls()
	r.Wake()
	for _, s := range r.sessions {
		if held != nil && !held(s.seat) {
			s.leaveFor(room.ReasonTimeout, 0, "")
		}
		s.lastSeq, s.lastRef = s.applied, s.handled // what waited in queues is gone: clients send it again
		if s.attached {
			s.lost = true
		}
	}
}
