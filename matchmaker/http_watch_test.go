package matchmaker

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// listener reads an event stream.
type listener struct {
	t    *testing.T
	body io.Closer
	in   *bufio.Scanner
}

func listen(t *testing.T, url string, header ...string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET %s: %d %v", url, res.StatusCode, res.Header)
	}
	return &listener{t, res.Body, bufio.NewScanner(res.Body)}
}

// next returns the next event, its name empty at the end.
func (l *listener) next() (name, id string, data map[string]any) {
	l.t.Helper()
	for l.in.Scan() {
		key, value, _ := strings.Cut(l.in.Text(), ": ")
		switch {
		case key == "event":
			name = value
		case key == "id":
			id = value
		case key == "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				l.t.Fatalf("data %q: %v", value, err)
			}
		case key == "" && name != "":
			return name, id, data
		}
	}
	return "", "", nil
}

func (l *listener) want(name string, describe func(map[string]any) string, text string) map[string]any {
	l.t.Helper()
	got, _, data := l.next()
	if got != name || describe(data) != text {
		l.t.Fatalf("event %q %v, want %q %s", got, data, name, text)
	}
	return data
}

func serveFixture(t *testing.T, cfg Config) (*fixture, string) {
	t.Helper()
	f := newFixture(t, cfg)
	f.own(t)
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	return f, server.URL
}

func TestRoomEvents(t *testing.T) {
	f, url := serveFixture(t, Config{})
	room := f.mustCreate(t, Creation{Game: "arena"})
	path := url + "/v1/rooms/" + room.ID + "/events"
	l := listen(t, path)
	seats := func(d map[string]any) string {
		list, _ := d["seats"].([]any)
		return fmt.Sprint(d["state"], len(list))
	}
	l.want("room", seats, "running0")
	if _, err := f.Reserve(t.Context(), room.ID, []Player{{ID: "secret-id"}}); err != nil {
		t.Fatal(err)
	}
	if data := l.want("room", seats, "running1"); strings.Contains(fmt.Sprint(data), "secret-id") {
		t.Errorf("the event shows player ids: %v", data)
	}
	if err := f.RoomEnded(t.Context(), room.ID, 1, Ending{Reason: "finished"}); err != nil {
		t.Fatal(err)
	}
	l.want("ended", seats, "ended0")
	if name, _, data := l.next(); name != "" {
		t.Errorf("event %q %v behind the last", name, data)
	}
	late := listen(t, path)
	late.want("ended", seats, "ended0")
	if name, _, _ := late.next(); name != "" {
		t.Errorf("event %q behind the last", name)
	}
	f.mustCall(t, 404, "GET", "/v1/rooms/none/events", "")
}

func TestLobbyEvents(t *testing.T) {
	f, url := serveFixture(t, Config{})
	id := func(d map[string]any) string { return fmt.Sprint(d["id"]) }
	first := f.mustCreate(t, Creation{Game: "arena"})
	f.mustCreate(t, Creation{Game: "arena", Private: true})
	f.mustCreate(t, Creation{Game: "cards"})
	l := listen(t, url+"/v1/lobby/events?game=arena")
	l.want("room", id, first.ID)
	f.mustCreate(t, Creation{Game: "cards"})
	f.mustCreate(t, Creation{Game: "arena", Private: true})
	second := f.mustCreate(t, Creation{Game: "arena"})
	l.want("room", id, second.ID) // starting
	l.want("room", id, second.ID) // running
	private, public := true, false
	for _, to := range []*bool{&private, &public} {
		if _, err := f.PatchRoom(t.Context(), first.ID, RoomPatch{Private: to}); err != nil {
			t.Fatal(err)
		}
	}
	l.want("gone", id, first.ID)
	l.want("room", id, first.ID)
	if err := f.EndRoom(t.Context(), second.ID, ""); err != nil {
		t.Fatal(err)
	}
	l.want("gone", id, second.ID)
}

