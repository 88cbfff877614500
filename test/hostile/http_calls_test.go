package hostile_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ringside-server/ringside/test/rig"
)

// routes are all paths there are and the methods that they are called with.
func routes(room string) map[string][]string {
	get := []string{"GET"}
	return map[string][]string{
		"/": get, "/play/arena": get, "/static/style.css": get, "/static/js/wire.js": get, "/admin": get, "/admin/": get, "/admin/admin.js": get,
		"/healthz": get, "/readyz": get, "/metrics": get,
		"/openapi.json": get, "/openapi.yaml": get, "/openapi-3.0.json": get, "/openapi-3.0.yaml": get,
		"/v1/join": {"POST"}, "/v1/rooms": {"GET", "POST"}, "/v1/rooms/" + room: {"GET", "PATCH", "DELETE"}, "/v1/rooms/" + room + "/seats": {"POST"},
		"/v1/rooms/" + room + "/seats/1": {"DELETE"}, "/v1/rooms/" + room + "/result": get, "/v1/rooms/" + room + "/events": get, "/v1/rooms/" + room + "/ws": get,
		"/v1/lobby/events": get, "/v1/games": get, "/v1/tickets": {"POST"}, "/v1/tickets/x": {"GET", "DELETE"}, "/v1/tickets/x/events": get, "/v1/queues": get,
	}
}

