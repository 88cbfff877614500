package matchmaker

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// roomBody is a room as clients see it. Player ids are not in it: whoever
// knows the id of a player can ask for their seat.
type roomBody struct {
	ID          string            `json:"id"`
	Game        string            `json:"game"`
	State       string            `json:"state" enum:"starting,running,ended"`
	Visibility  string            `json:"visibility" enum:"public,private"`
	Code        string            `json:"code,omitempty" doc:"Join code of a private room, until it ends"`
	Locked      bool              `json:"locked"`
	MaxPlayers  int               `json:"max_players"`
	Free        int               `json:"free" doc:"Player seats that are neither reserved nor taken"`
	Spectators  int               `json:"spectators"`
	Metadata    map[string]string `json:"metadata"`
	Bots        *int              `json:"bots,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	Version     uint64            `json:"version"`
	URL         string            `json:"url,omitempty" doc:"Address of the WebSocket, to resume a session at; absent once the room has ended"`
	Seats       []seatBody        `json:"seats,omitempty" nullable:"false"`
	EndedReason string            `json:"ended_reason,omitempty"`
	EndedText   string            `json:"ended_text,omitempty"`
	EndedCode   int               `json:"ended_code,omitempty"`
	EndedAt     *time.Time        `json:"ended_at,omitempty"`
}

type seatBody struct {
	Seat  uint64 `json:"seat" doc:"Id of the seat, never used twice in a room"`
	Slot  int    `json:"slot"`
	Name  string `json:"name"`
	Team  int    `json:"team,omitempty"`
	Role  string `json:"role" enum:"player,spectator"`
	State string `json:"state" enum:"reserved,taken"`
}

// wholeRoom is what somebody who asks for one room reads: also where it is and who sits in it.
func (m *Matchmaker) wholeRoom(ctx context.Context, r *Room) roomBody {
	b := seatedRoom(r)
	if r.State != RoomEnded {
		b.URL = m.socketURL(ctx, r.ID)
	}
	return b
}

// seatedRoom is a room with its seats.
func seatedRoom(r *Room) roomBody {
	b := newRoomBody(r)
	for _, s := range r.Seats {
		b.Seats = append(b.Seats, seatBody{s.ID, s.Slot, s.Name, s.Team, s.Role.String(), s.State.String()})
	}
	return b
}

func newRoomBody(r *Room) roomBody {
	b := roomBody{
		ID: r.ID, Game: r.Game, State: r.State.String(), Visibility: "public", Locked: r.Locked,
		MaxPlayers: r.MaxPlayers, Free: r.Free(), Spectators: r.count(RoleSpectator), Metadata: pairMap(r.Metadata),
		Code: r.Code, Bots: r.Bots, CreatedAt: time.UnixMilli(r.Created).UTC(), Version: r.Version,
	}
	if r.Private {
		b.Visibility = "private"
	}
	if r.End != nil {
		at := time.UnixMilli(r.End.At).UTC()
		b.Free, b.EndedReason, b.EndedText, b.EndedCode, b.EndedAt = 0, r.End.Reason, r.End.Text, r.End.Code, &at
	}
	return b
}

type createInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"64" pattern:"^[!-~]+$" doc:"Makes it safe to repeat the call for ten minutes; a new random value for each room"`
	Body struct {
		Game       string            `json:"game" minLength:"1" maxLength:"64"`
		Options    json.RawMessage   `json:"options,omitempty" doc:"For the game; at most 4 KiB"`
		Metadata   map[string]string `json:"metadata,omitempty" doc:"At most 16 pairs of 64 and 256 bytes"`
		Visibility string            `json:"visibility,omitempty" enum:"public,private" doc:"Default public"`
		Bots       *int              `json:"bots,omitempty" minimum:"0" doc:"How many bots fill the room"`
		MaxPlayers int               `json:"max_players,omitempty" minimum:"1" doc:"Default: as many as the game allows"`
	}
}

type createOutput struct {
	Location string `header:"Location" doc:"Path of the room"`
	ETag     string `header:"ETag" doc:"Version of the room"`
	Replayed string `header:"Idempotent-Replayed" doc:"true if the key got this answer before"`
	Body     roomBody
}

type listInput struct {
	Game       string   `query:"game" maxLength:"64" doc:"Rooms of this game only"`
	State      string   `query:"state" enum:"starting,running,ended" example:"running" doc:"Default: starting and running"`
	Visibility string   `query:"visibility" enum:"public,private" doc:"Default public; private rooms are listed for servers only"`
	Filter     []string `query:"filter,explode" maxItems:"16" nullable:"false" doc:"key:value of the metadata; repeat it to ask for several"`
	Free       int      `query:"free" minimum:"0" maximum:"1024" doc:"At least so many player seats are free"`
	Limit      int      `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Rooms on a page; a page may have fewer and not be the last"`
	After      string   `query:"after" maxLength:"64" doc:"next of the page before"`
}

type listOutput struct {
	Link string `header:"Link" doc:"The next page, rel=next; missing on the last"`
	Body struct {
		Rooms []roomBody `json:"rooms" nullable:"false"`
		Next  string     `json:"next,omitempty" doc:"Pass as after for the next page; missing on the last"`
	}
}

