package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/host"
)

// Node is what the API asks. Its methods are called by many goroutines; errors are host's (ErrNoRoom …).
type Node interface {
	// Status is everything but Now, Workers, which the Monitor knows.
	Status() Status
	// Host is where the rooms run.
	Host() *host.Host
	// Backup writes a backup file of the node, as it is now.
	Backup(ctx context.Context, w io.Writer) error
}

// Config says what a Handler serves, and to whom.
type Config struct {
	Node    Node
	Monitor *Monitor
	// Allowed says why a request is not answered: an ErrForbidden is told 403, any other error 401. It sees every request but those for
	// the page's files, which hold nothing of the node.
	Allowed func(*http.Request) error
	Log     zerolog.Logger
}

// ErrForbidden is wrapped by an error of Config.Allowed about somebody whom no credential would help.
var ErrForbidden = errors.New("not allowed")

// answerTimeout is how long the worker of a room has to answer: a tick lasts 50 ms at most, a hung game for ever.
const answerTimeout = 2 * time.Second

// Bounds of a request.
const (
	maxBody  = 4 << 10
	maxText  = 120 // bytes of what an operator tells players: a close frame takes 123
	maxLimit = 10_000
)

// api is the handler of /admin/api.
type api struct{ Config }

// Register adds the API, the page and the profiler to a mux.
func Register(mux *http.ServeMux, cfg Config) {
	a := api{cfg}
	allow := map[string]string{}
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /admin/api/status":            a.status,
		"GET /admin/api/history":           a.history,
		"GET /admin/api/rooms":             a.rooms,
		"GET /admin/api/rooms/{id}":        a.room,
		"GET /admin/api/rooms/{id}/dump":   a.dump,
		"POST /admin/api/rooms/{id}/close": a.closeRoom,
		"POST /admin/api/rooms/{id}/kick":  a.kick,
		"GET /admin/api/backup":            a.backup,
		"GET /debug/pprof/{$}":             a.profiles,
		"GET /debug/pprof/{name}":          a.profile,
	} {
		mux.Handle(pattern, a.guard(serve))
		method, path, _ := strings.Cut(pattern, " ")
		if allow[path] = method; method == http.MethodGet {
			allow[path] += ", " + http.MethodHead
		}
	}
	// The node's page has all other paths, and would answer for these.
	for path, methods := range allow {
		mux.Handle(path, Guard(a.Allowed, notAllowed(methods)))
	}
	mux.Handle("/admin/api/", Guard(a.Allowed, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem(w, http.StatusNotFound, "not_found", "there is no "+strconv.Quote(r.URL.Path)+" in operators' API")
	})))
	registerPage(mux)
}

// notAllowed answers methods that a path does not have.
func notAllowed(methods string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", methods)
		problem(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes "+methods)
	})
}

// guard lets in who may come, and answers errors.
func (a *api) guard(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return Guard(a.Allowed, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("X-Ringside-Admin") != "1" {
			problem(w, http.StatusForbidden, "header_missing", "a POST needs the header X-Ringside-Admin: 1")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := serve(w, r); err != nil {
			refuse(w, err)
		}
	}))
}

// Guard keeps whom allowed refuses away from a handler.
func Guard(allowed func(*http.Request) error, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch err := allowed(r); {
		case errors.Is(err, ErrForbidden):
			problem(w, http.StatusForbidden, "forbidden", err.Error())
		case err != nil:
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem(w, http.StatusUnauthorized, "unauthorized", err.Error())
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// errRequest is wrapped by every error about what a request says.
var errRequest = errors.New("invalid request")

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	for _, p := range []struct {
		err    error
		status int
		code   string
	}{
		{errRequest, http.StatusUnprocessableEntity, "invalid_request"},
		{host.ErrNoRoom, http.StatusNotFound, "room_unknown"},
		{host.ErrNotRunning, http.StatusConflict, "not_running"},
		{host.ErrNoSeat, http.StatusNotFound, "seat_unknown"},
		{host.ErrHung, http.StatusGatewayTimeout, "hung"},
		{host.ErrClosed, http.StatusServiceUnavailable, "draining"},
	} {
		if errors.Is(err, p.err) {
			problem(w, p.status, p.code, err.Error())
			return
		}
	}
	problem(w, http.StatusInternalServerError, "internal", err.Error())
}

// A Problem is RFC 9457's, with a code that is stable.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{http.StatusText(status), status, detail, code}) // who is gone needs no answer
}

func answer(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n'))
	return nil
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) error {
	s := a.Node.Status()
	s.Now, s.Workers = a.Monitor.Now()
	return answer(w, s)
}

func (a *api) history(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, a.Monitor.History())
}

