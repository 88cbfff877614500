package stream

import (
	"net"
	"net/http"
	"strings"
	"time"
)

// Events answers with an event stream (text/event-stream): what first returns, then every event published to topic, in order.
// first is called when the subscription stands, so that no change falls between; an event that happened meanwhile may be in
// both. A client that comes back and names the id of an event that is still kept (Last-Event-ID) goes on behind that one, and
// first is not called. last means that nothing will follow.
//
// The stream ends after a last event, when the client goes, at the Hub's Close, or when the client is so far behind that its
// next event is no longer kept: then with an event named reset, behind which it connects anew and gets first again. A browser's
// EventSource connects anew after every end: it must be closed at the last event.
//
// Headers set on w are sent. The Hub may hold more answers when Events returns than before: it then owns the connection, and w
// and r must not be used any more. HEAD is answered with the headers.
func (h *Hub) Events(w http.ResponseWriter, r *http.Request, topic string, first func() (events []Event, last bool)) {
	set := w.Header()
	if r.Method == http.MethodHead {
		streamHeaders(set)
		w.WriteHeader(http.StatusOK)
		return
	}
	place, refusal := h.enter(r, true)
	if refusal != nil {
		refusal.send(w)
		return
	}
	parked := false
	defer func() {
		if !parked {
			place.leave()
		}
	}()
	cursor, resumed := place.subscribe(topic, r.Header.Get("Last-Event-ID"))
	opening := appendRetry(nil, retryMillis)
	last := false
	if !resumed {
		var events []Event
		events, last = first()
		for i := range events {
			opening = appendFrame(opening, &events[i])
		}
	}
	streamHeaders(set)
	if last {
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(opening) // fails when the client has gone: nobody is left to tell
		return
	}
	conn, _ := take(w, r)
	if conn == nil {
		s := h.newWebSink(w, r)
		if !h.failed(s.write(opening)) {
			h.holdStream(s, place.group, cursor)
		}
		return
	}
	opening = append(appendHead(nil, r.ProtoMinor, http.StatusOK, set, -1, false), opening...)
	fd, plain := descriptor(conn)
	if plain {
		parked = h.park(&parkedConn{place: place, conn: conn, fd: fd, stream: true, minor: r.ProtoMinor, cursor: cursor, tail: opening})
		return
	}
	defer conn.Close()
	s := &connSink{conn: conn, timeout: h.cfg.WriteTimeout}
	if !h.failed(s.write(opening)) {
		h.holdStream(s, place.group, cursor)
	}
}

// Wait is a long poll: it answers with the first Response that answer returns. answer is asked at once, when the registration
// stands, then after what is published to topic (once for several changes in a row), and with final at the timeout or for a
// HEAD; nil means that there is nothing to say yet (204 when final).
//
// answer is called by one goroutine at a time, not always the same, without locks. It must not wait: other clients wait with
// it. It lives as long as the poll, so it should not hold on to the request. After a panic the client gets 500. Headers set on
// w are sent. As with Events the Hub may own the connection when Wait returns; the client's next request on it comes out of
// Listener.
func (h *Hub) Wait(w http.ResponseWriter, r *http.Request, topic string, timeout time.Duration, answer func(final bool) *Response) {
	if r.Method == http.MethodHead {
		h.call(answer, true).send(w)
		return
	}
	place, refusal := h.enter(r, false)
	if refusal != nil {
		refusal.send(w)
		return
	}
	parked := false
	defer func() {
		if !parked {
			place.leave()
		}
	}()
	place.subscribe(topic, "")
	seen := place.group.topic.changes.Load() // before: what changes meanwhile is asked about again
	if response := h.call(answer, timeout <= 0); response != nil {
		h.stats.written.Add(1)
		response.send(w)
		return
	}
	conn, again := take(w, r)
	if conn == nil {
		h.holdPoll(h.newWebSink(w, r), place.group, seen, timeout, answer)
		return
	}
	set := ownHeader(w.Header())
	fd, plain := descriptor(conn)
	if plain {
		parked = h.park(&parkedConn{
			place: place, conn: conn, fd: fd, minor: r.ProtoMinor,
			answer: answer, header: set, seen: seen, end: h.now() + timeout, again: again && h.back != nil,
		})
		return
	}
	defer conn.Close()
	h.holdPoll(&connSink{conn: conn, minor: r.ProtoMinor, set: set, timeout: h.cfg.WriteTimeout}, place.group, seen, timeout, answer)
}

// streamHeaders are those of an event stream. The last one is for nginx, which would wait for more to send on.
func streamHeaders(set http.Header) {
	set.Set("Content-Type", "text/event-stream")
	set.Set("Cache-Control", "no-store")
	set.Set("X-Accel-Buffering", "no")
}

// ownHeader copies a header down to its bytes: a value that echoes the request's would keep all of that alive.
func ownHeader(h http.Header) http.Header {
	own := h.Clone()
	for _, values := range own {
		for i, v := range values {
			values[i] = strings.Clone(v)
		}
	}
	return own
}

// take takes the request's connection from net/http, with its buffers and what the client sent behind the request. It returns
// nil when that cannot be, or would not lead to a connection that can be parked. again means that the client may ask again on
// it, and has not yet: what it sent behind the request is lost.
func take(w http.ResponseWriter, r *http.Request) (conn net.Conn, again bool) {
	if !canPark || r.ProtoMajor != 1 || r.TLS != nil {
		return nil, false
	}
	conn, bufs, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, false // HTTP/2, or a ResponseWriter that is none of net/http's
	}
	conn.SetDeadline(time.Time{}) // those of http.Server
	return conn, r.ProtoMinor == 1 && !r.Close && bufs.Reader.Buffered() == 0
}

// park hands a connection to its writer. It sends what it can of the tail itself: most openings fit into the socket. False: the
// Hub is closed, and now the connection too.
func (h *Hub) park(p *parkedConn) bool {
	tune(p.fd, p.stream, 2*h.cfg.Keepalive)
	p.wrote = h.now()
	p.stuck, p.pause = p.wrote, firstRetry
	if len(p.tail) > 0 {
		n, err := sendNow(p.fd, p.tail)
		if err != nil {
			h.stats.vanished.Add(1)
			p.conn.Close()
			return false
		}
		p.tail = p.tail[n:]
		if len(p.tail) == 0 {
			p.tail = nil
		}
	}
	if !p.place.group.writer.post(errand{parked: p}) {
		p.conn.Close()
		return false
	}
	return true
}
