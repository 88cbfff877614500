package matchmaker

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxProblemBytes is far above any honest problem: an answer must not grow with what it complains about.
const maxProblemBytes = 32 << 10

// FuzzRequest calls the API with anything for a method, a path, a query, headers and a body. Nothing is the server's fault: what
// is refused is a problem that says so (RFC 9457), what is not is JSON, and the directory stays whole.
func FuzzRequest(f *testing.F) {
	fix := newFixture(f, Config{MaxRooms: 16, MaxTickets: 64})
	fix.own(f)
	room := fix.mustCreate(f, Creation{Game: "arena"}).ID
	for _, c := range []struct{ method, path, query, match, body string }{
		{"POST", "/v1/rooms", "", "", `{"game":"arena","options":{"map":"dust"},"metadata":{"mode":"ctf"},"bots":2,"max_players":4,"visibility":"private"}`},
		{"GET", "/v1/rooms", "game=arena&free=1&filter=mode:ctf&limit=3&after=x&state=running", "", ""},
		{"GET", "/v1/rooms/" + room, "", `W/"1", "2"`, ""},
		{"PATCH", "/v1/rooms/" + room, "", "*", `{"metadata":{"k":"v","l":null},"locked":true}`},
		{"POST", "/v1/rooms/" + room + "/seats", "", "", `{"players":[{"id":"a","name":"Ada","team":1}],"role":"player"}`},
		{"DELETE", "/v1/rooms/" + room + "/seats/1", "reason=x", "*", ""},
		{"GET", "/v1/rooms/" + room + "/result", "", "", ""},
		{"POST", "/v1/join", "", "", `{"game":"arena","filters":{"mode":"ctf"},"player":{"name":"Ada"},"create":false}`},
		{"POST", "/v1/join", "", "key", `{"code":"7k3-qxm","player":{"id":"a"}}`},
		{"POST", "/v1/tickets", "", "", `{"queue":"q","players":[{"id":"a"}]}`},
		{"DELETE", "/v1/rooms/%2e%2e", "", `"x"`, ""},
		{"GET", "/openapi.json", "", "", ""},
	} {
		f.Add(c.method, strings.ReplaceAll(c.path, room, "ROOM"), c.query, c.match, []byte(c.body))
	}
	f.Fuzz(func(t *testing.T, method, path, query, match string, body []byte) {
		values, _ := url.ParseQuery(query)
		path = strings.ReplaceAll(path, "ROOM", room)
		plain, err := url.PathUnescape(path)
		if err != nil || !strings.HasPrefix(path, "/") || values.Has("wait") || strings.HasSuffix(plain, "/events") { // the last two are meant to take their time
			return
		}
		r, err := http.NewRequestWithContext(testContext(t), method, "http://play.example/", bytes.NewReader(body))
		if err != nil {
			return
		}
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RemoteAddr = plain, path, query, "192.0.2.1:1234"
		for _, name := range []string{"If-Match", "If-None-Match", "Idempotency-Key"} {
			if match != "" {
				r.Header.Set(name, match)
			}
		}
		w := httptest.NewRecorder()
		fix.handler.ServeHTTP(w, r)
		checkAnswer(t, r, w)
		checkDirectory(t, fix.dir)
		page, _ := fix.dir.Rooms(Query{Limit: 100})
		private, _ := fix.dir.Rooms(Query{Limit: 100, Private: true})
		for _, made := range append(page, private...) {
			if made.ID != room && made.State != RoomEnded {
				if err := fix.EndRoom(r.Context(), made.ID, "room for more"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if d := fix.dir.Room(room); d == nil || d.State != RoomRunning { // it was asked to end
			room = fix.mustCreate(t, Creation{Game: "arena"}).ID
		}
	})
}

// checkAnswer holds an answer to what docs/HTTP.md promises of all.
func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	res, body := w.Result(), w.Body.Bytes()
	defer res.Body.Close()
	media := res.Header.Get("Content-Type")
	if res.StatusCode < 400 {
		if res.StatusCode != http.StatusNotModified && strings.HasSuffix(media, "json") && !json.Valid(body) {
			t.Errorf("%s %s: %d with %q, which is no JSON", r.Method, r.URL, res.StatusCode, body)
		}
		return
	}
	var p Problem
	switch err := json.Unmarshal(body, &p); {
	case res.StatusCode >= 500 && p.Code != "game_failed" && p.Code != "not_supported" && res.Header.Get("Retry-After") == "":
		t.Errorf("%s %s: %d %s", r.Method, r.URL, res.StatusCode, body)
	case err != nil || media != "application/problem+json" || p.Status != res.StatusCode || p.Code == "" || !strings.HasSuffix(p.Type, ":"+p.Code) || p.Title == "":
		t.Errorf("%s %s: %d %s with %q is no problem: %v", r.Method, r.URL, res.StatusCode, media, body, err)
	case !utf8.Valid(body) || len(body) > maxProblemBytes+16*len(r.URL.Path): // it says which path
		t.Errorf("%s %s: a problem of %d bytes", r.Method, r.URL, len(body))
	}
}
