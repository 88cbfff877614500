package matchmaker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// call sends a request to the API and decodes the JSON answer.
func (f *fixture) call(t testing.TB, method, path, body string, header ...string) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "play.example:7777"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	var out map[string]any
	if b, _ := io.ReadAll(w.Body); len(b) > 0 {
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatalf("%s %s: body %q: %v", method, path, b, err)
		}
	}
	return w.Result(), out
}

// mustCall fails the test unless the answer has this status.
func (f *fixture) mustCall(t testing.TB, status int, method, path, body string, header ...string) (*http.Response, map[string]any) {
	t.Helper()
	res, out := f.call(t, method, path, body, header...)
	if res.StatusCode != status {
		t.Fatalf("%s %s %s: status %d %v, want %d", method, path, body, res.StatusCode, out, status)
	}
	return res, out
}

func TestHTTPRoom(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	res, room := f.mustCall(t, 201, "POST", "/v1/rooms", `{"game":"arena","options":{"map":"dust"},"metadata":{"mode":"ctf"},"bots":2,"max_players":4}`)
	path := "/v1/rooms/" + room["id"].(string)
	if res.Header.Get("Location") != path || res.Header.Get("ETag") == "" {
		t.Errorf("headers %v, want Location %s and an ETag", res.Header, path)
	}
	if room["state"] != "running" || room["free"] != 4.0 || room["bots"] != 2.0 || room["visibility"] != "public" {
		t.Errorf("created room %v", room)
	}
	if _, ok := room["$schema"]; ok {
		t.Error("the body has a $schema")
	}
	res, read := f.mustCall(t, 200, "GET", path, "")
	if fmt.Sprint(read) != fmt.Sprint(room) {
		t.Errorf("read %v, want %v", read, room)
	}
	f.mustCall(t, 304, "GET", path, "", "If-None-Match", res.Header.Get("ETag"))
	if _, list := f.dir.Assignments("a"); len(list) != 1 || *list[0].Bots != 2 || list[0].MaxPlayers != 4 || string(list[0].Options) != `{"map":"dust"}` {
		t.Errorf("assignments %+v", list)
	}
	_, games := f.mustCall(t, 200, "GET", "/v1/games", "")
	if got := fmt.Sprint(games["games"].([]any)[0]); got != "map[max_players:8 name:arena send_hz:20 tick_hz:20 version:1]" {
		t.Errorf("first game %s", got)
	}
	_, spec := f.mustCall(t, 200, "GET", "/openapi.json", "")
	if paths := spec["paths"].(map[string]any); len(paths) != 13 {
		t.Errorf("openapi has paths %v, want 13", paths)
	}
}

// Every call has its row in callDocs, and every row its call.
func TestEveryCallIsDescribed(t *testing.T) {
	f := newFixture(t, queueConfig())
	_, spec := f.mustCall(t, 200, "GET", "/openapi.json", "")
	docs := callDocs()
	for path, item := range spec["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			op := operation.(map[string]any)
			id, _ := op["operationId"].(string)
			if _, ok := docs[id]; !ok {
				t.Errorf("%s %s (%q) has no row in callDocs", method, path, id)
			}
			delete(docs, id)
			responses := op["responses"].(map[string]any)
			if op["description"] == nil || op["tags"] == nil || responses["422"] == nil || responses["429"] == nil || responses["default"] != nil {
				t.Errorf("%s %s is not described: %v", method, path, op)
			}
			if op["requestBody"] != nil && (responses["408"] == nil || responses["413"] == nil || responses["415"] == nil) {
				t.Errorf("%s %s takes a body, and does not say how it is refused", method, path)
			}
		}
	}
	for id := range docs {
		t.Errorf("callDocs describes %q, which is no call", id)
	}
}

