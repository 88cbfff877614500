package matchmaker

import (
	"context"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/ringside-server/ringside/internal/stream"
)

type createTicketInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"64" pattern:"^[!-~]+$" doc:"Makes it safe to repeat the call for ten minutes; a new random value for each ticket"`
	Body struct {
		Queue   string           `json:"queue" minLength:"1" maxLength:"64"`
		Players []ticketPlayerIn `json:"players" minItems:"1" maxItems:"16" nullable:"false" doc:"A party: they play in one team. Several only from a server"`
	}
}

type ticketPlayerIn struct {
	ID     string   `json:"id,omitempty" maxLength:"64" doc:"Default: a random one. Only a server may speak for others"`
	Name   string   `json:"name,omitempty" maxLength:"256" doc:"Default Player; cut to 32 characters"`
	Rating *float64 `json:"rating,omitempty" minimum:"-1000000" maximum:"1000000" doc:"Default 1500; kept to a thousandth"`
}

// defaultRating is where Elo and Glicko begin.
const defaultRating = 1500

type ticketOutput struct {
	Location string `header:"Location" doc:"Path of the ticket"`
	ETag     string `header:"ETag" doc:"Version of the ticket"`
	Replayed string `header:"Idempotent-Replayed" doc:"true if the key got this ticket before"`
	Cache    string `header:"Cache-Control" doc:"no-store: there may be tokens in it"`
	Body     ticketBody
}

type readTicketInput struct {
	ID          string `path:"id" maxLength:"64" doc:"Id of the ticket"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"256" doc:"ETag of the ticket as you know it"`
	Wait        string `query:"wait" maxLength:"16" doc:"How long to wait for a change from If-None-Match, such as 25s; at most 60s"`
}

type ticketPath struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the ticket"`
}

type ticketEventsInput struct {
	ID          string `path:"id" maxLength:"64" doc:"Id of the ticket"`
	LastEventID string `header:"Last-Event-ID" maxLength:"128" doc:"Id of the last event you have; EventSource sends it by itself"`
}

type queuesOutput struct {
	Body struct {
		Queues []queueBody `json:"queues" nullable:"false"`
	}
}

type queueBody struct {
	Name        string   `json:"name"`
	Game        string   `json:"game"`
	Teams       int      `json:"teams"`
	TeamSize    int      `json:"team_size"`
	MaxWaitS    float64  `json:"max_wait_s" doc:"After this many seconds a ticket expires"`
	BotsAfterS  float64  `json:"fill_with_bots_after_s,omitempty" doc:"After this many seconds bots take the empty places"`
	Waiting     int      `json:"waiting" doc:"Tickets"`
	MedianWaitS *float64 `json:"median_wait_s,omitempty" doc:"Of the last 100 matched tickets; absent before the first"`
}

func (m *Matchmaker) registerTickets(api huma.API) {
	huma.Register(api, m.admitted(operation(api, "create-ticket", http.MethodPost, "/v1/tickets", "Wait in a queue for a match", http.StatusAccepted)), m.createTicketHTTP)
	read := operation(api, "read-ticket", http.MethodGet, "/v1/tickets/{id}", "Read a ticket, or wait until it changes", http.StatusOK)
	version := map[string]*huma.Param{"ETag": {Description: "Version of the ticket", Schema: &huma.Schema{Type: huma.TypeString}}}
	body := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ticketBody](), true, "Ticket")
	read.Responses["200"] = &huma.Response{
		Description: "The ticket", Headers: version, Content: map[string]*huma.MediaType{"application/json": {Schema: body}},
	}
	read.Responses["304"] = &huma.Response{Description: "It is as If-None-Match says", Headers: version}
	huma.Register(api, read, m.readTicketHTTP)
	huma.Register(api, operation(api, "cancel-ticket", http.MethodDelete, "/v1/tickets/{id}", "Leave the queue", http.StatusNoContent), m.cancelTicketHTTP)
	events := operation(api, "ticket-events", http.MethodGet, "/v1/tickets/{id}/events", "Follow a ticket", http.StatusOK)
	events.Responses["200"] = &huma.Response{
		Description: "Events of type ticket, each with the whole ticket; the last one is not waiting any more",
		Content:     map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
	huma.Register(api, m.admitted(events), m.ticketEventsHTTP)
	huma.Register(api, operation(api, "list-queues", http.MethodGet, "/v1/queues", "List queues", http.StatusOK), m.queuesHTTP)
}

func (m *Matchmaker) createTicketHTTP(ctx context.Context, in *createTicketInput) (*ticketOutput, error) {
	c, err := m.player(ctx)
	if err != nil {
		return nil, err
	}
	party, err := newParty(&c, in.Body.Players)
	if err != nil {
		return nil, err
	}
	by := ""
	if !c.Server {
		by = c.Player
	}
	as, err := c.asks(in.Key, "create-ticket", in.Body)
	if err != nil {
		return nil, m.problem(err)
	}
	held, err := m.holdTicket(&c)
	if err != nil {
		return nil, err
	}
	res, err := m.createTicket(ctx, as, in.Body.Queue, by, party)
	held(res, err)
	if err != nil {
		return nil, m.ticketProblem(ctx, err, &c, res.ticket)
	}
	t, room := res.ticket, (*Room)(nil)
	if res.replayed && t.Room != "" { // it has been matched meanwhile
		room = m.dir.Room(t.Room)
	}
	return &ticketOutput{
		Location: ticketPathOf(t), ETag: ticketTag(t), Replayed: replayedHeader(res.replayed), Cache: "no-store",
		Body: m.newTicketBody(m.socketsFor(ctx), t, room),
	}, nil
}

