package matchmaker

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/ringside-server/ringside/internal/stream"
)

// Clients that wait for a change listen to topics of the Hub: room/ID, lobby, and lobby/GAME. What they read is the directory;
// the Hub only says when.

// maxWait bounds a long poll: proxies give up after a minute.
const maxWait = time.Minute

// lobbyFirst and lobbyFirstBytes bound what a new listener of the lobby is sent at once: about 400 bytes a room, but a room may
// have 5 KiB of metadata, and it is kept for each listener that does not read it at once.
const (
	lobbyFirst      = 1000
	lobbyFirstBytes = 512 << 10
)

type eventsInput struct {
	ID          string `path:"id" maxLength:"64" doc:"Id of the room"`
	LastEventID string `header:"Last-Event-ID" maxLength:"128" doc:"Id of the last event you have; EventSource sends it by itself"`
}

type lobbyInput struct {
	Game        string `query:"game" maxLength:"64" doc:"Rooms of this game only"`
	LastEventID string `header:"Last-Event-ID" maxLength:"128" doc:"Id of the last event you have; EventSource sends it by itself"`
}

type streamOutput struct {
	Body func(huma.Context)
}

func (m *Matchmaker) registerWatch(api huma.API) {
	huma.Register(api, m.admitted(operation(api, "room-events", http.MethodGet, "/v1/rooms/{id}/events", "Follow a room", http.StatusOK)), m.roomEventsHTTP)
	huma.Register(api, m.admitted(operation(api, "lobby-events", http.MethodGet, "/v1/lobby/events", "Follow the public rooms", http.StatusOK)), m.lobbyEventsHTTP)
}

// publish tells those who wait what a command did to a room. Nothing is encoded unless somebody listens.
func (m *Matchmaker) publish(old, next *Room) {
	if next != nil {
		m.cfg.Hub.Publish("room/"+next.ID, func() (stream.Event, bool) { return roomEvent(next), next.State == RoomEnded })
	}
	was, is := old.lobby(), next.lobby()
	if !was && !is {
		return
	}
	r := next
	if r == nil {
		r = old
	}
	event := func() (stream.Event, bool) { return lobbyEvent(r, is), false }
	m.cfg.Hub.Publish("lobby", event)
	m.cfg.Hub.Publish("lobby/"+r.Game, event)
}

// lobby says whether a room is in the lobby.
func (r *Room) lobby() bool { return r != nil && !r.Private && r.State != RoomEnded }

func roomEvent(r *Room) stream.Event {
	name := "room"
	if r.State == RoomEnded {
		name = "ended"
	}
	return stream.Event{ID: strconv.FormatUint(r.Version, 10), Name: name, Data: mustJSON(seatedRoom(r))}
}

func lobbyEvent(r *Room, in bool) stream.Event {
	e := stream.Event{ID: r.ID + "." + strconv.FormatUint(r.Version, 10)}
	if in {
		e.Name, e.Data = "room", mustJSON(newRoomBody(r))
	} else {
		e.Name, e.Data = "gone", mustJSON(goneBody{r.ID})
	}
	return e
}

type goneBody struct {
	ID string `json:"id"`
}

// mustJSON encodes a body of ours, which has nothing that JSON cannot say.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("matchmaker: " + err.Error())
	}
	return b
}

func (m *Matchmaker) roomEventsHTTP(ctx context.Context, in *eventsInput) (*streamOutput, error) {
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	if m.dir.Room(in.ID) == nil {
		return nil, m.problem(ErrRoomUnknown)
	}
	id := in.ID
	return m.stream("room/"+id, func() ([]stream.Event, bool) {
		r := m.dir.Room(id)
		if r == nil {
			return nil, true
		}
		return []stream.Event{roomEvent(r)}, r.State == RoomEnded
	}), nil
}

func (m *Matchmaker) lobbyEventsHTTP(ctx context.Context, in *lobbyInput) (*streamOutput, error) {
	if _, err := m.lister(ctx); err != nil {
		return nil, err
	}
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	topic, game := "lobby", in.Game
	if game != "" {
		topic += "/" + game
	}
	return m.stream(topic, func() ([]stream.Event, bool) { return m.lobbyFirst(game), false }), nil
}

// lobbyFirst is what a new listener of the lobby is sent: the rooms there are, as far as they fit.
func (m *Matchmaker) lobbyFirst(game string) (events []stream.Event) {
	size, q := 0, Query{Game: game, Limit: lobbyFirst}
	for more := true; more; more = q.After != "" && len(events) < lobbyFirst {
		var page []*Room
		page, q.After = m.dir.Rooms(q)
		for _, r := range page {
			e := lobbyEvent(r, true)
			if size += len(e.Data); size > lobbyFirstBytes {
				return events
			}
			events = append(events, e)
		}
		q.Limit = lobbyFirst - len(events)
	}
	return events
}

func (m *Matchmaker) stream(topic string, first func() ([]stream.Event, bool)) *streamOutput {
	return &streamOutput{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		m.cfg.Hub.Events(w, r, topic, first)
	}}
}

// waitRoom is the middleware of "read-room": with wait and If-None-Match the answer comes when the room changes.
func (m *Matchmaker) waitRoom(ctx huma.Context, next func(huma.Context)) {
	wait, tag := ctx.Query("wait"), ctx.Header("If-None-Match")
	timeout, err := time.ParseDuration(wait)
	if wait == "" || tag == "" || err != nil || timeout <= 0 || timeout > maxWait {
		next(ctx) // which answers at once, or finds fault with it
		return
	}
	r, w := humago.Unwrap(ctx)
	if err := m.log.Read(r.Context()); err != nil {
		m.writeError(w, r, m.problem(err))
		return
	}
	// The poll outlives the request's buffers.
	id, tag := strings.Clone(ctx.Param("id")), strings.Clone(tag)
	url := m.socketURL(ctx.Context(), id)
	m.cfg.Hub.Wait(w, r, "room/"+id, timeout, func(final bool) *stream.Response { return m.roomAnswer(id, tag, url, final) })
}

// roomAnswer is what a long poll of a room is answered, nil if nothing is new.
func (m *Matchmaker) roomAnswer(id, tag, url string, final bool) *stream.Response {
	r := m.dir.Room(id)
	switch {
	case r == nil:
		p := newProblem(http.StatusNotFound, "room_unknown", ErrRoomUnknown.Error())
		return &stream.Response{Status: p.Status, Header: http.Header{"Content-Type": {p.ContentType("")}}, Body: mustJSON(p)}
	case !hasTag(tag, etag(r)):
		body := seatedRoom(r)
		if r.State != RoomEnded {
			body.URL = url
		}
		return &stream.Response{Status: http.StatusOK, Header: http.Header{"Etag": {etag(r)}}, Body: mustJSON(body)}
	case final:
		return &stream.Response{Status: http.StatusNotModified, Header: http.Header{"Etag": {etag(r)}}}
	}
	return nil
}