// roomsInEveryState makes a full room, an ended one, a locked one, and one in
// which ann is seated.
func roomsInEveryState(t *testing.T, f *fixture) (full, ended, locked, open *Room) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := testContext(t)
	full = f.mustCreate(t, Creation{Game: "cards"})
	_, err := f.Reserve(ctx, full.ID, []Player{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}})
	must(err)
	ended = f.mustCreate(t, Creation{Game: "cards"})
	must(f.RoomEnded(ctx, ended.ID, 1, Ending{Reason: "finished"}))
	locked = f.mustCreate(t, Creation{Game: "cards"})
	yes := true
	must(f.UpdateRoom(ctx, locked.ID, 1, RoomUpdate{Locked: &yes}))
	open = f.mustCreate(t, Creation{Game: "cards"})
	grants, err := f.Reserve(ctx, open.ID, []Player{{ID: "ann"}})
	must(err)
	must(f.Confirm(ctx, open.ID, 1, grants[0].Seat.ID))
	return full, ended, locked, open
}

func TestHTTPProblems(t *testing.T) {
	f := newFixture(t, Config{MaxRooms: 4})
	f.own(t)
	room, ended, locked, open := roomsInEveryState(t, f)
	seats := func(r *Room) string { return "/v1/rooms/" + r.ID + "/seats" }
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code, detail             string
	}{
		{"no such call", "GET", "/v1/nothing", "", 404, "no_such_call", "GET /v1/nothing"},
		{"unknown room", "GET", "/v1/rooms/none", "", 404, "room_unknown", "no such room"},
		{"unknown game", "POST", "/v1/rooms", `{"game":"chess"}`, 404, "game_unknown", "no node offers"},
		{"unknown game to join", "POST", "/v1/join", `{"game":"chess"}`, 404, "game_unknown", "no node offers"},
		{"unknown field", "POST", "/v1/rooms", `{"game":"arena","colour":1}`, 422, "invalid_request", "body.colour: unexpected property"},
		{"unknown field of a player", "POST", seats(room), `{"players":[{"nick":"x"}]}`, 422, "invalid_request", "body.players[0].nick"},
		{"missing field", "POST", "/v1/rooms", `{}`, 422, "invalid_request", "game"},
		{"wrong type", "POST", "/v1/rooms", `{"game":1}`, 422, "invalid_request", "body.game"},
		{"not JSON", "POST", "/v1/rooms", `{`, 400, "malformed", ""},
		{"no body", "POST", "/v1/rooms", "", 400, "malformed", ""},
		{"unknown parameter", "GET", "/v1/rooms?gmae=arena", "", 422, "invalid_request", "query.gmae"},
		{"bad limit", "GET", "/v1/rooms?limit=201", "", 422, "invalid_request", "query.limit"},
		{"bad state", "GET", "/v1/rooms?state=dead", "", 422, "invalid_request", "query.state"},
		{"too many players", "POST", "/v1/rooms", `{"game":"cards","max_players":5}`, 422, "invalid_request", "at most 4"},
		{"deep options", "POST", "/v1/rooms", `{"game":"arena","options":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`, 422, "invalid_request", "nested 17 deep"},
		{"long options", "POST", "/v1/rooms", `{"game":"arena","options":"` + strings.Repeat("x", 4096) + `"}`, 422, "invalid_request", "options are 4098 bytes long"},
		{"long metadata", "POST", "/v1/rooms", `{"game":"arena","metadata":{"k":"` + strings.Repeat("x", 257) + `"}}`, 422, "invalid_request", `metadata value of "k"`},
		{"body too large", "POST", "/v1/rooms", `{"game":"` + strings.Repeat("x", maxBodyBytes) + `"}`, 413, "too_large", "too large"},
		{"full", "POST", seats(room), `{"players":[{"id":"e"}]}`, 409, "full", "room is full"},
		{"ended", "POST", seats(ended), `{"players":[{}]}`, 410, "ended", "room has ended"},
		{"locked", "POST", seats(locked), `{"players":[{}]}`, 409, "locked", "room is locked"},
		{"seated", "POST", seats(open), `{"players":[{"id":"ann"}]}`, 409, "already_seated", "already has a seat"},
		{"too many rooms at once", "POST", seats(room), `{"players":[` + strings.Repeat("{},", 16) + `{}]}`, 422, "invalid_request", "body.players"},
		{"bad player id", "POST", seats(open), `{"players":[{"id":"a\u0007"}]}`, 422, "invalid_request", "player id"},
		{"refused", "POST", "/v1/rooms", `{"game":"cards","options":"refuse me"}`, 400, "refused", "no such map"},
		{"failed", "POST", "/v1/rooms", `{"game":"cards","options":"fail"}`, 500, "game_failed", "the game failed to start"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, out := f.call(t, tc.method, tc.path, tc.body)
			if res.StatusCode != tc.status || out["code"] != tc.code || out["status"] != float64(tc.status) || out["title"] == "" {
				t.Fatalf("got %d %v, want %d %s", res.StatusCode, out, tc.status, tc.code)
			}
			if detail, _ := out["detail"].(string); !strings.Contains(detail, tc.detail) {
				t.Errorf("detail %q does not contain %q", detail, tc.detail)
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
		})
	}
	f.mustCreate(t, Creation{Game: "cards"})
	res, out := f.mustCall(t, 503, "POST", "/v1/rooms", `{"game":"cards"}`)
	if out["code"] != "too_many_rooms" || res.Header.Get("Retry-After") == "" {
		t.Errorf("got %v with headers %v, want too_many_rooms and Retry-After", out, res.Header)
	}
}

