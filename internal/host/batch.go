package host

import "github.com/ringside-server/ringside/internal/sock"

// ringEntries is how many sends one system call takes; a room with more players takes more than one.
const ringEntries = 256

// A batch is what one room's players are sent at a tick, if sends go by a ring: see Config.Sends. It is empty outside of
// worker.ran, so a loop that changes its goroutine leaves nothing behind in it.
type batch struct {
	ring   *sock.Ring // nil: each send is a call of its own
	sends  []sock.Sending
	conns  []*conn // of sends
	frames []byte  // what sends point into; where it has grown, into what it was before
}

// openRing makes the worker's ring. A system that has none is no reason not to run.
func (w *worker) openRing() {
	cfg := &w.host.cfg
	if cfg.Sends == Plain || cfg.Backend != Epoll {
		return
	}
	ring, err := cfg.newRing(ringEntries)
	if err != nil {
		event := cfg.Log.Warn()
		if cfg.Sends == Auto {
			event = cfg.Log.Debug()
		}
		event.Err(err).Int("worker", w.index).Msg("no io_uring; sends are plain")
		return
	}
	w.batch.ring = ring
}

// Sends is how a started host sends: Plain or Uring.
func (h *Host) Sends() Sends {
	if h.workers[0].batch.ring != nil {
		return Uring
	}
	return Plain
}

// takes reports whether a connection's frames wait for the rest of its room's.
func (b *batch) takes(c *conn) bool { return b.ring != nil && c.link == link(&c.plain) }

// add takes a connection's frames.
func (b *batch) add(c *conn, frames []byte) {
	at := len(b.frames)
	b.frames = append(b.frames, frames...)
	b.sends = append(b.sends, sock.Sending{FD: c.plain.fd, B: b.frames[at:]})
	b.conns = append(b.conns, c)
}

// sendBatch sends what flush has left in the batch.
func (w *worker) sendBatch() {
	b := &w.batch
	if len(b.sends) == 0 {
		return
	}
	b.ring.Send(b.sends)
	for i := range b.sends {
		w.sent(b.conns[i], b.sends[i].B, b.sends[i].N, b.sends[i].Err)
	}
	clear(b.sends)
	clear(b.conns)
	b.sends, b.conns, b.frames = b.sends[:0], b.conns[:0], b.frames[:0]
	if cap(b.frames) > maxKeep {
		b.frames = nil
	}
}
