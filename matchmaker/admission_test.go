package matchmaker

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// While the node is short of something nothing new is sold, and everything else goes on.
func TestShortNodeSellsNothing(t *testing.T) {
	var short atomic.Value
	short.Store("")
	f := newFixture(t, Config{Short: func() string { return short.Load().(string) }})
	f.own(t)
	_, room := f.mustCall(t, 201, "POST", "/v1/rooms", `{"game":"arena"}`)
	path := "/v1/rooms/" + room["id"].(string)
	_, seats := f.mustCall(t, 201, "POST", path+"/seats", `{"players":[{"name":"Ann"},{"name":"Bob"}]}`)
	short.Store("memory")
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/rooms", `{"game":"arena"}`},
		{"POST", "/v1/join", `{"game":"arena"}`},
		{"POST", "/v1/join", `not even JSON`},
		{"POST", path + "/seats", `{"players":[{"name":"Ann"}]}`},
		{"POST", "/v1/tickets", `{"queue":"duel","players":[{"id":"ann"}]}`},
		{"GET", path + "/events", ""},
		{"GET", "/v1/lobby/events", ""},
		{"GET", "/v1/tickets/x/events", ""},
	} {
		res, out := f.mustCall(t, 503, c.method, c.path, c.body)
		if out["code"] != "overloaded" || !strings.Contains(fmt.Sprint(out["detail"]), "short of memory") || res.Header.Get("Retry-After") != "5" {
			t.Errorf("%s %s: %v %v", c.method, c.path, res.Header, out)
		}
		if out["instance"] != c.path || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: is no problem: %v", c.method, c.path, out)
		}
	}
	res, _ := f.mustCall(t, 200, "GET", path, "")
	f.mustCall(t, 200, "GET", "/v1/rooms", "")
	f.mustCall(t, 200, "GET", "/v1/games", "")
	f.mustCall(t, 200, "PATCH", path, `{"locked":true}`, "If-Match", res.Header.Get("ETag"))
	f.mustCall(t, 204, "DELETE", path+"/seats/1", "")
	token := seats["seats"].([]any)[1].(map[string]any)["token"].(string)
	claims, err := f.VerifyToken(token, f.cfg.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Confirm(t.Context(), claims.Room, claims.Epoch, claims.Seat); err != nil {
		t.Errorf("a seat that was sold before: %v", err)
	}
	short.Store("")
	f.mustCall(t, 201, "POST", "/v1/rooms", `{"game":"arena"}`)
}