func TestHTTPSeats(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	_, out := f.mustCall(t, 201, "POST", "/v1/rooms/"+room.ID+"/seats",
		`{"players":[{"id":"ann","name":" Ann\u0000\n ","team":3},{},{"role":"spectator","name":"`+strings.Repeat("x", 40)+`"}]}`)
	var claims []Claims
	for i, s := range out["seats"].([]any) {
		seat := s.(map[string]any)
		c, err := f.VerifyToken(seat["token"].(string), time.Now())
		if err != nil {
			t.Fatalf("token %d: %v", i, err)
		}
		if seat["room"] != room.ID || seat["url"] != "ws://play.example:7777/v1/rooms/"+room.ID+"/ws" || seat["slot"] != float64(c.Slot) || seat["seat"] != float64(c.Seat) {
			t.Errorf("seat %v with claims %+v", seat, c)
		}
		expires, err := time.Parse(time.RFC3339, seat["expires_at"].(string))
		if left := time.Until(expires); err != nil || left < 25*time.Second || left > 30*time.Second {
			t.Errorf("expires in %v (%v), want about 30s", left, err)
		}
		claims = append(claims, c)
	}
	if c := claims[0]; c.Player != "ann" || c.Name != "Ann" || c.Team != 3 || c.Role != RolePlayer || c.Slot != 0 {
		t.Errorf("first claims %+v", c)
	}
	if c := claims[1]; !strings.HasPrefix(c.Player, "anon-") || len(c.Player) != 13 || c.Name != "Player" {
		t.Errorf("anonymous claims %+v", c)
	}
	if c := claims[2]; c.Role != RoleSpectator || c.Slot != 8 || c.Name != strings.Repeat("x", 32) {
		t.Errorf("spectator's claims %+v", c)
	}
	if err := f.Confirm(testContext(t), room.ID, claims[0].Epoch, claims[0].Seat); err != nil {
		t.Errorf("confirm: %v", err)
	}
	if st := f.Stats(); st.Taken != 1 || st.Reserved != 2 || st.Running != 1 || st.Nodes != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestHTTPJoin(t *testing.T) {
	f := newFixture(t, Config{TrustForwarded: true})
	f.own(t)
	body := `{"game":"cards","filters":{"region":"eu"},"player":{"name":"Ann"}}`
	_, first := f.mustCall(t, 201, "POST", "/v1/join", body, "X-Forwarded-Proto", "https")
	if !strings.HasPrefix(first["url"].(string), "wss://") {
		t.Errorf("url %v, want wss", first["url"])
	}
	for i := range 3 {
		if _, out := f.mustCall(t, 200, "POST", "/v1/join", body); out["room"] != first["room"] {
			t.Errorf("join %d went to %v, want %v", i, out["room"], first["room"])
		}
	}
	f.mustCall(t, 201, "POST", "/v1/join", body)
	_, read := f.mustCall(t, 200, "GET", "/v1/rooms/"+first["room"].(string), "")
	if fmt.Sprint(read["metadata"]) != "map[region:eu]" || len(read["seats"].([]any)) != 4 {
		t.Errorf("room %v", read)
	}
	if strings.Contains(fmt.Sprint(read), "anon-") {
		t.Errorf("the room shows player ids: %v", read)
	}
}

func TestHTTPList(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	want := map[string]bool{}
	for i := range 7 {
		r := f.mustCreate(t, Creation{Game: testGames[i%2].Name, Private: i == 0})
		want[r.ID] = i%2 == 0 && i > 0
	}
	var got []string
	after := ""
	for pages := 0; ; pages++ {
		_, out := f.mustCall(t, 200, "GET", "/v1/rooms?game=arena&state=running&limit=2&after="+after, "")
		for _, r := range out["rooms"].([]any) {
			got = append(got, r.(map[string]any)["id"].(string))
		}
		next, ok := out["next"].(string)
		if !ok {
			break
		}
		if after = next; pages > 5 {
			t.Fatal("the list does not end")
		}
	}
	if len(got) != 3 {
		t.Fatalf("listed %v, want the 3 public rooms of arena", got)
	}
	for i, id := range got {
		if !want[id] || i > 0 && got[i-1] >= id {
			t.Errorf("room %d is %s, not public, not of the game or out of order: %v", i, id, got)
		}
	}
}

// A room that nobody starts: the caller gets 504, and one that goes away
// leaves nothing behind.
func TestRoomNobodyStarts(t *testing.T) {
	f := newFixture(t, Config{StartTimeout: 10 * time.Millisecond})
	_, out := f.mustCall(t, 504, "POST", "/v1/rooms", `{"game":"arena"}`)
	if out["code"] != "unknown_outcome" {
		t.Errorf("got %v, want unknown_outcome", out)
	}
	g := newFixture(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := g.CreateRoom(ctx, Creation{Game: "arena"}); !errors.Is(err, context.Canceled) {
				t.Errorf("create: %v, want canceled", err)
			}
		})
	}
	for g.Stats().Starting < 8 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
	if n := len(g.dir.watchers); n != 0 {
		t.Errorf("%d watchers are left", n)
	}
}