type readInput struct {
	ID          string `path:"id" maxLength:"64" doc:"Id of the room"`
	Wait        string `query:"wait" maxLength:"8" doc:"With If-None-Match: answer when the room changes, or 304 after this time, e.g. 25s; at most 60s"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"256" doc:"ETag of the room as you know it"`
}

type readOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of the room"`
	Body   *roomBody
}

type gamesOutput struct {
	Body struct {
		Games []gameBody `json:"games" nullable:"false"`
	}
}

type gameBody struct {
	Name       string `json:"name"`
	Version    uint32 `json:"version"`
	MaxPlayers int    `json:"max_players"`
	TickHz     int    `json:"tick_hz"`
	SendHz     int    `json:"send_hz"`
}

func (m *Matchmaker) registerRooms(api huma.API) {
	huma.Register(api, m.admitted(operation(api, "create-room", http.MethodPost, "/v1/rooms", "Make a room", http.StatusCreated)), m.createHTTP)
	huma.Register(api, operation(api, "list-rooms", http.MethodGet, "/v1/rooms", "List public rooms", http.StatusOK), m.listHTTP)
	read := operation(api, "read-room", http.MethodGet, "/v1/rooms/{id}", "Read a room", http.StatusOK)
	read.Middlewares = huma.Middlewares{m.waitRoom}
	huma.Register(api, read, m.readHTTP)
	huma.Register(api, operation(api, "list-games", http.MethodGet, "/v1/games", "List games", http.StatusOK), m.gamesHTTP)
}

func (m *Matchmaker) createHTTP(ctx context.Context, in *createInput) (*createOutput, error) {
	caller, err := m.server(ctx, "make a room; players join with POST /v1/join")
	if err != nil {
		return nil, err
	}
	by, err := caller.asks(in.Key, "create-room", in.Body)
	if err != nil {
		return nil, m.problem(err)
	}
	res, err := m.create(ctx, by, Creation{
		Game: in.Body.Game, Options: in.Body.Options, Metadata: in.Body.Metadata,
		Private: in.Body.Visibility == "private", Bots: in.Body.Bots, MaxPlayers: in.Body.MaxPlayers,
	})
	if err != nil {
		return nil, m.problem(err)
	}
	r := res.room
	return &createOutput{
		Location: "/v1/rooms/" + r.ID, ETag: etag(r), Replayed: replayedHeader(res.replayed), Body: m.wholeRoom(ctx, r),
	}, nil
}

func (m *Matchmaker) listHTTP(ctx context.Context, in *listInput) (*listOutput, error) {
	caller, err := m.lister(ctx)
	if err != nil {
		return nil, err
	}
	q := Query{Game: in.Game, Private: in.Visibility == "private", Free: in.Free, After: in.After, Limit: in.Limit}
	if q.Private && !caller.Server {
		return nil, caller.refuse(caller.NoServer, "only a server may list private rooms")
	}
	if q.Filters, err = parseFilters(in.Filter); err != nil {
		return nil, m.problem(err)
	}
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	for s := RoomStarting; s <= RoomEnded; s++ {
		if in.State == s.String() {
			q.State = &s
		}
	}
	page, next := m.dir.Rooms(q)
	out := &listOutput{Link: nextLink(ctx, next)}
	out.Body.Next = next
	out.Body.Rooms = make([]roomBody, len(page))
	for i, r := range page {
		out.Body.Rooms[i] = newRoomBody(r)
	}
	return out, nil
}

// parseFilters reads key:value pairs; a key cannot have a colon here.
func parseFilters(list []string) ([]Pair, error) {
	filters := make([]Pair, len(list))
	for i, f := range list {
		key, value, ok := strings.Cut(f, ":")
		if !ok || key == "" {
			return nil, invalid("filter %.80q must be key:value", f)
		}
		filters[i] = Pair{key, value}
	}
	return filters, nil
}

// nextLink is the Link header of a page that is not the last (RFC 8288).
func nextLink(ctx context.Context, next string) string {
	r, ok := ctx.Value(requestKey{}).(*http.Request)
	if !ok || next == "" {
		return ""
	}
	q := r.URL.Query()
	q.Set("after", next)
	return "<" + r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="next"`
}

func (m *Matchmaker) readHTTP(ctx context.Context, in *readInput) (*readOutput, error) {
	if d, err := time.ParseDuration(in.Wait); in.Wait != "" && (err != nil || d <= 0 || d > maxWait) {
		return nil, m.problem(invalid("query.wait is %q, must be a time like 25s, above 0 and at most 60s", in.Wait))
	}
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	r := m.dir.Room(in.ID)
	if r == nil {
		return nil, m.problem(ErrRoomUnknown)
	}
	if hasTag(in.IfNoneMatch, etag(r)) {
		return &readOutput{Status: http.StatusNotModified, ETag: etag(r)}, nil
	}
	body := m.wholeRoom(ctx, r)
	return &readOutput{Status: http.StatusOK, ETag: etag(r), Body: &body}, nil
}

func (m *Matchmaker) gamesHTTP(ctx context.Context, _ *struct{}) (*gamesOutput, error) {
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	games := m.dir.Games()
	out := &gamesOutput{}
	out.Body.Games = make([]gameBody, len(games))
	for i, g := range games {
		out.Body.Games[i] = gameBody(g)
	}
	return out, nil
}
