package host

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/wire"
)

// A stay is one session on this node, over all its connections, for the line that is logged at its end. It belongs to the worker.
type stay struct {
	session        *engine.Session
	since          int64 // host clock
	code           wire.CloseCode
	rtt            time.Duration // at the end of its last connection
	sent, received uint64        // bytes
}

// sat notes that a connection was bound to its session.
func (w *worker) sat(c *conn) {
	h := c.room
	s := h.stays[c.session]
	if s == nil {
		if h.stays == nil {
			h.stays = make(map[*engine.Session]*stay)
		}
		s = &stay{session: c.session, since: w.now, code: lostCode}
		h.stays[c.session] = s
	}
	c.stay, c.since = s, w.now
}

// stood adds a connection that its session loses to the stay.
func (c *conn) stood() {
	if s := c.stay; s != nil {
		s.rtt = rttOf(c.link)
		s.sent, s.received = s.sent+c.sent, s.received+c.received
		c.sent, c.received = 0, 0
	}
}

// partedWith notes the code a connection was closed with; of a session's connections the last one's counts.
func (c *conn) partedWith(code wire.CloseCode) {
	if c.stay != nil {
		c.stay.code, c.stay = code, nil
	}
}

// sayEnded logs the session of a seat that came free, if there was one.
func (w *worker) sayEnded(h *hosted, seat uint64) {
	for session, s := range h.stays {
		if session.Seat() == seat {
			w.say(h, s)
			delete(h.stays, session)
			return
		}
	}
}

// sayAllEnded logs the sessions of a room that goes.
func (w *worker) sayAllEnded(h *hosted) {
	for _, s := range h.stays {
		w.say(h, s)
	}
	h.stays = nil
}

// say leaves a line for the scribe.
func (w *worker) say(h *hosted, s *stay) {
	p := s.session.Player()
	w.host.scribe.write(farewell{
		room: h.Room, game: h.Game, slot: p.Slot, player: p.ID, code: s.code, lasted: time.Duration(w.host.now() - s.since), rtt: s.rtt,
		states: s.session.States(), skipped: s.session.Skipped(), dropped: s.session.Dropped(), sent: s.sent, received: s.received,
	})
}

// A farewell is what is logged of a session.
type farewell struct {
	room, game, player       string
	slot                     int
	code                     wire.CloseCode
	lasted, rtt              time.Duration
	sent, received           uint64
	states, skipped, dropped uint32
}

// Bounds of the lines of sessions.
const (
	maxFarewells    = 1024 // that wait for the log; beyond it they are dropped
	farewellsLogged = 50   // a second; more are dropped
)

// A scribe logs ends of sessions, so that a log that blocks costs no tick.
type scribe struct {
	log   zerolog.Logger
	lines chan farewell
	stop  chan struct{}
	done  chan struct{}
}

func newScribe(log zerolog.Logger) *scribe {
	return &scribe{
		log:   log.Sample(&zerolog.BurstSampler{Burst: farewellsLogged, Period: time.Second}),
		lines: make(chan farewell, maxFarewells), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// write leaves a line; it never waits.
func (s *scribe) write(f farewell) {
	select {
	case s.lines <- f:
	default:
	}
}

// run logs until the scribe is closed and nothing is left.
func (s *scribe) run() {
	defer close(s.done)
	for {
		select {
		case f := <-s.lines:
			s.put(&f)
		case <-s.stop:
			for {
				select {
				case f := <-s.lines:
					s.put(&f)
				default:
					return
				}
			}
		}
	}
}

// close lets the lines that wait be logged, until ctx ends.
func (s *scribe) close(ctx context.Context) error {
	close(s.stop)
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *scribe) put(f *farewell) {
	s.log.Info().Str("room", f.room).Str("game", f.game).Int("slot", f.slot).Str("player", f.player).
		Int("code", int(f.code)).Str("why", nameOf(f.code)).Dur("duration", f.lasted).Dur("rtt", f.rtt).
		Uint32("states_sent", f.states).Uint32("states_skipped", f.skipped).Uint32("inputs_dropped", f.dropped).
		Uint64("bytes_sent", f.sent).Uint64("bytes_received", f.received).Msg("session ended")
}

// nameOf says a close code in a word.
func nameOf(code wire.CloseCode) string {
	switch code {
	case lostCode:
		return "connection_lost"
	case 1000, 1001:
		return "client_closed"
	}
	return code.String()
}

// rttOf asks the kernel for the round-trip time of a link, 0 where it does not know.
func rttOf(l link) (rtt time.Duration) {
	switch l := l.(type) {
	case *fdLink:
		return sock.RTT(l.fd)
	case *tlsLink:
		return sock.RTT(l.conn.FD())
	case *pipe:
		conn := l.conn
		if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
			conn = wrapped.NetConn()
		}
		sc, ok := conn.(syscall.Conn)
		if !ok {
			return 0
		}
		raw, err := sc.SyscallConn()
		if err != nil {
			return 0
		}
		_ = raw.Control(func(fd uintptr) { rtt = sock.RTT(int(fd)) }) // a socket that is closed has none
	}
	return rtt
}