// newParty is who a caller asks a ticket for: a server for anybody, a player
// for themselves.
func newParty(c *Caller, in []ticketPlayerIn) ([]TicketPlayer, error) {
	if !c.Server && len(in) > 1 {
		return nil, c.refuse(c.NoServer, "only a server may make a ticket for several players")
	}
	party := make([]TicketPlayer, len(in))
	for i, p := range in {
		who, err := c.myself(Player{ID: p.ID, Name: p.Name})
		if err != nil {
			return nil, err
		}
		rating := float64(defaultRating)
		if p.Rating != nil {
			rating = *p.Rating
		}
		party[i] = TicketPlayer{ID: who.ID, Name: who.Name, Rating: Rating(math.Round(rating * ratingPoint))}
	}
	return party, nil
}

// ticketProblem is m.problem with what a caller may know of the ticket that is
// in the way: where it is, if it is their own, and the match that was first.
func (m *Matchmaker) ticketProblem(ctx context.Context, err error, c *Caller, t *Ticket) error {
	out := m.problem(err)
	var p *Problem
	if t == nil || !errors.As(out, &p) {
		return out
	}
	if errors.Is(err, ErrTicketExists) && (c.Server || c.Player != "" && c.Player == t.By) {
		p.header.Set("Location", ticketPathOf(t))
	}
	if errors.Is(err, ErrTicketMatched) {
		p.Match = m.newMatchBody(m.socketsFor(ctx), t, m.dir.Room(t.Room))
	}
	return p
}

func (m *Matchmaker) readTicketHTTP(ctx context.Context, in *readTicketInput) (*streamOutput, error) {
	wait, err := ticketWait(in.Wait)
	if err != nil {
		return nil, m.problem(err)
	}
	if err := m.readTicket(ctx, in.ID); err != nil {
		return nil, err
	}
	// A poll outlives the request and its buffers.
	id, have, sockets := strings.Clone(in.ID), strings.Clone(in.IfNoneMatch), m.socketsFor(ctx)
	return &streamOutput{func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		if have == "" {
			wait = 0 // there is nothing to wait for
		}
		m.cfg.Hub.Wait(w, r, ticketTopic(id), wait, func(final bool) *stream.Response {
			return m.ticketAnswer(sockets, id, have, final)
		})
	}}, nil
}

// ticketWait reads the parameter wait.
func ticketWait(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(s)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, invalid("query.wait: must be 0s to %v", maxWait)
	}
	return wait, nil
}

// readTicket returns a problem if there is no such ticket anywhere.
func (m *Matchmaker) readTicket(ctx context.Context, id string) error {
	if err := m.log.Read(ctx); err != nil {
		return m.problem(err)
	}
	if m.dir.Ticket(id) == nil {
		return m.problem(ErrTicketUnknown)
	}
	return nil
}

// ticketAnswer is what somebody who has the version called have is told, nil
// if there is nothing new.
func (m *Matchmaker) ticketAnswer(sockets sockets, id, have string, final bool) *stream.Response {
	t, r := m.dir.ticketMatch(id)
	switch {
	case t == nil:
		p := newProblem(http.StatusNotFound, "ticket_unknown", ErrTicketUnknown.Error())
		return &stream.Response{Status: p.Status, Header: http.Header{"Content-Type": {p.ContentType("")}}, Body: mustJSON(p)}
	case !hasTag(have, ticketTag(t)):
		// There are tokens in it.
		header := http.Header{"Etag": {ticketTag(t)}, "Cache-Control": {"no-store"}}
		return &stream.Response{Status: http.StatusOK, Header: header, Body: mustJSON(m.newTicketBody(sockets, t, r))}
	case final:
		return &stream.Response{Status: http.StatusNotModified, Header: http.Header{"Etag": {ticketTag(t)}}}
	}
	return nil
}

func (m *Matchmaker) cancelTicketHTTP(ctx context.Context, in *ticketPath) (*struct{}, error) {
	t, err := m.CancelTicket(ctx, in.ID)
	if err != nil {
		return nil, m.ticketProblem(ctx, err, &Caller{}, t)
	}
	return nil, nil //nolint:nilnil // 204 has no body
}

func (m *Matchmaker) ticketEventsHTTP(ctx context.Context, in *ticketEventsInput) (*streamOutput, error) {
	if err := m.readTicket(ctx, in.ID); err != nil {
		return nil, err
	}
	id, sockets := strings.Clone(in.ID), m.socketsFor(ctx)
	return &streamOutput{func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		m.matching.seen.add(m.dir, id, sockets)
		m.cfg.Hub.Events(w, r, ticketTopic(id), func() ([]stream.Event, bool) {
			t, room := m.dir.ticketMatch(id)
			if t == nil {
				return nil, true
			}
			e, last := m.ticketEvent(sockets, t, room)
			return []stream.Event{e}, last
		})
	}}, nil
}

func (m *Matchmaker) queuesHTTP(ctx context.Context, _ *struct{}) (*queuesOutput, error) {
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	out := &queuesOutput{}
	out.Body.Queues = make([]queueBody, len(m.cfg.Queues))
	for i := range m.cfg.Queues {
		q := &m.cfg.Queues[i]
		out.Body.Queues[i] = queueBody{
			Name: q.Name, Game: q.Game, Teams: q.Teams, TeamSize: q.TeamSize,
			MaxWaitS: q.MaxWait.Seconds(), BotsAfterS: q.FillWithBotsAfter.Seconds(), Waiting: m.dir.waitingCount(q.Name),
		}
		if wait, ok := m.matching.counts.medianWait(q.Name); ok {
			s := wait.Seconds()
			out.Body.Queues[i].MedianWaitS = &s
		}
	}
	return out, nil
}