// orders are what rooms can be sorted by; all but id from the highest down.
var orders = map[string]func(a, b host.RoomStatus) int{
	"id":      func(a, b host.RoomStatus) int { return cmp.Compare(a.ID, b.ID) },
	"step":    func(a, b host.RoomStatus) int { return cmp.Compare(b.Load.StepP99, a.Load.StepP99) },
	"late":    func(a, b host.RoomStatus) int { return cmp.Compare(b.Load.LateMax, a.Load.LateMax) },
	"players": func(a, b host.RoomStatus) int { return cmp.Compare(b.People, a.People) },
	"bytes": func(a, b host.RoomStatus) int {
		return cmp.Compare(b.Load.Sent+b.Load.Received, a.Load.Sent+a.Load.Received)
	},
}

// Orders are the names by which rooms can be sorted.
const Orders = "step, late, players, bytes or id"

func (a *api) rooms(w http.ResponseWriter, r *http.Request) error {
	q, limit := r.URL.Query(), 1000
	order, ok := orders[cmp.Or(q.Get("sort"), "step")]
	if !ok {
		return fmt.Errorf("%w: sort %q: want %s", errRequest, q.Get("sort"), Orders)
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return fmt.Errorf("%w: limit %q: want 1 to %d", errRequest, text, maxLimit)
		}
		limit = n
	}
	list := a.Node.Host().Rooms()
	slices.SortStableFunc(list, order)
	return answer(w, list[:min(limit, len(list))])
}

// RoomAnswer is a room and, if its worker did not say the rest, why.
type RoomAnswer struct {
	host.RoomDetail
	Problem string `json:"problem,omitempty"`
}

func (a *api) room(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	d, err := a.Node.Host().Room(ctx, r.PathValue("id"))
	out := RoomAnswer{RoomDetail: d}
	switch {
	case errors.Is(err, host.ErrHung) && r.Context().Err() == nil:
		out.Problem = err.Error()
	case err != nil:
		return err
	}
	return answer(w, out)
}

func (a *api) dump(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	f, err := a.Node.Host().Dump(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	attachment(w, fmt.Sprintf("%s-%d.dump", f.Room, f.Tick))
	_, _ = w.Write(f.Append(nil))
	return nil
}

func attachment(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
}

// An Order is the body of a POST.
type Order struct {
	Slot *int    `json:"slot,omitempty"`
	Seat *uint64 `json:"seat,omitempty"`
	Text string  `json:"text,omitempty"` // what the players read
}

func readOrder(r *http.Request, text string) (o Order, err error) {
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&o); err != nil && !errors.Is(err, io.EOF) {
		return o, fmt.Errorf("%w: %w", errRequest, err)
	}
	o.Text = cmp.Or(o.Text, text)
	if len(o.Text) > maxText {
		return o, fmt.Errorf("%w: text is %d bytes long, at most %d", errRequest, len(o.Text), maxText)
	}
	return o, nil
}

func (a *api) closeRoom(w http.ResponseWriter, r *http.Request) error {
	o, err := readOrder(r, "closed by an operator")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	if err := a.Node.Host().CloseRoom(ctx, r.PathValue("id"), o.Text); err != nil {
		return err
	}
	a.Log.Info().Str("room", r.PathValue("id")).Str("peer", r.RemoteAddr).Msg("room closed by an operator")
	return answer(w, map[string]string{"closed": r.PathValue("id")})
}

// Kicked answers a kick.
type Kicked struct {
	Room string `json:"room"`
	Slot int    `json:"slot"`
	Seat uint64 `json:"seat"`
}

func (a *api) kick(w http.ResponseWriter, r *http.Request) error {
	o, err := readOrder(r, "removed by an operator")
	if err != nil {
		return err
	}
	if (o.Slot == nil) == (o.Seat == nil) {
		return fmt.Errorf("%w: want a slot or a seat", errRequest)
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	h, id, slot := a.Node.Host(), r.PathValue("id"), 0
	if o.Seat != nil {
		slot, err = h.SlotOf(ctx, id, *o.Seat)
	} else {
		slot = *o.Slot
	}
	if err != nil {
		return err
	}
	seat, err := h.Kick(ctx, id, slot, o.Text)
	if err != nil {
		return err
	}
	a.Log.Info().Str("room", id).Int("slot", slot).Uint64("seat", seat).Str("peer", r.RemoteAddr).Msg("player kicked by an operator")
	return answer(w, Kicked{Room: id, Slot: slot, Seat: seat})
}

// backupTimeout bounds a backup's way to a slow reader.
const backupTimeout = 30 * time.Minute

func (a *api) backup(w http.ResponseWriter, r *http.Request) error {
	extend(w, backupTimeout)
	attachment(w, fmt.Sprintf("ringside-%s-%s.tar.gz", a.Node.Status().Node, time.Now().UTC().Format("20060102-150405")))
	out := &begun{ResponseWriter: w}
	err := a.Node.Backup(r.Context(), out)
	if err == nil || !out.yes {
		return err
	}
	// The status went out: cutting the connection off is what is left to say. The file has no manifest, and Read refuses it.
	a.Log.Warn().Err(err).Msg("backup broken off")
	panic(http.ErrAbortHandler)
}

// begun knows whether anything was written.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// extend gives an answer more time than the server gives others.
func extend(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)) // a writer that cannot has no deadline
}
