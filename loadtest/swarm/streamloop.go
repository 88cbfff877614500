package swarm

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringside-server/ringside/internal/sock"
)

// maxPartial bounds an answer that has not arrived whole.
const maxPartial = 64 << 10

// streamWait is how long the loop waits for events before it looks for new streams.
const streamWait = 5 * time.Millisecond

// A streamLoop owns all streams' sockets: one goroutine, some 60 bytes a stream while nothing happens.
type streamLoop struct {
	// Immutable.
	request string
	poll    bool
	epoll   *sock.Epoll
	faults  *faults
	again   chan arrivedStream // polls whose server closed behind its answer; as many fit as there are streams

	// Read by anybody.
	open    atomic.Int64
	reached atomic.Int64 // streams that have the change
	asking  atomic.Int64 // polls between two sockets

	// Guarded by mu.
	mu      sync.Mutex
	arrived []arrivedStream
	wanted  expected // the change that is waited for

	// Owned by run.
	streams []stream
	want    expected
	buf     []byte
	reach   *hdrhistogram.Histogram // µs
	etag    string                  // of the first question of a poll
}

// An arrivedStream is a connected socket for a stream.
type arrivedStream struct {
	fd    int    // negative: it could not be opened
	index int    // of the stream it is for; negative: a new one
	etag  string // what a poll asks with
}

// expected is a change: its number, the text in which it shows, and when it was asked for.
type expected struct {
	n      uint32
	marker []byte
	at     time.Time
}

// A stream is one socket.
type stream struct {
	fd   int
	has  uint32 // newest change heard of
	away bool   // between two sockets
	dead bool
	body bool   // SSE: the answer's head has been read
	part []byte // what has arrived of an answer, or the end of what may hold half a marker
}

func newStreamLoop(request string, poll bool, etag string, count int, f *faults) (*streamLoop, error) {
	e, err := sock.NewEpoll()
	if err != nil {
		return nil, err
	}
	return &streamLoop{
		request: request, poll: poll, epoll: e, faults: f, etag: etag, again: make(chan arrivedStream, count),
		streams: make([]stream, 0, count), buf: make([]byte, recvBuffer), reach: newReach(),
	}, nil
}

// adopt gives the loop a connected socket for a new stream.
func (l *streamLoop) adopt(fd int) {
	l.open.Add(1)
	l.arrive(arrivedStream{fd: fd, index: -1, etag: l.etag})
}

func (l *streamLoop) arrive(a arrivedStream) {
	l.mu.Lock()
	l.arrived = append(l.arrived, a)
	l.mu.Unlock()
}

// expect says which change comes next, now.
func (l *streamLoop) expect(n uint32) {
	l.reached.Store(0)
	l.mu.Lock()
	l.wanted = expected{n: n, marker: []byte(`"n":"` + strconv.Itoa(int(n)) + `"`), at: time.Now()}
	l.mu.Unlock()
}

// run goes on until stop is closed, and closes all sockets then.
func (l *streamLoop) run(stop <-chan struct{}) {
	defer l.close()
	events := make([]sock.Event, 1024)
	for {
		select {
		case <-stop:
			return
		default:
		}
		l.take()
		n, err := l.epoll.Wait(events, streamWait)
		if err != nil {
			l.faults.add("poll: %s", cause(err))
			return
		}
		l.mu.Lock()
		l.want = l.wanted
		l.mu.Unlock()
		for i := range n {
			l.readable(int(events[i].Data()))
		}
	}
}

func (l *streamLoop) close() {
	l.take()
	for i := range l.streams {
		if s := &l.streams[i]; !s.dead && !s.away {
			sock.Close(l.streams[i].fd)
		}
	}
	l.epoll.Close()
}

// take sends the request of new streams.
func (l *streamLoop) take() {
	l.mu.Lock()
	arrived := l.arrived
	l.arrived = nil
	l.mu.Unlock()
	for _, a := range arrived {
		if a.index < 0 {
			a.index = len(l.streams)
			l.streams = append(l.streams, stream{})
		} else {
			l.asking.Add(-1)
		}
		s := &l.streams[a.index]
		s.fd, s.away = a.fd, a.fd < 0
		if s.away {
			l.lost(s, "it could not be opened again")
			continue
		}
		if err := l.epoll.Add(a.fd, sock.In|sock.RdHup, uint64(a.index)); err != nil {
			l.lost(s, cause(err))
			continue
		}
		l.ask(s, a.etag)
	}
}

