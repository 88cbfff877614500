package matchmaker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

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
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { writeProblem(w, r, noSuchCall(r)) })
	return mux
}

// Register adds the HTTP API to mux. Everything below /v1/ that mux has no
// longer pattern for is answered with a problem.
func (m *Matchmaker) Register(mux *http.ServeMux) {
	cfg := huma.DefaultConfig(documentTitle, "1")
	documentConfig(&cfg)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", "", nil
	cfg.Transformers, cfg.Formats = []huma.Transformer{asProblem}, jsonFormats()
	api := humago.New(mux, cfg)
	api.UseMiddleware(m.guard, receive, withRequest)
	m.registerRooms(api)
	m.registerSeats(api)
	m.registerAdmin(api)
	m.registerWatch(api)
	m.registerTickets(api)
	document(api.OpenAPI())
	serveDocument(mux, api.OpenAPI())
	mux.HandleFunc("/v1/", newRoutes(api.OpenAPI()).serveUnknown)
}

// guard turns a panic of a handler into a problem and a line for the operator.
func (m *Matchmaker) guard(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares like this
			panic(v)
		}
		m.cfg.Logger.Error().Str("panic", fmt.Sprint(v)).Str("call", r.Method+" "+r.URL.Path).Bytes("stack", debug.Stack()).Msg("handler failed")
		writeProblem(w, r, newProblem(http.StatusInternalServerError, "internal", "this call failed; the operator's log says why"))
	}()
	next(ctx)
}

// writeError answers with err, which m.problem returned.
func (m *Matchmaker) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	if errors.As(err, &p) {
		writeProblem(w, r, p)
	}
}

func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.Instance = r.URL.Path
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

func noSuchCall(r *http.Request) *Problem {
	return newProblem(http.StatusNotFound, "no_such_call", r.Method+" "+r.URL.Path+": there is no such call; /openapi.json lists those there are")
}

// routes are the calls there are, to tell a wrong method from a wrong path.
type routes []route

type route struct {
	path    []string // an element in braces stands for any
	methods []string
}

func newRoutes(doc *huma.OpenAPI) routes {
	out := routes{{path: []string{"", "v1", "rooms", "{id}", "ws"}, methods: []string{http.MethodGet}}} // the node's own
	for path, item := range doc.Paths {
		r := route{path: strings.Split(path, "/")}
		for method, op := range operations(item) {
			if op == nil {
				continue
			}
			if r.methods = append(r.methods, method); method == http.MethodGet {
				r.methods = append(r.methods, http.MethodHead)
			}
		}
		slices.Sort(r.methods)
		out = append(out, r)
	}
	return out
}

func operations(item *huma.PathItem) map[string]*huma.Operation {
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}
}

func (rs routes) serveUnknown(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(r.URL.Path, "/")
	for _, known := range rs {
		if !known.matches(path) {
			continue
		}
		writeProblem(w, r, wrongMethod(r, strings.Join(known.methods, ", ")))
		return
	}
	writeProblem(w, r, noSuchCall(r))
}

func wrongMethod(r *http.Request, allow string) *Problem {
	p := newProblem(http.StatusMethodNotAllowed, "method_not_allowed", fmt.Sprintf("%s is called with %s", r.URL.Path, allow))
	p.header.Set("Allow", allow)
	return p
}

func (known *route) matches(path []string) bool {
	return slices.EqualFunc(known.path, path, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && got != ""
	})
}

// operation describes a call. Its errors are documented as Problem, which
// huma would not find out by itself.
func operation(api huma.API, id, method, path, summary string, status int) huma.Operation {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status,
		MaxBodyBytes: maxBodyBytes + 1, BodyReadTimeout: -1, // receive has read it
		RejectUnknownQueryParameters: true,
		Responses: map[string]*huma.Response{"default": {
			Description: "Problem",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}},
	}
}

type requestKey struct{}

// forwardedProto is where a proxy says what its client speaks.
const forwardedProto = "X-Forwarded-Proto"

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
	if r.TLS != nil || m.cfg.TrustForwarded && r.Header.Get(forwardedProto) == "https" {
		scheme = "wss"
	}
	return scheme + "://" + r.Host + "/v1/rooms/" + room + "/ws"
}
