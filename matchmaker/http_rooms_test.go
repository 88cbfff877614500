package matchmaker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// asCaller is a Config whose caller the test sets.
func asCaller(c *Caller, public Public) Config {
	return Config{Caller: func(context.Context) Caller { return *c }, Public: public}
}

func TestWhoMay(t *testing.T) {
	who := Caller{Server: true}
	f := newFixture(t, asCaller(&who, Public{Join: true, List: true}))
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	path := "/v1/rooms/" + room.ID
	serverOnly := [][3]string{
		{"POST", "/v1/rooms", `{"game":"arena"}`},
		{"PATCH", path, `{"locked":false}`},
		{"DELETE", path, ""},
		{"DELETE", path + "/seats/1", ""},
		{"GET", "/v1/rooms?visibility=private", ""},
		{"POST", path + "/seats", `{"players":[{},{}]}`},
		{"POST", path + "/seats", `{"players":[{"team":1}]}`},
		{"POST", "/v1/join", `{"game":"arena","options":{}}`},
		{"POST", "/v1/join", `{"game":"arena","bots":1}`},
	}
	for _, tc := range serverOnly {
		who = Caller{NoServer: "send an API key", Challenge: true}
		res, out := f.call(t, tc[0], tc[1], tc[2])
		if strings.Contains(tc[2], "team") {
			if res.StatusCode != 403 {
				t.Errorf("%v: %d %v, want 403", tc, res.StatusCode, out)
			}
			continue
		}
		if res.StatusCode != 401 || out["code"] != "unauthorized" || out["detail"] != "send an API key" || res.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%v with a challenge: %d %v", tc, res.StatusCode, out)
		}
		who = Caller{}
		if res, out := f.call(t, tc[0], tc[1], tc[2]); res.StatusCode != 403 || out["code"] != "forbidden" || !strings.HasPrefix(out["detail"].(string), "only a server may") {
			t.Errorf("%v without one: %d %v", tc, res.StatusCode, out)
		}
	}
	f2 := newFixture(t, asCaller(&who, Public{}))
	for _, tc := range [][3]string{
		{"GET", "/v1/rooms", ""},
		{"GET", "/v1/lobby/events", ""},
		{"POST", "/v1/join", `{"game":"arena"}`},
		{"POST", path + "/seats", `{"players":[{}]}`},
	} {
		f2.mustCall(t, 403, tc[0], tc[1], tc[2])
	}
}