func TestHTTPCalls(t *testing.T) {
	t.Parallel()
	node, others := neighbourhood(t)
	room, err := rig.CreateRoom(t.Context(), node, "arena", nil)
	if err != nil {
		t.Fatal(err)
	}
	path := rooms + "/" + room
	get := func(target, want, says string) act { return act{target, request("GET", target, ""), want, says} }

	httpCase(t, node, others, "wrong methods on every route", func(t *testing.T) string {
		counts := map[string]int{}
		for path, methods := range routes(room) {
			for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
				if slices.Contains(methods, m) {
					continue
				}
				a := exchange(t, node, request(m, path, ""))
				allow := strings.Split(a.header.Get("Allow"), ", ")
				for _, want := range methods {
					if !slices.Contains(allow, want) {
						t.Errorf("%s %s: %s, Allow %q lacks %s", m, path, &a, allow, want)
					}
				}
				counts[a.String()]++
				if a.status != http.StatusMethodNotAllowed {
					t.Errorf("%s %s: %s", m, path, &a)
				}
			}
		}
		return tally(counts)
	})

	httpCase(t, node, others, "paths: unknown, slash behind, .., %2e%2e, %2F, //, ;, NUL, no UTF-8, other case, files", func(t *testing.T) string {
		var acts []act
		for _, p := range []string{
			"/v1/rooms/", "/v1/games/", "/v1/nothing", "/v1/GAMES", "/v1/games;x=1", "/v1/games%00", "/v1/games%20", "/v1/games#x", "/v1/rooms/%2e%2e/games",
			"/v1/rooms/%2F", path + "/seats/1/2", path + "/ws/x",
		} {
			acts = append(acts, get(p, "404 no_such_call", "there is no such call"))
		}
		for _, p := range []string{"..%2fgames", "%00", "%ff", "%F0%9F%98%80", "a;b", "a%2Fb", room + "%00", strings.ToUpper(room), "..%5c..", "%3Cscript%3E"} {
			acts = append(acts, get("/v1/rooms/"+p, "404 room_unknown", "no such room"))
		}
		for _, p := range []string{
			"/healthz/", "/static/", "/static/js", "/static/%2e%2e/node.go", "/static/..%2f..%2fnode.go", "/.git/config", "/.env", "/docs", "/schemas/Problem.json",
			"/debug/vars", "/admin/page.go", "/admin/%2e%2e/v1/games", "/openapi.json/", "/\\evil.example/",
		} {
			acts = append(acts, get(p, "404", ""))
		}
		for _, p := range []string{"//v1/rooms", "/v1//rooms", "/v1/rooms/../games", "/./v1/games", "/static/../healthz", "//evil.example/", "///evil.example/%2e%2e", "/admin/../v1/games"} {
			a := exchange(t, node, request("GET", p, ""))
			to := a.header.Get("Location")
			if a.status != http.StatusTemporaryRedirect || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") {
				t.Errorf("%s: %s to %q, want a path of this node", p, &a, to)
			}
		}
		return meet(t, node, append(acts, get("/%", "400", ""), get("/%zz", "400", ""), get("\\v1\\games", "400", ""))) + ", 307 to a path of the node ×8"
	})

	httpCase(t, node, others, "queries: unknown, twice, no numbers, too long, not encoded, 1,000 of them", func(t *testing.T) string {
		var acts []act
		for query, says := range map[string]string{
			"x=1": "query.x: unknown", "Game=arena": "query.Game: unknown", "limit=0": "query.limit", "limit=201": "query.limit", "limit=1e1": "query.limit",
			"limit=-0": "query.limit", "limit=99999999999999999999": "query.limit", "limit=0x1": "query.limit", "limit=%D9%A1": "query.limit", "free=1.5": "query.free",
			"free=-1": "query.free", "state=bogus": "starting, running, ended", "filter=x": "key:value", "filter=:v": "key:value",
			"after=" + strings.Repeat("a", 65): "query.after", "limit=1&limit=2": "more than once", "game=arena&game=rogue": "more than once",
			strings.Repeat("filter=a:b&", 17): "length <= 16", strings.Repeat("y=1&", 1000): "query.y: unknown",
		} {
			acts = append(acts, get(rooms+"?"+query, "422 invalid_request", says))
		}
		for _, query := range []string{"%zz", "limit=%zz", "limit=1;free=2", "a;b"} {
			acts = append(acts, get(rooms+"?"+query, "400 malformed", "query"))
		}
		for _, wait := range []string{"0s", "-1s", "61s", "1", "NaNs", "1h", "0x1p-2s", "9999999h", "1s&wait=2s"} {
			acts = append(acts, get(path+"?wait="+wait, "422 invalid_request", "query.wait"))
		}
		var many strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&many, "a%d=1&", i)
		}
		return meet(t, node, append(acts, get(rooms+"?"+many.String(), "422 invalid_request", "unknown query parameter")))
	})

	httpCase(t, node, others, "ETags in If-Match and If-None-Match: weak, lists, *, garbage, two headers", func(t *testing.T) string {
		patch := func(want string, headers ...string) act {
			return act{strings.Join(headers, ", "), request("PATCH", path, `{"locked":false}`, headers...), want, ""}
		}
		now := exchange(t, node, request("GET", path, "")).header.Get("ETag")
		acts := []act{
			patch("428 if_match_missing"), patch("428 if_match_missing", "If-Match:"), patch("412 version_mismatch", "If-Match: W/"+now), patch("412 version_mismatch", `If-Match: "999999"`),
			patch("412 version_mismatch", `If-Match: "18446744073709551616", "+2", "", "é"`), patch("422 invalid_request", "If-Match: "+strings.Repeat(`"9",`, 8)+`"9"`),
			patch("422 invalid_request", "If-Match: "+strings.Repeat("a", 300)), patch("400 malformed", "If-Match: *", "If-Match: "+now),
		}
		for _, tag := range []string{strings.Trim(now, `"`), `"1`, "`1`", "'1'", "**", "*, " + now, ", ,", "W/1"} {
			acts = append(acts, patch("400 malformed", "If-Match: "+tag))
		}
		read := func(tag, want string) {
			acts = append(acts, act{"If-None-Match: " + tag, request("GET", path, "", "If-None-Match: "+tag), want, ""})
		}
		read(now, "304")
		read("W/"+now, "304")
		read(`"0", `+now, "304")
		read("*", "304")
		read("garbage", "200")
		read(`"`, "200")
		read(strings.Repeat("a", 300), "422 invalid_request")
		return meet(t, node, acts)
	})

	httpCase(t, node, others, "idempotency keys: reused, too long, binary, two, 50 times at once", func(t *testing.T) string {
		key := func(k, body, want string) act {
			return act{"key " + k, request("POST", rooms, body, "Idempotency-Key: "+k), want, ""}
		}
		const arena = `{"game":"arena","bots":0}`
		got := meet(t, node, []act{
			key("one", arena, "201"), key("one", `{ "bots":0, "game" : "arena" }`, "201"), key("one", `{"game":"rogue"}`, "422 idempotency_key_reused"),
			{"another call", request("POST", "/v1/join", `{"game":"arena"}`, "Idempotency-Key: one"), "422 idempotency_key_reused", ""},
			key(strings.Repeat("a", 65), arena, "422 invalid_request"), key("a b", arena, "422 invalid_request"), key("é", arena, "422 invalid_request"),
			key("a\x01b", arena, "400"), key("one\r\nIdempotency-Key: two", arena, "400 malformed"),
		})
		var mu sync.Mutex
		made, running := map[string]int{}, node.Metric(t, "ringside_directory_rooms_running")
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				a := exchange(t, node, key("fifty", arena, "").text)
				mu.Lock()
				defer mu.Unlock()
				made[fmt.Sprint(a.status, " ", a.header.Get("Location"))]++
			})
		}
		all.Wait()
		if more := node.Metric(t, "ringside_directory_rooms_running") - running; len(made) != 1 || more != 1 {
			t.Errorf("50 times the same key made %v and %v rooms", made, more)
		}
		return got + "; 50 at once make one room"
	})

	httpCase(t, node, others, "pages of other sites: CORS preflight, POST, upgrade, null, two origins", func(t *testing.T) string {
		var acts []act
		for _, o := range []string{
			"http://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "file://", "chrome-extension://abc", "http://evil.example#localhost",
			"http://localhost@evil.example", "http://[::1].evil.example", "http://localhost\r\nOrigin: http://evil.example", "http://evil.example\r\nOrigin: http://localhost",
			strings.Repeat("x", 5000), "http://" + strings.Repeat("a.", 2000) + "localhost",
		} {
			upgrade := "GET " + path + "/ws HTTP/1.1\r\nHost: localhost\r\nOrigin: " + o + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ringside.v1.msgpack\r\n\r\n"
			acts = append(acts,
				act{"preflight of " + o, request("OPTIONS", "/v1/join", "", "Origin: "+o, "Access-Control-Request-Method: POST"), "403 origin_forbidden", "-allow-origin"},
				act{"POST of " + o, request("POST", "/v1/join", `{"game":"arena"}`, "Origin: "+o), "403 origin_forbidden", "-allow-origin"},
				act{"POST of " + o + " before its body", request("POST", "/v1/join", "", "Origin: "+o, "Content-Length: 1000000", "Expect: 100-continue"), "403 origin_forbidden", ""},
				act{"DELETE of " + o, request("DELETE", path, "", "Origin: "+o), "403 origin_forbidden", ""},
				act{"order of " + o, request("POST", "/admin/api/rooms/"+room+"/close", "{}", "Origin: "+o, "X-Ringside-Admin: 1"), "403 origin_forbidden", ""},
				act{"upgrade of " + o, upgrade, "403", ""},
			)
		}
		got := meet(t, node, acts)
		if a := exchange(t, node, request("GET", rooms, "", "Origin: http://evil.example")); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a page of another site may read: %v", a.header)
		}
		return got
	})

	httpCase(t, node, others, "the operator's side: other hosts, proxies, sites; orders without the header; two profiles", func(t *testing.T) string {
		var acts []act
		for _, h := range []string{"X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 x", "X-Real-Ip: 127.0.0.1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
			for _, p := range []string{"/admin/api/status", "/admin/api/backup", "/metrics", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1"} {
				acts = append(acts, act{h + " " + p, request("GET", p, "", h), "403 forbidden", ""})
			}
		}
		order := "/admin/api/rooms/" + room + "/close"
		return meet(t, node, append(acts,
			act{"rebound", "GET /admin/api/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403 host_forbidden", ""},
			act{"a page's POST", request("POST", order, "{}"), "403 header_missing", "X-Ringside-Admin"},
			act{"a long text", request("POST", order, `{"text":"`+strings.Repeat("x", 121)+`"}`, "X-Ringside-Admin: 1"), "422 invalid_request", "at most 120"},
			act{"a body of 5 KB", request("POST", order, strings.Repeat(" ", 5000)+"{}", "X-Ringside-Admin: 1"), "422 invalid_request", ""},
			act{"unknown fields", request("POST", order, `{"force":true}`, "X-Ringside-Admin: 1"), "422 invalid_request", "force"},
			act{"a profile without an end", request("GET", "/debug/pprof/profile?seconds=1e9", ""), "422 invalid_request", "up to 300"},
			act{"a profile of NaN", request("GET", "/debug/pprof/profile?seconds=NaN", ""), "422 invalid_request", "up to 300"},
			act{"another profile", request("GET", "/debug/pprof/..%2fheap", ""), "404 profile_unknown", ""},
		)) + "; " + twoProfiles(t, node)
	})
}

// twoProfiles asks for five profiles at once: one is taken.
func twoProfiles(t *testing.T, node *rig.Node) string {
	t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			a := exchange(t, node, request("GET", "/debug/pprof/profile?seconds=1", ""))
			mu.Lock()
			defer mu.Unlock()
			counts[a.String()]++
		})
	}
	all.Wait()
	if counts["200"] != 1 || counts["409 profile_runs"] != 4 {
		t.Errorf("five profiles at once: %v", counts)
	}
	return "of five profiles at once " + tally(counts)
}
