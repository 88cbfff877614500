package matchmaker

import (
	"context"
	"crypto/tls"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringside-server/ringside/internal/stream"
)

// ticketBody is a ticket as whoever holds its id sees it.
type ticketBody struct {
	ID           string             `json:"id" doc:"Whoever knows it may read and cancel the ticket: keep it secret"`
	Queue        string             `json:"queue"`
	State        string             `json:"state" enum:"waiting,matched,cancelled,expired,failed"`
	Players      []ticketPlayerBody `json:"players" nullable:"false"`
	CreatedAt    time.Time          `json:"created_at"`
	WaitedS      float64            `json:"waited_s" doc:"Seconds until it was matched or given up, or until now"`
	ExpiresAt    *time.Time         `json:"expires_at,omitempty" doc:"While waiting: until when"`
	RatingWindow *float64           `json:"rating_window,omitempty" doc:"While waiting: how far ratings in a match may lie apart now"`
	Match        *matchBody         `json:"match,omitempty" doc:"Of a matched ticket"`
	Text         string             `json:"text,omitempty" doc:"Why it failed"`
}

type ticketPlayerBody struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Rating float64 `json:"rating"`
}

// matchBody is where the players of one ticket play.
type matchBody struct {
	Room  string          `json:"room"`
	Team  int             `json:"team" doc:"From 1"`
	Seats []matchSeatBody `json:"seats" nullable:"false" doc:"In the order of the players"`
}

type matchSeatBody struct {
	Player    string     `json:"player" doc:"Id"`
	Seat      uint64     `json:"seat"`
	Slot      int        `json:"slot"`
	Team      int        `json:"team"`
	State     string     `json:"state" enum:"reserved,taken,gone" doc:"Gone: it was not taken in time, or the room has ended"`
	URL       string     `json:"url,omitempty" doc:"Address of the WebSocket, while reserved"`
	Token     string     `json:"token,omitempty" doc:"For HELLO, while reserved; keep it secret"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Connect before"`
}

// newTicketBody makes the body of a ticket whose match is in r.
func (m *Matchmaker) newTicketBody(sockets sockets, t *Ticket, r *Room) ticketBody {
	until := m.now()
	switch {
	case t.State == TicketMatched:
		until = t.Found
	case !t.live():
		until = t.Settled
	}
	b := ticketBody{
		ID: t.ID, Queue: t.Queue, State: t.State.String(), CreatedAt: time.UnixMilli(t.Created).UTC(),
		WaitedS: float64(max(0, until-t.Created)) / 1000, Text: t.Text, Players: make([]ticketPlayerBody, len(t.Players)),
	}
	for i := range t.Players {
		p := &t.Players[i]
		b.Players[i] = ticketPlayerBody{p.ID, p.Name, p.Rating.Points()}
	}
	switch t.State {
	case TicketWaiting, TicketStarting:
		at := time.UnixMilli(t.Expires).UTC()
		b.ExpiresAt = &at
		if q := m.queue(t.Queue); q != nil {
			window := q.Window.at(until - t.Created).Points()
			b.RatingWindow = &window
		}
	case TicketMatched:
		b.Match = m.newMatchBody(sockets, t, r)
	}
	return b
}

// newMatchBody signs a token for every seat that can still be taken.
func (m *Matchmaker) newMatchBody(sockets sockets, t *Ticket, r *Room) *matchBody {
	b := &matchBody{Room: t.Room, Team: t.Team, Seats: make([]matchSeatBody, len(t.Seats))}
	key, signs := m.dir.key(0) // the newest: one that is due is replaced in the background
	for i, s := range t.Seats {
		seat := matchSeatBody{Player: t.Players[i].ID, Seat: s.ID, Slot: s.Slot, Team: t.Team, State: s.State.String()}
		if now := reservedSeat(r, s); now != nil && signs && now.Expires > m.now() {
			expires := time.UnixMilli(now.Expires).UTC()
			seat.ExpiresAt, seat.URL = &expires, sockets.url(m, r.ID)
			seat.Token = sealToken(key, Claims{
				Room: r.ID, Seat: now.ID, Slot: now.Slot, Epoch: r.Epoch, Role: now.Role,
				Player: now.Player, Name: now.Name, Team: now.Team, Expires: expires,
			})
		}
		b.Seats[i] = seat
	}
	return b
}