func TestPlayersSpeakForThemselves(t *testing.T) {
	var who Caller
	f := newFixture(t, asCaller(&who, Public{Join: true}))
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena", Private: true})
	seats := "/v1/rooms/" + room.ID + "/seats"
	claims := func(out map[string]any) Claims {
		t.Helper()
		if list, ok := out["seats"].([]any); ok {
			out, _ = list[0].(map[string]any)
		}
		c, err := f.VerifyToken(out["token"].(string), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	who = Caller{Player: "ann", Name: "Ann"}
	_, out := f.mustCall(t, 201, "POST", seats, `{"players":[{}]}`)
	if c := claims(out); c.Player != "ann" || c.Name != "Ann" {
		t.Errorf("claims %+v, want ann, called Ann", c)
	}
	_, out = f.mustCall(t, 201, "POST", "/v1/join", `{"game":"arena","player":{"id":"ann","name":"A"}}`)
	if c := claims(out); c.Player != "ann" || c.Name != "A" {
		t.Errorf("claims %+v, want ann, called A", c)
	}
	if _, out = f.mustCall(t, 403, "POST", "/v1/join", `{"game":"arena","player":{"id":"bob"}}`); out["code"] != "player_mismatch" {
		t.Errorf("as somebody else: %v", out)
	}
	who = Caller{}
	_, out = f.mustCall(t, 201, "POST", seats, `{"players":[{"id":"ann","role":"spectator"}]}`)
	if c := claims(out); !strings.HasPrefix(c.Player, "anon-") || c.Role != RoleSpectator {
		t.Errorf("claims %+v, want an anonymous spectator", c)
	}
	who = Caller{NoPlayer: "no token"}
	if _, out = f.mustCall(t, 403, "POST", "/v1/join", `{"game":"arena"}`); out["detail"] != "no token" {
		t.Errorf("no player: %v", out)
	}
}

func TestPatch(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena", Metadata: map[string]string{"mode": "ctf", "map": "sun"}})
	path := "/v1/rooms/" + room.ID
	if _, out := f.mustCall(t, 428, "PATCH", path, `{"locked":true}`); out["code"] != "if_match_missing" {
		t.Errorf("without If-Match: %v", out)
	}
	res, out := f.mustCall(t, 200, "PATCH", path, `{"locked":true,"visibility":"private","metadata":{"map":null,"round":"2"}}`, "If-Match", `"1", `+etag(room))
	if fmt.Sprint(out["metadata"]) != "map[mode:ctf round:2]" || out["locked"] != true || out["visibility"] != "private" || len(out["code"].(string)) != codeLen {
		t.Errorf("patched %v", out)
	}
	now := res.Header.Get("ETag")
	for _, tag := range []string{etag(room), "W/" + now, `"x"`, `""`, `"18446744073709551616"`, `"+2"`} {
		res, out = f.mustCall(t, 412, "PATCH", path, `{"locked":false}`, "If-Match", tag)
		if out["code"] != "version_mismatch" || res.Header.Get("ETag") != now {
			t.Errorf("with %s: %v, ETag %s, want %s", tag, out, res.Header.Get("ETag"), now)
		}
	}
	for _, tag := range []string{"x", `"x`, "`1`", `'1'`, "**", `"1", *`, ", ,", `"a b"`} {
		if _, out = f.mustCall(t, 400, "PATCH", path, `{"locked":false}`, "If-Match", tag); out["code"] != "malformed" {
			t.Errorf("with %s: %v, want malformed", tag, out)
		}
	}
	res, out = f.mustCall(t, 200, "PATCH", path, `{"visibility":"public"}`, "If-Match", "*")
	if out["locked"] != true || out["code"] != nil || res.Header.Get("ETag") == now {
		t.Errorf("with *: %v", out)
	}
	many := map[string]string{}
	for i := range maxMetadata {
		many[fmt.Sprint(i)] = ""
	}
	body, _ := json.Marshal(map[string]any{"metadata": many})
	for _, tc := range []string{`{"bots":1}`, `{"metadata":{"":"x"}}`, `{"metadata":{"k":1}}`, string(body)} {
		f.mustCall(t, 422, "PATCH", path, tc, "If-Match", "*")
	}
	f.mustCall(t, 422, "PATCH", path, `{}`, "If-Match", strings.Repeat(`"1",`, maxVersions)+`"1"`)
	f.mustCall(t, 404, "PATCH", "/v1/rooms/none", `{}`, "If-Match", "*")
	if err := f.EndRoom(t.Context(), room.ID, "bye"); err != nil {
		t.Fatal(err)
	}
	f.mustCall(t, 410, "PATCH", path, `{}`, "If-Match", "*")
}

// Of many who change what they have read, one wins.
func TestPatchIsCompareAndSet(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 16 {
		wg.Go(func() {
			value := fmt.Sprint(i)
			_, err := f.PatchRoom(t.Context(), room.ID, RoomPatch{Metadata: map[string]*string{"winner": &value}}, room.Version)
			if err != nil && !errors.Is(err, ErrVersion) {
				t.Errorf("patch: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d of 16 changes of the same version were made, want 1", won)
	}
}

func TestHTTPIdempotency(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	key := []string{"Idempotency-Key", "9f3c"}
	_, first := f.mustCall(t, 201, "POST", "/v1/rooms", `{"game":"arena","metadata":{"a":"1","b":"2"}}`, key...)
	res, again := f.mustCall(t, 201, "POST", "/v1/rooms", `{"metadata":{"b":"2","a":"1"}, "game":"arena"}`, key...)
	if again["id"] != first["id"] || res.Header.Get("Idempotent-Replayed") != "true" || res.Header.Get("Location") == "" {
		t.Errorf("again: %v %v, want room %v", again, res.Header, first["id"])
	}
	for _, tc := range [][2]string{{"/v1/rooms", `{"game":"cards"}`}, {"/v1/join", `{"game":"arena"}`}, {"/v1/rooms/" + first["id"].(string) + "/seats", `{"players":[{}]}`}} {
		if _, out := f.mustCall(t, 422, "POST", tc[0], tc[1], key...); out["code"] != "idempotency_key_reused" {
			t.Errorf("%v: %v", tc, out)
		}
	}
	f.mustCall(t, 422, "POST", "/v1/rooms", `{"game":"arena"}`, "Idempotency-Key", strings.Repeat("x", 65))
	f.mustCall(t, 422, "POST", "/v1/rooms", `{"game":"arena"}`, "Idempotency-Key", "a b")

	key[1] = "join"
	var wg sync.WaitGroup
	var mu sync.Mutex
	seats := map[string]int{}
	for range 8 {
		wg.Go(func() {
			res, out := f.call(t, "POST", "/v1/join", `{"game":"cards"}`, key...)
			mu.Lock()
			defer mu.Unlock()
			seats[fmt.Sprint(res.StatusCode, out["room"], out["seat"], res.Header.Get("Idempotent-Replayed") == "true")]++
		})
	}
	wg.Wait()
	if len(seats) != 2 || f.Stats().Reserved != 1 {
		t.Errorf("eight at once got %v and %d seats, want one seat, made once and replayed seven times", seats, f.Stats().Reserved)
	}
	_, out := f.mustCall(t, 201, "POST", "/v1/join", `{"game":"cards"}`, key...)
	if err := f.Kick(t.Context(), out["room"].(string), uint64(out["seat"].(float64)), ""); err != nil {
		t.Fatal(err)
	}
	if _, out = f.mustCall(t, 410, "POST", "/v1/join", `{"game":"cards"}`, key...); out["code"] != "seat_gone" {
		t.Errorf("the seat is gone: %v", out)
	}
}

func TestHTTPCodes(t *testing.T) {
	who := Caller{Principal: "10.0.0.1"}
	f := newFixture(t, asCaller(&who, Public{Join: true}))
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena", Private: true})
	code := f.dir.Room(room.ID).Code
	if _, out := f.mustCall(t, 200, "POST", "/v1/join", `{"code":"`+strings.ToLower(code[:3])+"-"+code[3:]+`"}`); out["room"] != room.ID {
		t.Errorf("joined %v, want room %s", out, room.ID)
	}
	f.mustCall(t, 422, "POST", "/v1/join", `{"code":"`+code+`","game":"arena"}`)
	f.mustCall(t, 422, "POST", "/v1/join", `{}`)
	wrong := "ZZZZZZ"
	if code == wrong {
		wrong = "YYYYYY"
	}
	for range 10 {
		if _, out := f.mustCall(t, 404, "POST", "/v1/join", `{"code":"`+wrong+`"}`); out["code"] != "code_unknown" {
			t.Errorf("wrong code: %v", out)
		}
	}
	res, out := f.mustCall(t, 429, "POST", "/v1/join", `{"code":"`+code+`"}`)
	if out["code"] != "too_many_misses" || res.Header.Get("Retry-After") == "" {
		t.Errorf("after ten misses: %v %v", out, res.Header)
	}
	who.Principal = "10.0.0.2"
	f.mustCall(t, 200, "POST", "/v1/join", `{"code":"`+code+`"}`)
}

func TestMissesAreForgotten(t *testing.T) {
	m := misses{allowed: 10}
	now := time.Unix(1000, 0)
	for i := range missesKept + 5 {
		m.begin(fmt.Sprint(i), "", now)
	}
	if len(m.of) > missesKept+1 {
		t.Errorf("%d callers are counted", len(m.of))
	}
	for range 9 {
		if _, wait := m.begin("0", "", now); wait != 0 {
			t.Errorf("has to wait %v before ten misses", wait)
		}
	}
	if _, got := m.begin("0", "", now.Add(15*time.Second)); got != 45*time.Second {
		t.Errorf("has to wait %v, want 45s", got)
	}
	if _, got := m.begin("0", "", now.Add(missesWindow)); got != 0 || len(m.of) != 1 {
		t.Errorf("a minute later has to wait %v, %d callers are counted", got, len(m.of))
	}
}

// Guesses count from before they are known to be wrong: many at once are no way around the count. Right ones do not count.
func TestGuessesCountWhileTheyAreLookedUp(t *testing.T) {
	m, now := misses{allowed: 10}, time.Unix(1000, 0)
	var tries []guess
	for range 10 {
		g, wait := m.begin("ann", "", now)
		if wait != 0 {
			t.Fatalf("waits %v with %d guesses", wait, len(tries))
		}
		tries = append(tries, g)
	}
	if _, wait := m.begin("ann", "", now); wait == 0 {
		t.Error("an eleventh guess at the same time is looked up")
	}
	tries[0].found()
	if _, wait := m.begin("ann", "", now); wait != 0 {
		t.Error("a code that was right counts")
	}
	m.begin("bob", "", now.Add(missesWindow))
	tries[1].found() // of a window that is over
	if got := m.of["ann"]; got != 0 {
		t.Errorf("ann has %d misses in a new window", got)
	}
}

// Accounts are made by the hundred: their address is counted, too.
func TestGuessesOfAnAddress(t *testing.T) {
	who := Caller{Address: "a/10.0.0.1"}
	var hit []string
	cfg := asCaller(&who, Public{Join: true})
	cfg.Limited = func(limit string) { hit = append(hit, limit) }
	f := newFixture(t, cfg)
	f.own(t)
	for i := range 10 * missesOfAddress {
		who.Player = fmt.Sprint("player", i/10)
		who.Principal = "p/" + who.Player
		f.mustCall(t, 404, "POST", "/v1/join", `{"code":"ZZZZZZ"}`)
	}
	who.Player, who.Principal = "new", "p/new"
	f.mustCall(t, 429, "POST", "/v1/join", `{"code":"ZZZZZZ"}`)
	who.Address = "a/10.0.0.2"
	f.mustCall(t, 404, "POST", "/v1/join", `{"code":"ZZZZZZ"}`)
	if len(hit) != 1 || hit[0] != "limit-codes" {
		t.Errorf("counted %q", hit)
	}
}

func TestKickAndEnd(t *testing.T) {
	var f *fixture
	var asked []string
	f = newFixture(t, Config{
		Kick: func(ctx context.Context, room string, epoch, seat uint64, text string) error {
			asked = append(asked, fmt.Sprint("kick ", seat, " ", text))
			return f.Release(ctx, room, epoch, seat)
		},
		End: func(ctx context.Context, room string, epoch uint64, text string) error {
			asked = append(asked, "end "+text)
			if text == "unknown" {
				return fmt.Errorf("host: %w", ErrRoomUnknown)
			}
			return f.RoomEnded(ctx, room, epoch, Ending{Reason: "closed", Text: text, Code: 4009, Result: []byte(`{"score":3}`)})
		},
	})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	path := "/v1/rooms/" + room.ID
	grants, err := f.Reserve(t.Context(), room.ID, []Player{{ID: "ann"}, {ID: "bob"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Confirm(t.Context(), room.ID, 1, grants[0].Seat.ID); err != nil {
		t.Fatal(err)
	}
	f.mustCall(t, 204, "DELETE", path+"/seats/1?reason=bad%20words", "")
	f.mustCall(t, 204, "DELETE", path+"/seats/2", "")
	f.mustCall(t, 204, "DELETE", path+"/seats/2", "")
	if len(f.dir.Room(room.ID).Seats) != 0 {
		t.Errorf("seats %+v, want none", f.dir.Room(room.ID).Seats)
	}
	if _, out := f.mustCall(t, 404, "DELETE", path+"/seats/9", ""); out["code"] != "seat_unknown" {
		t.Errorf("unknown seat: %v", out)
	}
	f.mustCall(t, 404, "DELETE", "/v1/rooms/none/seats/1", "")
	f.mustCall(t, 422, "DELETE", path+"/seats/x", "")
	if _, out := f.mustCall(t, 409, "GET", path+"/result", ""); out["code"] != "running" {
		t.Errorf("result of a running room: %v", out)
	}
	f.mustCall(t, 204, "DELETE", path+"?reason=maintenance", "")
	f.mustCall(t, 410, "DELETE", path, "")
	f.mustCall(t, 410, "DELETE", path+"/seats/1", "")
	if _, out := f.mustCall(t, 200, "GET", path+"/result", ""); fmt.Sprintln(out["result"], out["reason"], out["text"], out["code"]) != "map[score:3] closed maintenance 4009\n" {
		t.Errorf("result %v", out)
	}
	orphan := f.mustCreate(t, Creation{Game: "arena"})
	f.mustCall(t, 204, "DELETE", "/v1/rooms/"+orphan.ID+"?reason=unknown", "")
	if _, out := f.mustCall(t, 200, "GET", "/v1/rooms/"+orphan.ID+"/result", ""); out["result"] != nil || out["reason"] != "closed" {
		t.Errorf("result of a room that its owner did not know: %v", out)
	}
	f.mustCall(t, 404, "GET", "/v1/rooms/none/result", "")
	if want := "[kick 1 bad words end maintenance end unknown]"; fmt.Sprint(asked) != want {
		t.Errorf("the owner was asked %v, want %s", asked, want)
	}
}

func TestKickNeedsAHost(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	grants, err := f.Reserve(t.Context(), room.ID, []Player{{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Confirm(t.Context(), room.ID, 1, grants[0].Seat.ID); err != nil {
		t.Fatal(err)
	}
	if _, out := f.mustCall(t, 501, "DELETE", "/v1/rooms/"+room.ID+"/seats/1", ""); out["code"] != "not_supported" {
		t.Errorf("got %v", out)
	}
}

func TestListFilters(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	for i := range 8 {
		r := f.mustCreate(t, Creation{Game: "cards", Private: i == 7, Metadata: map[string]string{"mode": fmt.Sprint("m", i%2), "url": "a:b"}})
		for p := range i % 4 {
			if _, err := f.Reserve(t.Context(), r.ID, []Player{{ID: fmt.Sprint(p)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		query string
		want  int
	}{
		{"", 7},
		{"?filter=mode:m0", 4},
		{"?filter=mode:m0&filter=url:a:b", 4},
		{"?filter=mode:m0&filter=url:x", 0},
		{"?free=3", 4},
		{"?free=3&filter=mode:m1", 2},
		{"?visibility=private", 1},
	} {
		if _, out := f.mustCall(t, 200, "GET", "/v1/rooms"+tc.query, ""); len(out["rooms"].([]any)) != tc.want {
			t.Errorf("%s lists %d rooms, want %d", tc.query, len(out["rooms"].([]any)), tc.want)
		}
	}
	f.mustCall(t, 422, "GET", "/v1/rooms?filter=mode", "")
	f.mustCall(t, 422, "GET", "/v1/rooms?free=-1", "")

	seen, path := 0, "/v1/rooms?limit=3&filter=url:a:b"
	for path != "" {
		res, out := f.mustCall(t, 200, "GET", path, "")
		seen += len(out["rooms"].([]any))
		link, rel, ok := strings.Cut(res.Header.Get("Link"), ">; ")
		if path = strings.TrimPrefix(link, "<"); ok && rel != `rel="next"` {
			t.Fatalf("link %q", res.Header.Get("Link"))
		}
	}
	if seen != 7 {
		t.Errorf("the links lead to %d rooms, want 7", seen)
	}
}

func TestHTTPEdges(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	res, out := f.mustCall(t, 405, "GET", "/v1/join", "")
	if out["code"] != "method_not_allowed" || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET /v1/join: %v, Allow %q", out, res.Header.Get("Allow"))
	}
	if res, _ = f.mustCall(t, 405, "POST", "/v1/rooms/x", "{}"); res.Header.Get("Allow") != "DELETE, GET, HEAD, PATCH" {
		t.Errorf("POST to a room: Allow %q", res.Header.Get("Allow"))
	}
	for _, path := range []string{"/v1/rooms/", "/v1/nothing", "/nothing"} {
		if _, out = f.mustCall(t, 404, "GET", path, ""); out["code"] != "no_such_call" || out["type"] != "urn:ringside:problem:no_such_call" || out["instance"] != path {
			t.Errorf("GET %s: %v", path, out)
		}
	}
	if _, out = f.mustCall(t, 415, "POST", "/v1/join", "<x/>", "Content-Type", "text/xml"); out["code"] != "media_type" || out["detail"] != "send application/json, in UTF-8" {
		t.Errorf("XML: %v", out)
	}
	server := httptest.NewServer(f.handler)
	defer server.Close()
	for _, path := range []string{"/v1/rooms", "/v1/games", "/openapi.json", "/v1/lobby/events"} {
		res, err := http.Head(server.URL + path)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("HEAD %s: %v %v", path, res, err)
		}
	}
}

func TestPanicIsAProblem(t *testing.T) {
	f := newFixture(t, Config{Caller: func(context.Context) Caller { panic("secret") }})
	if _, out := f.mustCall(t, 500, "GET", "/v1/rooms", ""); out["code"] != "internal" || strings.Contains(fmt.Sprint(out), "secret") {
		t.Errorf("got %v", out)
	}
}
