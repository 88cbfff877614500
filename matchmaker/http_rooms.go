package matchmaker

import (
	"context"
	"encoding/json"
	"net/http"
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
	Locked      bool              `json:"locked"`
	MaxPlayers  int               `json:"max_players"`
	Free        int               `json:"free" doc:"Player seats that are neither reserved nor taken"`
	Spectators  int               `json:"spectators"`
	Metadata    map[string]string `json:"metadata"`
	Bots        *int              `json:"bots,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	Version     uint64            `json:"version"`
	URL         string            `json:"url,omitempty" doc:"Address of the WebSocket, to resume a session at; absent once the room has ended"`
	Seats       []seatBody        `json:"seats,omitempty"`
	EndedReason string            `json:"ended_reason,omitempty"`
	EndedText   string            `json:"ended_text,omitempty"`
	EndedCode   int               `json:"ended_code,omitempty"`
	EndedAt     *time.Time        `json:"ended_at,omitempty"`
}

type seatBody struct {
	Slot  int    `json:"slot"`
	Name  string `json:"name"`
	Team  int    `json:"team,omitempty"`
	Role  string `json:"role" enum:"player,spectator"`
	State string `json:"state" enum:"reserved,taken"`
}

// wholeRoom is what somebody who asks for one room reads: also where it is and who sits in it.
func (m *Matchmaker) wholeRoom(ctx context.Context, r *Room) roomBody {
	b := newRoomBody(r)
	for _, s := range r.Seats {
		b.Seats = append(b.Seats, seatBody{s.Slot, s.Name, s.Team, s.Role.String(), s.State.String()})
	}
	if r.State != RoomEnded {
		b.URL = m.socketURL(ctx, r.ID)
	}
	return b
}

func newRoomBody(r *Room) roomBody {
	b := roomBody{
		ID: r.ID, Game: r.Game, State: r.State.String(), Visibility: "public", Locked: r.Locked,
		MaxPlayers: r.MaxPlayers, Free: r.Free(), Spectators: r.count(RoleSpectator), Metadata: pairMap(r.Metadata),
		Bots: r.Bots, CreatedAt: time.UnixMilli(r.Created).UTC(), Version: r.Version,
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
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     roomBody
}

type listInput struct {
	Game  string `query:"game" maxLength:"64"`
	State string `query:"state" enum:"starting,running,ended" doc:"Default: starting and running"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	After string `query:"after" maxLength:"64" doc:"next of the page before"`
}

type listOutput struct {
	Body struct {
		Rooms []roomBody `json:"rooms"`
		Next  string     `json:"next,omitempty" doc:"Pass as after for the next page; missing on the last"`
	}
}

type readInput struct {
	ID          string `path:"id" maxLength:"64"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"64"`
}

type readOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *roomBody
}

type gamesOutput struct {
	Body struct {
		Games []gameBody `json:"games"`
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
	huma.Register(api, operation(api, "create-room", http.MethodPost, "/v1/rooms", "Make a room", http.StatusCreated), m.createHTTP)
	huma.Register(api, operation(api, "list-rooms", http.MethodGet, "/v1/rooms", "List public rooms", http.StatusOK), m.listHTTP)
	huma.Register(api, operation(api, "read-room", http.MethodGet, "/v1/rooms/{id}", "Read a room", http.StatusOK), m.readHTTP)
	huma.Register(api, operation(api, "list-games", http.MethodGet, "/v1/games", "List games", http.StatusOK), m.gamesHTTP)
}

func (m *Matchmaker) createHTTP(ctx context.Context, in *createInput) (*createOutput, error) {
	r, err := m.CreateRoom(ctx, Creation{
		Game: in.Body.Game, Options: in.Body.Options, Metadata: in.Body.Metadata,
		Private: in.Body.Visibility == "private", Bots: in.Body.Bots, MaxPlayers: in.Body.MaxPlayers,
	})
	if err != nil {
		return nil, m.problem(err)
	}
	return &createOutput{Location: "/v1/rooms/" + r.ID, ETag: etag(r), Body: m.wholeRoom(ctx, r)}, nil
}

func (m *Matchmaker) listHTTP(ctx context.Context, in *listInput) (*listOutput, error) {
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	q := Query{Game: in.Game, After: in.After, Limit: in.Limit}
	for s := RoomStarting; s <= RoomEnded; s++ {
		if in.State == s.String() {
			q.State = &s
		}
	}
	page, next := m.dir.Rooms(q)
	out := &listOutput{}
	out.Body.Next = next
	out.Body.Rooms = make([]roomBody, len(page))
	for i, r := range page {
		out.Body.Rooms[i] = newRoomBody(r)
	}
	return out, nil
}

func (m *Matchmaker) readHTTP(ctx context.Context, in *readInput) (*readOutput, error) {
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	r := m.dir.Room(in.ID)
	if r == nil {
		return nil, m.problem(ErrRoomUnknown)
	}
	if in.IfNoneMatch == etag(r) {
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
