package engine

import (
	"errors"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A bucket counts a session's messages of one kind against its rate. Credit is in messages × TickHz, so that a tick earns
// exactly the rate; full it holds one second's worth.
type bucket struct {
	credit uint64
	tick   uint32 // when credit was right
}

func (r *Room) newBuckets() []bucket {
	b := make([]bucket, len(r.prog.Schema.Messages))
	for i := range b {
		b[i] = bucket{credit: uint64(r.prog.Schema.Messages[i].Rate * r.TickHz()), tick: r.tick}
	}
	return b
}

// take spends one message's credit.
func (b *bucket) take(tick uint32, rate, tickHz int) bool {
	full := uint64(rate * tickHz)
	b.credit = min(b.credit+uint64(tick-b.tick)*uint64(rate), full)
	b.tick = tick
	if b.credit < uint64(tickHz) {
		return false
	}
	b.credit -= uint64(tickHz)
	return true
}

// gatherMessages writes the messages that stand before a session's next input.
func (r *Room) gatherMessages(dst []byte, s *Session) []byte {
	q := &s.queue
	n := 0
	for n < len(q.items) && q.items[n].message {
		it := &q.items[n]
		dst = appendSessionOp(dst, opMessage, s, uint64(it.seq), uint64(it.id), uint64(it.code))
		dst = wire.AppendBytes(dst, it.payload)
		n++
	}
	if n > 0 {
		rest := copy(q.items, q.items[n:])
		clear(q.items[rest:])
		q.items = q.items[:rest]
		q.msgs -= n
	}
	return dst
}

// applyMessage hands a message to the game and queues its REPLY.
func (r *Room) applyMessage(in *wire.Reader) {
	s := r.session(in)
	ref, id, code := in.Uint32(), in.Uint32(), in.Uint32()
	payload := in.Bytes(wire.MaxClientMessage)
	s.handled = ref
	text := ""
	switch {
	case code != wire.ReplyDone:
	case int(id) >= r.driver.Messages():
		code = wire.ReplyNoMessage
	case !s.buckets[id].take(r.tick, r.prog.Schema.Messages[id].Rate, r.TickHz()):
		code = wire.ReplyTooMany
	case s.player.Role == room.RoleSpectator:
		code, text = wire.ReplyRefused, "spectators only watch"
	default:
		code, text = r.askGame(s, int(id), payload)
	}
	s.outbox.reply(ref, code, text)
}

func (r *Room) askGame(s *Session, id int, payload []byte) (code uint32, text string) {
	err := r.driver.Message(s.player, id, payload)
	switch {
	case err == nil:
		return wire.ReplyDone, ""
	case errors.Is(err, room.ErrPayload):
		return wire.ReplyMalformed, ""
	}
	return wire.ReplyRefused, cut(err.Error(), maxReplyText)
}

const maxReplyText = 512