func TestLogDown(t *testing.T) {
	f := newFixture(t, Config{})
	f.log.mu.Lock()
	f.log.err = errors.New("secret disk path")
	f.log.mu.Unlock()
	for _, tc := range [][3]string{{"POST", "/v1/rooms", `{"game":"arena"}`}, {"POST", "/v1/join", `{"game":"arena"}`}, {"GET", "/v1/rooms", ""}, {"GET", "/v1/games", ""}} {
		res, out := f.mustCall(t, 503, tc[0], tc[1], tc[2])
		if out["code"] != "unavailable" || res.Header.Get("Retry-After") == "" || strings.Contains(fmt.Sprint(out), "secret") {
			t.Errorf("%v: %v", tc, out)
		}
	}
}

// A request with ten thousand wrong fields, or a very long wrong name, is not answered with as much.
func TestProblemIsBounded(t *testing.T) {
	f := newFixture(t, Config{})
	var fields, query strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&fields, `"x%d":1,`, i)
	}
	for i := range 1000 {
		fmt.Fprintf(&query, "x%d=1&", i)
	}
	for _, tc := range [][3]string{
		{"POST", "/v1/rooms", "{" + fields.String() + `"game":"arena"}`},
		{"POST", "/v1/rooms", `{"` + strings.Repeat("é", 30_000) + `":1}`},
		{"GET", "/v1/rooms?" + query.String(), ""},
	} {
		_, out := f.mustCall(t, 422, tc[0], tc[1], tc[2])
		if text := mustJSON(out); len(text) > 8<<10 {
			t.Errorf("%.40s %.40s: %d bytes of problem", tc[1], tc[2], len(text))
		}
	}
}
