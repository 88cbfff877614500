package stream

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"
)

// errSlow is wrapped by what a sink answers when the client did not take what it was sent in time.
var errSlow = errors.New("client does not read")

// A sink is where a goroutine that holds an answer writes. Each call has WriteTimeout to be taken by the client.
type sink interface {
	write(parts ...[]byte) error
	respond(*Response) error
	gone() <-chan struct{} // closed when the client has gone; nil: only a write can tell
}

// A webSink writes through net/http.
type webSink struct {
	w       http.ResponseWriter
	ctl     *http.ResponseController
	r       *http.Request
	timeout time.Duration
}

// newWebSink takes the server's own deadlines off the answer: they are made for answers that come at once. A ReadTimeout would
// even end the request's context.
func (h *Hub) newWebSink(w http.ResponseWriter, r *http.Request) *webSink {
	s := &webSink{w: w, ctl: http.NewResponseController(w), r: r, timeout: h.cfg.WriteTimeout}
	_ = s.ctl.SetReadDeadline(time.Time{}) // what cannot have deadlines has none to take off
	_ = s.ctl.SetWriteDeadline(time.Time{})
	return s
}

func (s *webSink) write(parts ...[]byte) error {
	return s.within(func() error {
		for _, b := range parts {
			if _, err := s.w.Write(b); err != nil {
				return err
			}
		}
		return s.flush()
	})
}

func (s *webSink) respond(response *Response) error {
	return s.within(func() error {
		response.send(s.w)
		return s.flush()
	})
}

// within gives send the timeout, and no longer: under HTTP/2 a deadline ends an idle stream too. How a write fails at its
// deadline differs between the protocols, so the clock says whether it did.
func (s *webSink) within(send func() error) error {
	begin := time.Now()
	_ = s.ctl.SetWriteDeadline(begin.Add(s.timeout)) // what cannot have deadlines is not slow either
	err := send()
	_ = s.ctl.SetWriteDeadline(time.Time{})
	if err != nil && time.Since(begin) >= s.timeout {
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return err
}

func (s *webSink) flush() error {
	if err := s.ctl.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil // it arrives when the handler returns
}

func (s *webSink) gone() <-chan struct{} { return s.r.Context().Done() }

// A connSink writes to a connection that was taken from net/http and turned out not to be a plain socket.
type connSink struct {
	conn    net.Conn
	minor   int
	set     http.Header
	timeout time.Duration
}

func (s *connSink) write(parts ...[]byte) error {
	s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
	bufs := net.Buffers(parts)
	_, err := bufs.WriteTo(s.conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return err
}

func (s *connSink) respond(response *Response) error {
	return s.write(response.raw(s.minor, s.set, false))
}
func (s *connSink) gone() <-chan struct{} { return nil }

// A held is a listener whose goroutine waits in its handler.
type held struct {
	// Immutable.
	group *group
	wake  chan struct{} // one token: something was published
	out   chan struct{} // closed by the writer when it has forgotten the listener

	member int // in the group's held; owned by the writer
}

// nudge has the goroutine look.
func (l *held) nudge() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look
	}
}

// listen enters the place's group as a listener with a goroutine; stop ends that. A stopped writer wakes nobody, and needs not:
// the Hub is closing then.
func listen(g *group) (l *held, stop func()) {
	l = &held{group: g, wake: make(chan struct{}, 1), out: make(chan struct{})}
	if !g.writer.post(errand{held: l}) {
		return l, func() {}
	}
	return l, func() {
		// Waiting keeps the place taken until then, which bounds the errands.
		if g.writer.post(errand{held: l, goes: true}) {
			select {
			case <-l.out:
			case <-g.writer.done:
			}
		}
	}
}

// holdStream is an event stream in the handler's goroutine, from cursor on.
func (h *Hub) holdStream(s sink, g *group, cursor uint64) {
	l, stop := listen(g)
	defer stop()
	keepalive := time.NewTicker(h.cfg.Keepalive)
	defer keepalive.Stop()
	for {
		var err error
		var ended bool
		if cursor, ended, err = h.catchUp(s, g.topic, cursor); h.failed(err) || ended {
			return
		}
		select {
		case <-l.wake:
		case <-keepalive.C:
			if h.failed(s.write([]byte(keepaliveFrame))) {
				return
			}
		case <-s.gone():
			h.stats.vanished.Add(1)
			return
		case <-h.closing:
			if _, ended, err = h.catchUp(s, g.topic, cursor); !h.failed(err) && !ended {
				h.failed(s.write(farewell(int(h.turn.Add(1)))))
			}
			return
		}
	}
}

// catchUp sends the frames from cursor on. ended: one of them was the last, or some are lost and the client was told so.
func (h *Hub) catchUp(s sink, t *topic, cursor uint64) (next uint64, ended bool, err error) {
	var news view
	t.since(&news, cursor)
	frames, lost := news.from(cursor)
	if lost {
		h.stats.slow.Add(1)
		return cursor, true, s.write([]byte(resetFrame))
	}
	var parts [][]byte
	for i := range frames {
		parts = append(parts, frames[i].bytes)
		if ended = frames[i].last; ended {
			break
		}
	}
	if len(parts) > 0 {
		h.stats.written.Add(uint64(len(parts)))
		err = s.write(parts...)
	}
	return cursor + uint64(len(frames)), ended, err
}

// failed counts why a write did not succeed, if so.
func (h *Hub) failed(err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, errSlow):
		h.stats.slow.Add(1)
	default:
		h.stats.vanished.Add(1)
	}
	return true
}

// holdPoll is a long poll in the handler's goroutine. seen are the topic's changes when answer was asked last.
func (h *Hub) holdPoll(s sink, g *group, seen uint64, timeout time.Duration, answer func(bool) *Response) {
	l, stop := listen(g)
	defer stop()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for final := false; ; {
		var response *Response
		if changes := g.topic.changes.Load(); final || changes != seen {
			seen = changes
			response = h.call(answer, final)
		}
		if response != nil {
			h.stats.written.Add(1)
			h.failed(s.respond(response))
			return
		}
		select {
		case <-l.wake:
		case <-timer.C:
			final = true
		case <-s.gone():
			h.stats.vanished.Add(1)
			return
		case <-h.closing:
			h.failed(s.respond(problemClosing.response()))
			return
		}
	}
}

// call asks an answer. One that panics ends its own poll, as it would in net/http, and nobody else's.
func (h *Hub) call(answer func(bool) *Response, final bool) (response *Response) {
	defer func() {
		if fault := recover(); fault != nil {
			h.cfg.Log.Error().Interface("panic", fault).Bytes("stack", debug.Stack()).Msg("answer of a long poll panicked")
			response = problemFault.response()
		}
	}()
	response = answer(final)
	if response == nil && final {
		response = &Response{Status: http.StatusNoContent}
	}
	return response
}
