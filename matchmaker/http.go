package matchmaker

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// maxBodyBytes is far above every valid request: 4 KiB of options and 16
// pairs of metadata.
const maxBodyBytes = 64 << 10

// Handler returns the HTTP API: /v1/… and /openapi.json.
func (m *Matchmaker) Handler() http.Handler {
	mux := http.NewServeMux()
	m.Register(mux)
	return mux
}

// Register adds the HTTP API to mux. Everything below /v1/ that mux has no
// longer pattern for is answered with a problem.
func (m *Matchmaker) Register(mux *http.ServeMux) {
	cfg := huma.DefaultConfig("Ringside", "1")
	cfg.Info.Description = "Rooms, seats and the tokens that open them."
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", nil
	cfg.Transformers = []huma.Transformer{asProblem}
	api := humago.New(mux, cfg)
	api.UseMiddleware(withRequest)
	m.registerRooms(api)
	m.registerSeats(api)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, newProblem(http.StatusNotFound, "no_such_call", r.Method+" "+r.URL.Path))
	})
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// operation describes a call. Its errors are documented as Problem, which
// huma would not find out by itself.
func operation(api huma.API, id, method, path, summary string, status int) huma.Operation {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, MaxBodyBytes: maxBodyBytes,
		RejectUnknownQueryParameters: true,
		Responses: map[string]*huma.Response{"default": {
			Description: "Problem",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}},
	}
}

type requestKey struct{}

// withRequest lets handlers see the request: the address of a seat depends on
// its Host.
func withRequest(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	next(huma.WithValue(ctx, requestKey{}, r))
}

// socketURL returns the address of a room's socket for the client that sent
// the request in ctx.
func (m *Matchmaker) socketURL(ctx context.Context, room string) string {
	r, ok := ctx.Value(requestKey{}).(*http.Request)
	if !ok {
		return ""
	}
	if m.cfg.URL != nil {
		return m.cfg.URL(r, room)
	}
	scheme := "ws"
	if r.TLS != nil || m.cfg.TrustForwarded && r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "wss"
	}
	return scheme + "://" + r.Host + "/v1/rooms/" + room + "/ws"
}

func etag(r *Room) string { return strconv.Quote(strconv.FormatUint(r.Version, 10)) }