func TestRoomLongPoll(t *testing.T) {
	f, url := serveFixture(t, Config{})
	room := f.mustCreate(t, Creation{Game: "arena"})
	tag := etag(f.dir.Room(room.ID))
	get := func(query, tag string) (int, string, string) {
		req, err := http.NewRequestWithContext(testContext(t), http.MethodGet, url+"/v1/rooms/"+room.ID+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", tag)
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Error(err)
			return 0, "", ""
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, res.Header.Get("ETag"), string(body)
	}
	if status, now, _ := get("?wait=50ms", tag); status != 304 || now != tag {
		t.Errorf("at the timeout: %d %s, want 304 %s", status, now, tag)
	}
	if status, _, body := get("?wait=20s", `"0"`); status != 200 || !strings.Contains(body, "/v1/rooms/"+room.ID+"/ws") {
		t.Errorf("already changed: %d %s", status, body)
	}
	answer := make(chan string)
	go func() {
		status, now, body := get("?wait=20s", tag)
		answer <- fmt.Sprint(status, now != tag, strings.Contains(body, `"locked":true`), strings.Contains(body, `"url":"ws://`))
	}()
	for f.cfg.Hub.Stats().Polls == 0 {
		time.Sleep(time.Millisecond)
	}
	yes := true
	if _, err := f.PatchRoom(t.Context(), room.ID, RoomPatch{Locked: &yes}); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "200 true true true" {
		t.Errorf("after the change: %s", got)
	}
	for _, wait := range []string{"x", "61s", "-1s", "0s"} {
		f.mustCall(t, 422, "GET", "/v1/rooms/"+room.ID+"?wait="+wait, "", "If-None-Match", tag)
	}
	f.mustCall(t, 404, "GET", "/v1/rooms/none?wait=1s", "", "If-None-Match", tag)
	f.mustCall(t, 200, "GET", "/v1/rooms/"+room.ID+"?wait=1s", "")
}

// A game's rooms are found without stepping over those of the others.
func TestRoomsOfOneGameAmongMany(t *testing.T) {
	m := newMachine()
	for range scanPerPage + 10 {
		m.room(t, creation{Game: "arena"})
	}
	want := m.room(t, creation{Game: "cards"})
	page, next := m.dir.Rooms(Query{Game: "cards", Limit: 50})
	if len(page) != 1 || page[0].ID != want.ID || next != "" {
		t.Errorf("%d rooms and next %q on the first page, want the one there is and no next", len(page), next)
	}
	if page, next := m.dir.Rooms(Query{Game: "none", Limit: 50}); len(page) != 0 || next != "" {
		t.Errorf("%d rooms of a game there is not, next %q", len(page), next)
	}
}

// Rooms with a lot of metadata do not make lists longer than their readers may be slow: a page and what a new listener of the
// lobby gets are bounded in bytes, too.
func TestListsAreBoundedInBytes(t *testing.T) {
	f, _ := serveFixture(t, Config{})
	const rooms = 240
	metadata := map[string]string{}
	for i := range maxMetadata {
		metadata[fmt.Sprintf("%0*d", maxMetadataKey, i)] = strings.Repeat("x", maxMetadataValue)
	}
	for range rooms {
		f.mustCreate(t, Creation{Game: "arena", Metadata: metadata})
	}
	size, first := 0, f.lobbyFirst("arena")
	for _, e := range first {
		size += len(e.Data)
	}
	if size > lobbyFirstBytes || size < lobbyFirstBytes*9/10 {
		t.Errorf("a new listener gets %d rooms, %d bytes", len(first), size)
	}
	seen, pages := map[any]bool{}, 0
	for next := ""; pages == 0 || next != ""; pages++ {
		_, got := f.mustCall(t, 200, "GET", "/v1/rooms?limit=200&after="+next, "")
		list := got["rooms"].([]any)
		if len(mustJSON(list)) > pageBytes*5/4 {
			t.Errorf("a page of %d bytes", len(mustJSON(list)))
		}
		for _, r := range list {
			seen[r.(map[string]any)["id"]] = true
		}
		next, _ = got["next"].(string)
	}
	if len(seen) != rooms || pages < 4 {
		t.Errorf("%d rooms on %d pages, want all %d", len(seen), pages, rooms)
	}
}
