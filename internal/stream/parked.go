package stream

import (
	"container/heap"
	"net"
	"net/http"
	"time"
)

const (
	// firstRetry is how soon a socket that was full is tried again; each try without a byte doubles it up to lastRetry.
	firstRetry = 10 * time.Millisecond
	lastRetry  = 320 * time.Millisecond
	// patience is how many times WriteTimeout the rest of a frame may take as a whole, with a client that reads a little: who
	// holds memory of ours must not do so for ever.
	patience = 6
)

// A parkedConn is a connection that was taken from net/http and waits without a goroutine. After it was posted its writer owns it.
//
// Its memory does not grow: of what it has to be sent it holds a number (the cursor) and, while its socket is full, the rest
// of one frame, whose bytes it shares with everybody, or of what first or answer returned.
type parkedConn struct {
	// Immutable.
	place  place // but for its end
	conn   net.Conn
	fd     int // conn's, good until it is closed
	stream bool
	minor  int // of the request's HTTP/1

	// Streams.
	cursor uint64 // number of the next frame

	// Polls.
	answer func(final bool) *Response // nil: it has answered
	header http.Header                // what the handler had set
	seen   uint64                     // the topic's changes when it was asked last
	end    time.Duration              // timeout
	again  bool                       // the connection goes back to net/http behind the answer

	// Writing.
	tail   []byte        // what the socket did not take; shared, not changed
	ending bool          // nothing follows the tail
	wrote  time.Duration // when the socket last took something
	stuck  time.Duration // when the tail began
	pause  time.Duration // between two tries of a full socket

	// Places in the writer's lists.
	slot   int // in conns; -1: dropped
	member int // in the group's parked
	turn   int // in due
	due    time.Duration
}

// deadline is when p has to be attended to.
func (p *parkedConn) deadline(w *writer) time.Duration {
	switch {
	case len(p.tail) > 0:
		return w.now + p.pause
	case p.stream:
		return p.wrote + w.hub.cfg.Keepalive
	default:
		return p.end
	}
}

// attend does what p was due for.
func (w *writer) attend(p *parkedConn) {
	switch {
	case len(p.tail) > 0:
		w.retry(p)
	case p.stream && w.now-p.wrote >= w.hub.cfg.Keepalive:
		w.send(p, []byte(keepaliveFrame))
	case !p.stream && w.now >= p.end:
		w.ask(p, true)
	}
}

// feed sends a stream the frames of v that it has not had.
func (w *writer) feed(p *parkedConn, v *view) {
	if len(p.tail) > 0 || p.ending {
		return // retry feeds it
	}
	frames, lost := v.from(p.cursor)
	if lost {
		w.hub.stats.slow.Add(1)
		w.finish(p, []byte(resetFrame))
		return
	}
	for i := range frames {
		p.cursor++
		w.hub.stats.written.Add(1)
		if frames[i].last {
			w.finish(p, frames[i].bytes)
			return
		}
		if !w.send(p, frames[i].bytes) {
			return
		}
	}
}

// feedAlone feeds a stream that is not where its group is.
func (w *writer) feedAlone(p *parkedConn) {
	g := p.place.group
	g.topic.since(&w.news, p.cursor)
	w.feed(p, &w.news)
}

// ask asks a long poll's answer.
func (w *writer) ask(p *parkedConn, final bool) {
	if p.answer == nil {
		return
	}
	p.seen = p.place.group.topic.changes.Load() // before: what changes meanwhile is asked about again
	response := w.hub.call(p.answer, final)
	if response != nil {
		w.hub.stats.written.Add(1)
		w.finish(p, response.raw(p.minor, p.header, p.again))
	}
}

// dismiss ends p because the Hub closes; n spreads when clients come back.
func (w *writer) dismiss(p *parkedConn, n int) {
	if p.stream {
		w.finish(p, farewell(n))
	} else {
		p.again = false
		w.finish(p, problemClosing.response().raw(p.minor, p.header, false))
	}
}

// finish sends the end of an answer, behind what the socket has not taken yet, and lets the connection go when all of it is out.
// The place is free before the client can know, which may ask again at once; it is taken again when the client does not take
// the end: what it holds of ours must stay counted.
func (w *writer) finish(p *parkedConn, b []byte) {
	p.ending, p.answer, p.header = true, nil, nil
	w.leave(p)
	if len(p.tail) > 0 {
		p.tail = append(p.tail[:len(p.tail):len(p.tail)], b...)
		p.place.again()
		return
	}
	if w.send(p, b) {
		w.release(p)
	} else if p.slot >= 0 {
		p.place.again()
	}
}

// send writes b. False: the connection was dropped, or holds the rest as its tail.
func (w *writer) send(p *parkedConn, b []byte) bool {
	n, err := sendNow(p.fd, b)
	if err != nil {
		w.hub.stats.vanished.Add(1)
		w.drop(p)
		return false
	}
	p.wrote = w.now
	if n < len(b) {
		p.tail, p.stuck, p.pause = b[n:], w.now, firstRetry
		w.schedule(p)
		return false
	}
	return true
}

// retry writes the tail on. A client that takes nothing for too long is dropped.
func (w *writer) retry(p *parkedConn) {
	n, err := sendNow(p.fd, p.tail)
	limit := w.hub.cfg.WriteTimeout
	switch {
	case err != nil:
		w.hub.stats.vanished.Add(1)
		w.drop(p)
		return
	case n > 0:
		p.tail, p.wrote, p.pause = p.tail[n:], w.now, firstRetry
	default:
		p.pause = min(2*p.pause, lastRetry)
	}
	switch {
	case len(p.tail) > 0:
		if w.now-p.wrote >= limit || w.now-p.stuck >= patience*limit {
			w.hub.stats.slow.Add(1)
			w.drop(p)
		}
	case p.ending:
		w.release(p)
	default:
		p.tail = nil
		w.feedAlone(p)
	}
}

// leave takes p out of its group and gives its place back. What is left is a connection with a tail.
func (w *writer) leave(p *parkedConn) {
	if g := p.place.group; g != nil {
		last := len(g.parked) - 1
		g.parked[p.member] = g.parked[last]
		g.parked[p.member].member = p.member
		g.parked[last] = nil
		g.parked = g.parked[:last]
	}
	p.place.leave()
}

// release forgets p, whose answer is out: its connection goes back to net/http, or is closed.
func (w *writer) release(p *parkedConn) {
	if !p.again {
		w.drop(p)
		return
	}
	w.forget(p)
	w.hub.back.put(p.conn)
}

// drop closes p and forgets it.
func (w *writer) drop(p *parkedConn) {
	w.forget(p)
	discard(p.fd, w.scratch[:])
	p.conn.Close()
}

// forget takes p out of every list; its connection is whoever's calls it.
func (w *writer) forget(p *parkedConn) {
	w.leave(p)
	heap.Remove(&w.due, p.turn)
	last := len(w.conns) - 1
	w.conns[p.slot] = w.conns[last]
	w.conns[p.slot].slot = p.slot
	w.conns[last] = nil
	w.conns = w.conns[:last]
	w.sweep.remove(p.slot)
	p.slot = -1
	w.hub.stats.parked.Add(-1)
}