// reservedSeat returns the seat of a ticket as it is in the room, nil if it
// cannot be taken any more.
func reservedSeat(r *Room, s TicketSeat) *Seat {
	if r == nil || s.State != TicketSeatReserved {
		return nil
	}
	if seat := r.seat(s.ID); seat != nil && seat.State == SeatReserved {
		return seat
	}
	return nil
}

func ticketPathOf(t *Ticket) string  { return "/v1/tickets/" + t.ID }
func ticketTopic(id string) string   { return "ticket/" + id }
func ticketVersion(t *Ticket) string { return strconv.FormatUint(t.shown(), 10) }

// ticketTag is weak: while the state is the same the times and the tokens are
// not.
func ticketTag(t *Ticket) string { return `W/"` + ticketVersion(t) + `"` }

// ticketEvent is the state of a ticket as an event; last if it does not wait
// any more.
func (m *Matchmaker) ticketEvent(sockets sockets, t *Ticket, r *Room) (e stream.Event, last bool) {
	waits := t.State == TicketWaiting || t.State == TicketStarting
	return stream.Event{ID: ticketVersion(t), Name: "ticket", Data: mustJSON(m.newTicketBody(sockets, t, r))}, !waits
}

// ticketsChanged hears from the directory, on the log's goroutine, what a
// command did to tickets. It must not wait for the log.
func (m *Matchmaker) ticketsChanged(steps []ticketChange) {
	waits := false
	for _, step := range steps {
		old, next := step.old, step.next
		if next == nil {
			m.cfg.Hub.Publish(ticketTopic(old.ID), func() (stream.Event, bool) {
				return stream.Event{Name: "gone", Data: []byte("{}")}, true
			})
			m.matching.seen.forget(old.ID)
			m.holders.over(old.ID)
			continue
		}
		m.matching.counts.change(old, next)
		if !next.live() {
			m.holders.over(next.ID)
		}
		waits = waits || next.State == TicketWaiting
		if old != nil && old.shown() == next.shown() {
			continue // its room is starting
		}
		m.cfg.Hub.Publish(ticketTopic(next.ID), func() (stream.Event, bool) {
			t, r := m.dir.ticketMatch(next.ID)
			if t == nil {
				t = next
			}
			return m.ticketEvent(m.matching.seen.sockets(next.ID), t, r)
		})
	}
	if waits {
		m.wakeMatching()
	}
}

// sockets is how a client reaches rooms: the part of its request that their
// addresses are made of. The zero value knows no address.
type sockets struct{ request *http.Request }

// socketsFor returns that of the request in ctx. It keeps neither the request
// nor its headers, of which a client could send 16 KiB for each ticket.
func (m *Matchmaker) socketsFor(ctx context.Context) sockets {
	r, ok := ctx.Value(requestKey{}).(*http.Request)
	if !ok {
		return sockets{}
	}
	kept := (&http.Request{Host: strings.Clone(r.Host), Header: http.Header{}}).WithContext(context.WithoutCancel(r.Context()))
	if r.TLS != nil {
		kept.TLS = &tls.ConnectionState{}
	}
	if r.Header.Get(forwardedProto) == "https" {
		kept.Header.Set(forwardedProto, "https")
	}
	return sockets{kept}
}

func (s sockets) url(m *Matchmaker, room string) string {
	if s.request == nil {
		return ""
	}
	return m.socketURL(context.WithValue(context.Background(), requestKey{}, s.request), room)
}

// listeners remembers how the latest listener of each ticket reaches rooms:
// an event is made for all of them, and far from their requests. Only tickets
// of the directory are in it.
type listeners struct {
	mu       sync.Mutex
	byTicket map[string]sockets
}

func (l *listeners) add(d *Directory, id string, s sockets) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.Ticket(id) == nil {
		return // forgotten meanwhile: nobody would take it out
	}
	if l.byTicket == nil {
		l.byTicket = map[string]sockets{}
	}
	l.byTicket[id] = s
}

func (l *listeners) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byTicket, id)
}

func (l *listeners) sockets(id string) sockets {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byTicket[id]
}
