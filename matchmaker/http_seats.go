package matchmaker

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
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
	ID   string `path:"id" maxLength:"64" doc:"Id of the room"`
	Key  string `header:"Idempotency-Key" maxLength:"64" pattern:"^[!-~]+$" doc:"Makes it safe to repeat the call for ten minutes; a new random value for each reservation"`
	Body struct {
		Players []playerBody `json:"players" minItems:"1" maxItems:"16" nullable:"false"`
	}
}

type seatsOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true if the key got this answer before"`
	Body     struct {
		Seats []grantBody `json:"seats" nullable:"false"`
	}
}

type joinInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"64" pattern:"^[!-~]+$" doc:"Makes it safe to repeat the call for ten minutes; a new random value for each join"`
	Body joinBody
}

type joinBody struct {
	Game    string            `json:"game,omitempty" minLength:"1" maxLength:"64" doc:"This, or code"`
	Code    string            `json:"code,omitempty" maxLength:"24" doc:"Join code of a private room, in any case, with or without spaces and dashes"`
	Filters map[string]string `json:"filters,omitempty" doc:"The room's metadata has all of these; they become the metadata of a new room"`
	Options json.RawMessage   `json:"options,omitempty" doc:"For a new room; from servers only"`
	Bots    *int              `json:"bots,omitempty" minimum:"0" doc:"For a new room; from servers only"`
	Player  joinPlayer        `json:"player,omitempty"`
}

type joinPlayer struct {
	ID   string `json:"id,omitempty" maxLength:"64" doc:"Default: a random one"`
	Name string `json:"name,omitempty" maxLength:"256" doc:"Default Player; cut to 32 characters"`
}

type joinOutput struct {
	Status   int
	Replayed string `header:"Idempotent-Replayed" doc:"true if the key got this answer before"`
	Body     grantBody
}

func (m *Matchmaker) registerSeats(api huma.API) {
	huma.Register(api, m.admitted(operation(api, "reserve-seats", http.MethodPost, "/v1/rooms/{id}/seats",
		"Reserve seats for all of the players or for none", http.StatusCreated)), m.seatsHTTP)
	huma.Register(api, m.admitted(operation(api, "join", http.MethodPost, "/v1/join",
		"Get a seat in the fullest room that fits (200) or in a new one (201)", http.StatusOK)), m.joinHTTP)
}

func (m *Matchmaker) seatsHTTP(ctx context.Context, in *seatsInput) (*seatsOutput, error) {
	caller, err := m.player(ctx)
	if err != nil {
		return nil, err
	}
	if !caller.Server && len(in.Body.Players) != 1 {
		return nil, caller.refuse(caller.NoServer, "only a server may reserve seats for several players; ask for yourself")
	}
	by, err := caller.asks(in.Key, "reserve-seats "+in.ID, in.Body)
	if err != nil {
		return nil, m.problem(err)
	}
	players := make([]Player, len(in.Body.Players))
	for i, p := range in.Body.Players {
		players[i] = Player{ID: p.ID, Name: p.Name, Team: p.Team}
		if p.Role == RoleSpectator.String() {
			players[i].Role = RoleSpectator
		}
		if players[i], err = caller.myself(players[i]); err != nil {
			return nil, err
		}
	}
	grants, replayed, err := m.reserve(ctx, by, in.ID, players)
	if err != nil {
		return nil, m.problem(err)
	}
	out := &seatsOutput{Replayed: replayedHeader(replayed)}
	for _, g := range grants {
		out.Body.Seats = append(out.Body.Seats, m.newGrantBody(ctx, g))
	}
	return out, nil
}

func (m *Matchmaker) joinHTTP(ctx context.Context, in *joinInput) (*joinOutput, error) {
	caller, err := m.player(ctx)
	if err != nil {
		return nil, err
	}
	if !caller.Server && (len(in.Body.Options) > 0 || in.Body.Bots != nil) {
		return nil, caller.refuse(caller.NoServer, "only a server may send options or bots")
	}
	player, err := caller.myself(Player{ID: in.Body.Player.ID, Name: in.Body.Player.Name})
	if err != nil {
		return nil, err
	}
	by, err := caller.asks(in.Key, "join", in.Body)
	if err != nil {
		return nil, m.problem(err)
	}
	if in.Body.Code != "" {
		return m.joinCode(ctx, &caller, by, &in.Body, player)
	}
	g, res, err := m.join(ctx, by, Creation{
		Game: in.Body.Game, Metadata: in.Body.Filters, Options: in.Body.Options, Bots: in.Body.Bots,
	}, player)
	if err != nil {
		return nil, m.problem(err)
	}
	status := http.StatusOK
	if res.created {
		status = http.StatusCreated
	}
	return &joinOutput{Status: status, Replayed: replayedHeader(res.replayed), Body: m.newGrantBody(ctx, g)}, nil
}

// joinCode seats a player in the private room with a join code. Who misses too often is not listened to for a while; servers
// speak for many players, and are.
func (m *Matchmaker) joinCode(ctx context.Context, caller *Caller, by asked, in *joinBody, p Player) (*joinOutput, error) {
	if in.Game != "" || len(in.Filters)+len(in.Options) > 0 || in.Bots != nil {
		return nil, m.problem(invalid("body.code names a room: leave out game, filters, options and bots"))
	}
	var try guess
	if !caller.Server {
		var wait time.Duration
		if try, wait = m.misses.begin(caller.Principal, caller.Address, m.cfg.Now()); wait > 0 {
			m.cfg.Limited("limit-codes")
			out := newProblem(http.StatusTooManyRequests, "too_many_misses", "too many unknown codes; wait a minute")
			out.header.Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			return nil, out
		}
	}
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	r := m.dir.ByCode(in.Code)
	if r == nil {
		return nil, newProblem(http.StatusNotFound, "code_unknown", "no room has this code; it may have ended")
	}
	if !caller.Server {
		try.found()
	}
	grants, replayed, err := m.reserve(ctx, by, r.ID, []Player{p})
	if err != nil {
		return nil, m.problem(err)
	}
	return &joinOutput{Status: http.StatusOK, Replayed: replayedHeader(replayed), Body: m.newGrantBody(ctx, grants[0])}, nil
}

func (m *Matchmaker) newGrantBody(ctx context.Context, g SeatGrant) grantBody {
	return grantBody{
		Room: g.Room.ID, URL: m.socketURL(ctx, g.Room.ID), Token: g.Token,
		ExpiresAt: g.Expires.UTC(), Seat: g.Seat.ID, Slot: g.Seat.Slot,
	}
}
