package matchmaker

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// grantBody is a seat and everything a client needs to sit down.
type grantBody struct {
	Room      string    `json:"room"`
	URL       string    `json:"url" doc:"Address of the WebSocket"`
	Token     string    `json:"token" doc:"For HELLO; keep it secret"`
	ExpiresAt time.Time `json:"expires_at" doc:"Connect before"`
	Seat      uint64    `json:"seat"`
	Slot      int       `json:"slot"`
}

type playerBody struct {
	ID   string `json:"id,omitempty" maxLength:"64" doc:"Default: a random one"`
	Name string `json:"name,omitempty" maxLength:"256" doc:"Default Player; cut to 32 characters"`
	Team int    `json:"team,omitempty" minimum:"0" maximum:"255"`
	Role string `json:"role,omitempty" enum:"player,spectator" doc:"Default player"`
}

type seatsInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Players []playerBody `json:"players" minItems:"1" maxItems:"16"`
	}
}

type seatsOutput struct {
	Body struct {
		Seats []grantBody `json:"seats"`
	}
}

type joinInput struct {
	Body struct {
		Game    string            `json:"game" minLength:"1" maxLength:"64"`
		Filters map[string]string `json:"filters,omitempty" doc:"The room's metadata has all of these; they become the metadata of a new room"`
		Options json.RawMessage   `json:"options,omitempty" doc:"For a new room"`
		Bots    *int              `json:"bots,omitempty" minimum:"0" doc:"For a new room"`
		Player  joinPlayer        `json:"player,omitempty"`
	}
}

type joinPlayer struct {
	ID   string `json:"id,omitempty" maxLength:"64" doc:"Default: a random one"`
	Name string `json:"name,omitempty" maxLength:"256" doc:"Default Player; cut to 32 characters"`
}

type joinOutput struct {
	Status int
	Body   grantBody
}

func (m *Matchmaker) registerSeats(api huma.API) {
	huma.Register(api, operation(api, "reserve-seats", http.MethodPost, "/v1/rooms/{id}/seats",
		"Reserve seats for all of the players or for none", http.StatusCreated), m.seatsHTTP)
	huma.Register(api, operation(api, "join", http.MethodPost, "/v1/join",
		"Get a seat in the fullest room that fits (200) or in a new one (201)", http.StatusOK), m.joinHTTP)
}

func (m *Matchmaker) seatsHTTP(ctx context.Context, in *seatsInput) (*seatsOutput, error) {
	players := make([]Player, len(in.Body.Players))
	for i, p := range in.Body.Players {
		players[i] = Player{ID: p.ID, Name: p.Name, Team: p.Team}
		if p.Role == RoleSpectator.String() {
			players[i].Role = RoleSpectator
		}
	}
	grants, err := m.Reserve(ctx, in.ID, players)
	if err != nil {
		return nil, m.problem(err)
	}
	out := &seatsOutput{}
	for _, g := range grants {
		out.Body.Seats = append(out.Body.Seats, m.newGrantBody(ctx, g))
	}
	return out, nil
}

func (m *Matchmaker) joinHTTP(ctx context.Context, in *joinInput) (*joinOutput, error) {
	g, created, err := m.Join(ctx, Creation{
		Game: in.Body.Game, Metadata: in.Body.Filters, Options: in.Body.Options, Bots: in.Body.Bots,
	}, Player{ID: in.Body.Player.ID, Name: in.Body.Player.Name})
	if err != nil {
		return nil, m.problem(err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return &joinOutput{Status: status, Body: m.newGrantBody(ctx, g)}, nil
}

func (m *Matchmaker) newGrantBody(ctx context.Context, g SeatGrant) grantBody {
	return grantBody{
		Room: g.Room.ID, URL: m.socketURL(ctx, g.Room.ID), Token: g.Token,
		ExpiresAt: g.Expires.UTC(), Seat: g.Seat.ID, Slot: g.Seat.Slot,
	}
}
