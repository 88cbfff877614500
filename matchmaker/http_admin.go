package matchmaker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

type patchInput struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the room"`
	IfMatch string `header:"If-Match" maxLength:"256" doc:"ETag of the room as you know it, or * to change it whatever it is"`
	Body    struct {
		Metadata   map[string]*string `json:"metadata,omitempty" doc:"Merged key by key; null removes a key"`
		Locked     *bool              `json:"locked,omitempty" doc:"Nobody gets a new seat in a locked room"`
		Visibility string             `json:"visibility,omitempty" enum:"public,private" doc:"A room that becomes private gets a new join code"`
	}
}

type roomOutput struct {
	ETag string `header:"ETag" doc:"Version of the room"`
	Body roomBody
}

type kickInput struct {
	ID     string `path:"id" maxLength:"64" doc:"Id of the room"`
	Seat   uint64 `path:"seat" doc:"Id of the seat, from the answer that reserved it or from the room"`
	Reason string `query:"reason" maxLength:"512" doc:"For the player; 123 bytes of it arrive"`
}

type endInput struct {
	ID     string `path:"id" maxLength:"64" doc:"Id of the room"`
	Reason string `query:"reason" maxLength:"512" doc:"For the players; 123 bytes of it arrive"`
}

type resultInput struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the room"`
}

type resultOutput struct {
	Body struct {
		Room    string          `json:"room"`
		Game    string          `json:"game"`
		Reason  string          `json:"reason" doc:"finished, fault, lost, refused, idle, closed"`
		Text    string          `json:"text,omitempty" doc:"For people"`
		Code    int             `json:"code" doc:"Close code its players got"`
		EndedAt time.Time       `json:"ended_at"`
		Result  json.RawMessage `json:"result" doc:"What the game left; null if it left nothing"`
	}
}

func (m *Matchmaker) registerAdmin(api huma.API) {
	huma.Register(api, operation(api, "update-room", http.MethodPatch, "/v1/rooms/{id}", "Change a room", http.StatusOK), m.patchHTTP)
	huma.Register(api, operation(api, "end-room", http.MethodDelete, "/v1/rooms/{id}", "End a room", http.StatusNoContent), m.endHTTP)
	huma.Register(api, operation(api, "kick", http.MethodDelete, "/v1/rooms/{id}/seats/{seat}", "Free a seat", http.StatusNoContent), m.kickHTTP)
	huma.Register(api, operation(api, "read-result", http.MethodGet, "/v1/rooms/{id}/result", "Read how a room ended", http.StatusOK), m.resultHTTP)
}

func (m *Matchmaker) patchHTTP(ctx context.Context, in *patchInput) (*roomOutput, error) {
	if _, err := m.server(ctx, "change a room"); err != nil {
		return nil, err
	}
	versions, err := matchVersions(in.IfMatch)
	if err != nil {
		return nil, err
	}
	patch := RoomPatch{Locked: in.Body.Locked, Metadata: in.Body.Metadata}
	if in.Body.Visibility != "" {
		private := in.Body.Visibility == "private"
		patch.Private = &private
	}
	r, err := m.PatchRoom(ctx, in.ID, patch, versions...)
	if errors.Is(err, ErrVersion) {
		p := newProblem(http.StatusPreconditionFailed, "version_mismatch", "the room has changed since you read it: read it again, or send the ETag of this answer")
		p.header.Set("ETag", etag(r))
		return nil, p
	}
	if err != nil {
		return nil, m.problem(err)
	}
	return &roomOutput{ETag: etag(r), Body: m.wholeRoom(ctx, r)}, nil
}

func (m *Matchmaker) kickHTTP(ctx context.Context, in *kickInput) (*struct{}, error) {
	if _, err := m.server(ctx, "free a seat"); err != nil {
		return nil, err
	}
	return nil, m.problem(m.Kick(ctx, in.ID, in.Seat, in.Reason))
}

func (m *Matchmaker) endHTTP(ctx context.Context, in *endInput) (*struct{}, error) {
	if _, err := m.server(ctx, "end a room"); err != nil {
		return nil, err
	}
	return nil, m.problem(m.EndRoom(ctx, in.ID, in.Reason))
}

func (m *Matchmaker) resultHTTP(ctx context.Context, in *resultInput) (*resultOutput, error) {
	if err := m.log.Read(ctx); err != nil {
		return nil, m.problem(err)
	}
	r := m.dir.Room(in.ID)
	switch {
	case r == nil:
		return nil, m.problem(ErrRoomUnknown)
	case r.State != RoomEnded:
		return nil, newProblem(http.StatusConflict, "running", "the room has not ended yet: wait for it with GET /v1/rooms/{id}/events")
	}
	out := &resultOutput{}
	b := &out.Body
	b.Room, b.Game, b.Reason, b.Text, b.Code = r.ID, r.Game, r.End.Reason, r.End.Text, r.End.Code
	b.EndedAt, b.Result = time.UnixMilli(r.End.At).UTC(), resultJSON(r.End.Result)
	return out, nil
}
