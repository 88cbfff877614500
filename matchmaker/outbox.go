package matchmaker

import "strconv"

// The outbox holds what is to be said to the webhook and was not acknowledged yet. It is part of the directory: an end and its
// notice are one command, so neither a crash nor a restart loses one.
const (
	// An outbox that nobody empties holds at most this; the oldest go first and are counted.
	outboxKept      = 10_000
	outboxKeptBytes = 32 << 20

	// noticeKeptMs is how long a notice is tried.
	noticeKeptMs = 24 * 60 * 60 * 1000

	// ackBatch bounds the notices one command takes out.
	ackBatch = 64
)

// notice says that a room ended. It is never changed.
type notice struct {
	Seq      uint64 // the directory's count of endings
	Room     string
	Epoch    uint64
	Game     string
	Metadata []Pair
	Ending
}

// event is the notice's stable id: a room ends once in an epoch.
func (n *notice) event() string { return n.Room + "." + strconv.FormatUint(n.Epoch, 10) }

// bytes is about what a notice takes in memory.
func (n *notice) bytes() int {
	size := 256 + len(n.Text) + len(n.Result)
	for _, p := range n.Metadata {
		size += len(p.Key) + len(p.Value)
	}
	return size
}

// outbox is part of the replicated state.
type outbox struct {
	on      bool   // there is a webhook
	dropped uint64 // notices that were never acknowledged and are gone
	queue   fifo[string, *notice]
	bytes   int
}

func (o *outbox) add(n *notice) {
	o.queue.push(n.event(), n)
	o.bytes += n.bytes()
}

func (o *outbox) remove(event string) {
	if n, ok := o.queue.remove(event); ok {
		o.bytes -= n.bytes()
	}
}

// forget drops the oldest beyond what is kept.
func (o *outbox) forget(clock int64) {
	for {
		oldest, ok := o.queue.oldest()
		if !ok || o.queue.len() <= outboxKept && o.bytes <= outboxKeptBytes && oldest.At+noticeKeptMs > clock {
			return
		}
		o.remove(oldest.event())
		o.dropped++
	}
}

// notify puts the end of r into the outbox.
func (d *Directory) notify(r *Room) {
	if !d.t.outbox.on {
		return
	}
	d.t.outbox.add(&notice{Seq: d.t.endings, Room: r.ID, Epoch: r.Epoch, Game: r.Game, Metadata: r.Metadata, Ending: *r.End})
	select {
	case d.posted <- struct{}{}:
	default: // it will look
	}
}

// apply turns the outbox on or off. What is in it when there is no webhook any more is nobody's.
func (m *setWebhook) apply(d *Directory) result {
	if !m.On {
		d.t.outbox.queue, d.t.outbox.bytes = fifo[string, *notice]{}, 0
	}
	d.t.outbox.on = m.On
	return result{}
}

// apply takes notices out that were delivered, or that the receiver does not want.
func (m *acknowledge) apply(d *Directory) result {
	for _, event := range m.Events {
		d.t.outbox.remove(event)
	}
	return result{}
}

// noticesAfter returns the notices behind one that was seen, and how many were dropped over all time.
func (d *Directory) noticesAfter(seq uint64) (notices []*notice, dropped uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.outbox.queue.newest(func(n *notice) bool { return n.Seq <= seq }), d.t.outbox.dropped
}

// noticed says whether a notice is still to be delivered.
func (d *Directory) noticed(event string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.t.outbox.queue.get(event)
	return ok
}

// webhookOn says whether ends are put into the outbox.
func (d *Directory) webhookOn() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.t.outbox.on
}