// ask sends the request. It fits into an empty send buffer, or the socket is of no use.
func (l *streamLoop) ask(s *stream, etag string) {
	text := l.request
	if l.poll && etag != "" {
		text += "If-None-Match: " + etag + "\r\n"
	}
	text += "\r\n"
	if n, err := sock.Send(s.fd, []byte(text)); err != nil || n < len(text) {
		l.lost(s, "the request was not taken")
	}
}

func (l *streamLoop) lost(s *stream, why string) {
	if s.dead {
		return
	}
	l.faults.add("a stream ended: %s", why)
	if !s.away {
		sock.Close(s.fd)
	}
	s.dead, s.part = true, nil
	l.open.Add(-1)
}

func (l *streamLoop) readable(index int) {
	s := &l.streams[index]
	if s.dead || s.away {
		return
	}
	n, err := sock.Recv(s.fd, l.buf)
	switch {
	case errors.Is(err, sock.ErrWouldBlock):
		return
	case err != nil:
		l.lost(s, cause(err))
		return
	}
	data := l.buf[:n]
	if len(s.part) > 0 {
		data = append(s.part, data...)
		s.part = nil
	}
	if l.poll {
		l.answers(s, index, data)
	} else {
		l.events(s, data)
	}
	if len(s.part) > maxPartial {
		l.lost(s, "an answer of more than 64 KiB")
	}
}

// heard notes that a stream has the change.
func (l *streamLoop) heard(s *stream, text []byte) {
	if l.want.n == 0 || s.has >= l.want.n || !bytes.Contains(text, l.want.marker) {
		return
	}
	s.has = l.want.n
	record(l.reach, time.Since(l.want.at))
	l.reached.Add(1)
}

// events reads a part of an event stream. What is kept of it is less than a marker, which may stand across two parts.
func (l *streamLoop) events(s *stream, data []byte) {
	if !s.body {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			s.part = append([]byte(nil), data...)
			return
		}
		if status := statusOf(data); status != 200 {
			l.lost(s, "the server answers "+strconv.Itoa(status))
			return
		}
		s.body, data = true, data[end+4:]
	}
	l.heard(s, data)
	if keep := min(len(l.want.marker)-1, len(data)); keep > 0 && s.has < l.want.n {
		s.part = append([]byte(nil), data[len(data)-keep:]...)
	}
}

// answers reads what has arrived of a poll's answer, and asks again behind it: on a new socket if the server closes this one.
// What changes in between is answered at once, by its ETag.
func (l *streamLoop) answers(s *stream, index int, data []byte) {
	head, whole := answerLength(data)
	if head < 0 || len(data) < whole || whole < 0 {
		s.part = append([]byte(nil), data...)
		return
	}
	status, etag := statusOf(data), headerOf(data[:head], "etag")
	if status != 200 && status != 304 {
		l.lost(s, "the server answers "+strconv.Itoa(status))
		return
	}
	l.heard(s, data[head:whole])
	if strings.EqualFold(headerOf(data[:head], "connection"), "close") {
		sock.Close(s.fd)
		s.away = true
		l.asking.Add(1)
		l.again <- arrivedStream{index: index, etag: etag} // has room for each stream once
		return
	}
	l.ask(s, etag)
}

// statusOf is the status of an answer, 0 if it is none.
func statusOf(data []byte) int {
	if len(data) < 12 || !bytes.HasPrefix(data, []byte("HTTP/1.1 ")) {
		return 0
	}
	n, err := strconv.Atoi(string(data[9:12]))
	if err != nil {
		return 0
	}
	return n
}

// answerLength is the length of an answer's head and of all of it; negative while that cannot be told.
func answerLength(data []byte) (head, whole int) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return -1, -1
	}
	head = end + 4
	if status := statusOf(data); status == 304 || status == 204 {
		return head, head
	}
	if headerOf(data[:head], "transfer-encoding") == "chunked" {
		if last := bytes.Index(data[head:], []byte("\r\n0\r\n\r\n")); last >= 0 {
			return head, head + last + 7
		}
		return head, -1
	}
	n, err := strconv.Atoi(headerOf(data[:head], "content-length"))
	if err != nil || n < 0 || n > maxPartial {
		return head, maxPartial + 1 // never whole: given up when it is too long
	}
	return head, head + n
}

// headerOf is the value of a header, "" without one.
func headerOf(head []byte, name string) string {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
