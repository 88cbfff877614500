package matchmaker

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHTTPTicket(t *testing.T) {
	f := newFixture(t, queueConfig())
	f.own(t)
	res, got := f.mustCall(t, 202, "POST", "/v1/tickets", `{"queue":"duel","players":[{"id":"ann","name":"Ann","rating":1500.5}]}`)
	path := "/v1/tickets/" + got["id"].(string)
	if res.Header.Get("Location") != path || res.Header.Get("ETag") != `W/"1"` {
		t.Errorf("headers %v", res.Header)
	}
	if got["state"] != "waiting" || got["queue"] != "duel" || got["rating_window"].(float64) < 100 || got["expires_at"] == nil || got["match"] != nil {
		t.Errorf("ticket %v", got)
	}
	if p := got["players"].([]any)[0].(map[string]any); p["id"] != "ann" || p["name"] != "Ann" || p["rating"] != 1500.5 {
		t.Errorf("player %v", p)
	}
	res, _ = f.mustCall(t, 200, "GET", path, "")
	if res.Header.Get("ETag") != `W/"1"` || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", res.Header)
	}
	f.mustCall(t, 304, "GET", path, "", "If-None-Match", `"7", W/"1"`)
	f.mustCall(t, 200, "GET", path, "", "If-None-Match", `W/"7"`)
	f.mustCall(t, 200, "GET", path+"?wait=10s", "")

	res, got = f.mustCall(t, 409, "POST", "/v1/tickets", `{"queue":"duel","players":[{"id":"ann"}]}`)
	if got["code"] != "ticket_exists" || res.Header.Get("Location") != path {
		t.Errorf("second ticket: %v %v", got, res.Header)
	}
	for range 2 {
		f.mustCall(t, 204, "DELETE", path, "")
	}
	_, got = f.mustCall(t, 200, "GET", path, "")
	if got["state"] != "cancelled" || got["expires_at"] != nil || got["rating_window"] != nil {
		t.Errorf("cancelled ticket %v", got)
	}
	_, got = f.mustCall(t, 202, "POST", "/v1/tickets", `{"queue":"duel","players":[{}]}`)
	if p := got["players"].([]any)[0].(map[string]any); !strings.HasPrefix(p["id"].(string), "anon-") || p["rating"] != 1500.0 {
		t.Errorf("player by default %v", p)
	}
	_, got = f.mustCall(t, 200, "GET", "/v1/queues", "")
	queue := got["queues"].([]any)[0].(map[string]any)
	if queue["name"] != "duel" || queue["teams"] != 2.0 || queue["team_size"] != 1.0 || queue["waiting"] != 1.0 || queue["max_wait_s"] != 60.0 || queue["median_wait_s"] != nil {
		t.Errorf("queue %v", queue)
	}
}

func TestHTTPTicketIdempotency(t *testing.T) {
	who := Caller{Server: true, Principal: "backend"}
	cfg := queueConfig()
	cfg.Caller = func(context.Context) Caller { return who }
	f := newFixture(t, cfg)
	f.own(t)
	key := []string{"Idempotency-Key", "9f3c"}
	ask := `{"queue":"duel","players":[{}]}`
	_, first := f.mustCall(t, 202, "POST", "/v1/tickets", ask, key...)
	res, again := f.mustCall(t, 202, "POST", "/v1/tickets", `{"players":[{}], "queue":"duel"}`, key...)
	if again["id"] != first["id"] || res.Header.Get("Idempotent-Replayed") != "true" || res.Header.Get("Location") != "/v1/tickets/"+first["id"].(string) {
		t.Errorf("again: %v %v, want ticket %v", again, res.Header, first["id"])
	}
	for path, body := range map[string]string{"/v1/tickets": `{"queue":"later","players":[{}]}`, "/v1/join": `{"game":"arena"}`} {
		if _, out := f.mustCall(t, 422, "POST", path, body, key...); out["code"] != "idempotency_key_reused" {
			t.Errorf("%s with the key of another request: %v", path, out)
		}
	}
	f.mustCall(t, 422, "POST", "/v1/tickets", ask, "Idempotency-Key", "a b")
	who.Principal = "other"
	if res, other := f.mustCall(t, 202, "POST", "/v1/tickets", ask, key...); other["id"] == first["id"] || res.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another caller with the same key got %v", other)
	}
}

// Who lost the answer and asks again after the match gets the seat.
func TestHTTPTicketIdempotencyAfterTheMatch(t *testing.T) {
	f := newFixture(t, queueConfig())
	f.own(t)
	key := []string{"Idempotency-Key", "9f3c"}
	ask := `{"queue":"duel","players":[{"id":"ann"}]}`
	_, first := f.mustCall(t, 202, "POST", "/v1/tickets", ask, key...)
	a, b := f.dir.Ticket(first["id"].(string)), f.ticket(t, "duel", "bob")
	if _, err := f.signingKey(testContext(t)); err != nil {
		t.Fatal(err)
	}
	f.proposeMatches(testContext(t), []proposal{{queue: f.queue("duel"), parties: []placed{{a, 1}, {b, 2}}}})
	if err := f.waitMatch(testContext(t), f.dir.Ticket(a.ID)); err != nil {
		t.Fatal(err)
	}
	res, again := f.mustCall(t, 202, "POST", "/v1/tickets", ask, key...)
	seat := again["match"].(map[string]any)["seats"].([]any)[0].(map[string]any)
	if again["state"] != "matched" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("again: %v %v", again, res.Header)
	}
	if claims, err := f.VerifyToken(seat["token"].(string), time.Now()); err != nil || claims.Player != "ann" {
		t.Errorf("claims %+v, %v", claims, err)
	}
}

// matchedTicket makes two tickets that are matched and returns the path of the
// first.
func matchedTicket(t *testing.T, f *fixture) string {
	t.Helper()
	a, b := f.ticket(t, "duel", "ann"), f.ticket(t, "duel", "bob")
	q := f.queue("duel")
	if _, err := f.signingKey(testContext(t)); err != nil {
		t.Fatal(err)
	}
	f.proposeMatches(testContext(t), []proposal{{queue: q, parties: []placed{{a, 1}, {b, 2}}}})
	if err := f.waitMatch(testContext(t), f.dir.Ticket(a.ID)); err != nil {
		t.Fatal(err)
	}
	return ticketPathOf(a)
}

func TestHTTPMatchedTicket(t *testing.T) {
	f := newFixture(t, queueConfig())
	f.own(t)
	path := matchedTicket(t, f)
	seat := func(in map[string]any) (match, seat map[string]any) {
		t.Helper()
		match = in["match"].(map[string]any)
		return match, match["seats"].([]any)[0].(map[string]any)
	}
	var tokens []string
	for range 2 {
		_, got := f.mustCall(t, 200, "GET", path, "")
		match, s := seat(got)
		room := match["room"].(string)
		if got["state"] != "matched" || len(match["seats"].([]any)) != 1 || s["url"] != "ws://play.example:7777/v1/rooms/"+room+"/ws" || s["state"] != "reserved" || s["player"] != "ann" {
			t.Fatalf("ticket %v", got)
		}
		claims, err := f.VerifyToken(s["token"].(string), time.Now())
		if err != nil || claims.Room != room || claims.Player != "ann" || claims.Team != 1 || float64(claims.Seat) != s["seat"] || float64(claims.Slot) != s["slot"] {
			t.Errorf("claims %+v, %v", claims, err)
		}
		tokens = append(tokens, s["token"].(string))
	}
	_, problem := f.mustCall(t, 409, "DELETE", path, "")
	if _, s := seat(problem); problem["code"] != "matched" || s["token"] == "" || s["url"] == "" {
		t.Errorf("cancelled too late: %v", problem)
	}
	claims, err := f.VerifyToken(tokens[1], time.Now())
	if err == nil {
		err = f.Confirm(testContext(t), claims.Room, claims.Epoch, claims.Seat)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, got := f.mustCall(t, 200, "GET", path, "")
	if _, s := seat(got); s["state"] != "taken" || s["token"] != nil || s["url"] != nil || s["expires_at"] != nil {
		t.Errorf("a taken seat: %v", got)
	}
	_, got = f.mustCall(t, 200, "GET", "/v1/queues", "")
	if queue := got["queues"].([]any)[0].(map[string]any); queue["median_wait_s"] == nil {
		t.Errorf("queue %v has no median wait", queue)
	}
}

func TestHTTPTicketProblems(t *testing.T) {
	cfg := queueConfig()
	cfg.MaxTickets = 1
	f := newFixture(t, cfg)
	f.ticket(t, "later", "ann")
	many := strings.Repeat("{},", 16) + "{}"
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code, detail             string
	}{
		{"unknown queue", "POST", "/v1/tickets", `{"queue":"none","players":[{}]}`, 404, "queue_unknown", "no such queue"},
		{"nobody", "POST", "/v1/tickets", `{"queue":"duel","players":[]}`, 422, "invalid_request", "body.players"},
		{"no players", "POST", "/v1/tickets", `{"queue":"duel"}`, 422, "invalid_request", "players"},
		{"too many", "POST", "/v1/tickets", `{"queue":"duel","players":[` + many + `]}`, 422, "invalid_request", "body.players"},
		{"party larger than a team", "POST", "/v1/tickets", `{"queue":"duel","players":[{},{}]}`, 422, "invalid_request", "2 players, must be 1 to 1: a party plays in one team"},
		{"rating", "POST", "/v1/tickets", `{"queue":"duel","players":[{"rating":1000001}]}`, 422, "invalid_request", "rating"},
		{"rating no number", "POST", "/v1/tickets", `{"queue":"duel","players":[{"rating":"high"}]}`, 422, "invalid_request", "rating"},
		{"too many tickets", "POST", "/v1/tickets", `{"queue":"duel","players":[{}]}`, 503, "too_many_tickets", "too many tickets"},
		{"unknown ticket", "GET", "/v1/tickets/none", "", 404, "ticket_unknown", "no such ticket"},
		{"unknown ticket to cancel", "DELETE", "/v1/tickets/none", "", 404, "ticket_unknown", "no such ticket"},
		{"unknown ticket to follow", "GET", "/v1/tickets/none/events", "", 404, "ticket_unknown", "no such ticket"},
		{"long wait", "GET", "/v1/tickets/none?wait=61s", "", 422, "invalid_request", "query.wait: must be 0s to 1m0s"},
		{"no duration", "GET", "/v1/tickets/none?wait=25", "", 422, "invalid_request", "query.wait"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, out := f.mustCall(t, tc.status, tc.method, tc.path, tc.body)
			detail, _ := out["detail"].(string)
			if out["code"] != tc.code || !strings.Contains(detail, tc.detail) || res.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %v, want %s %q", out, tc.code, tc.detail)
			}
		})
	}
}

// Who may make a ticket for whom, and who is told of another.
func TestHTTPTicketCallers(t *testing.T) {
	one := `{"queue":"duel","players":[{"id":"ann","name":"Nick"}]}`
	unnamed := `{"queue":"duel","players":[{}]}`
	two := `{"queue":"pairs","players":[{"id":"ann"},{"id":"bob"}]}`
	ann := Caller{Player: "ann", Name: "Ann"}
	for _, tc := range []struct {
		name         string
		caller       Caller
		closed       bool // Public.Join is off
		body         string
		status       int
		code, detail string
		id, as       string // of the player
	}{
		{"server for anybody", Caller{Server: true}, true, two, 202, "", "", "ann", "Player"},
		{"player for herself", ann, false, one, 202, "", "", "ann", "Nick"},
		{"as she is called", ann, false, unnamed, 202, "", "", "ann", "Ann"},
		{"for another", Caller{Player: "eve"}, false, one, 403, "player_mismatch", `you are "eve"`, "", ""},
		{"anonymous is nobody's name", Caller{}, false, one, 202, "", "", "anon-", "Nick"},
		{"a party", ann, false, two, 403, "forbidden", "only a server", "", ""},
		{"a party, with a way in", Caller{NoServer: "send a key", Challenge: true}, false, two, 401, "unauthorized", "send a key", "", ""},
		{"closed", Caller{}, true, one, 403, "forbidden", "only a server may take seats", "", ""},
		{"closed, with a way in", Caller{NoServer: "send a key", Challenge: true}, true, one, 401, "unauthorized", "send a key", "", ""},
		{"bad proof", Caller{NoPlayer: "your token is too old", PlayerChallenge: true}, false, one, 401, "unauthorized", "too old", "", ""},
		{"banned", Caller{NoPlayer: "you are banned"}, false, one, 403, "forbidden", "banned", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := queueConfig()
			cfg.Caller, cfg.Public.Join = func(context.Context) Caller { return tc.caller }, !tc.closed
			f := newFixture(t, cfg)
			_, out := f.mustCall(t, tc.status, "POST", "/v1/tickets", tc.body)
			if tc.status != 202 {
				if detail, _ := out["detail"].(string); out["code"] != tc.code || !strings.Contains(detail, tc.detail) {
					t.Errorf("got %v, want %s %q", out, tc.code, tc.detail)
				}
				return
			}
			p := out["players"].([]any)[0].(map[string]any)
			if !strings.HasPrefix(p["id"].(string), tc.id) || p["name"] != tc.as {
				t.Errorf("player %v, want %s %s", p, tc.id, tc.as)
			}
		})
	}
	cfg := queueConfig()
	var caller Caller
	cfg.Caller, cfg.Public.Join = func(context.Context) Caller { return caller }, true
	f := newFixture(t, cfg)
	for _, tc := range []struct {
		queue         string
		first, second Caller
		told          bool
	}{
		{"duel", ann, ann, true},
		{"pairs", Caller{Server: true}, ann, false},
		{"later", Caller{Server: true}, Caller{Server: true}, true},
	} {
		body := strings.Replace(one, "duel", tc.queue, 1)
		caller = tc.first
		f.mustCall(t, 202, "POST", "/v1/tickets", body)
		caller = tc.second
		res, out := f.mustCall(t, 409, "POST", "/v1/tickets", body)
		if told := res.Header.Get("Location") != ""; out["code"] != "ticket_exists" || told != tc.told {
			t.Errorf("%+v after %+v: %v, told where: %v, want %v", tc.second, tc.first, out, told, tc.told)
		}
	}
}

// server is the API on a socket: answers that are held need a connection.
func (f *fixture) serve(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f.handler)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(testContext(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestHTTPTicketLongPoll(t *testing.T) {
	f := newFixture(t, queueConfig())
	f.own(t)
	s := f.serve(t)
	a := f.ticket(t, "duel", "ann")
	tag := ticketTag(a)
	if res := get(t, s.URL+ticketPathOf(a)+"?wait=10ms", "If-None-Match", tag); res.StatusCode != 304 || res.Header.Get("ETag") != tag {
		t.Errorf("nothing happened: %d %v", res.StatusCode, res.Header)
	}
	answered := make(chan *http.Response, 1)
	go func() { answered <- get(t, s.URL+ticketPathOf(a)+"?wait=20s", "If-None-Match", tag) }()
	f.listening(t, 1)
	f.ticket(t, "duel", "bob")
	res := <-answered
	var got ticketBody
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	if got.State != "matched" || got.Match.Seats[0].URL != "ws"+strings.TrimPrefix(s.URL, "http")+"/v1/rooms/"+got.Match.Room+"/ws" {
		t.Errorf("answered %+v %+v, want the match and where it is", got, got.Match)
	}
	if res.Header.Get("ETag") == tag || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", res.Header)
	}
}

// listening returns when so many answers are held.
func (f *fixture) listening(t *testing.T, n int) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for ctx := testContext(t); ; {
		if st := f.cfg.Hub.Stats(); st.Polls+st.Streams >= n {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%d answers are not held: %+v", n, f.cfg.Hub.Stats())
		}
	}
}

func TestHTTPTicketEvents(t *testing.T) {
	f := newFixture(t, queueConfig())
	f.own(t)
	s := f.serve(t)
	follow := func(ticket *Ticket) func() ticketBody {
		res := get(t, s.URL+ticketPathOf(ticket)+"/events")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		lines := bufio.NewScanner(res.Body)
		name := ""
		return func() (b ticketBody) {
			t.Helper()
			for lines.Scan() {
				if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					name = v
				}
				data, ok := strings.CutPrefix(lines.Text(), "data: ")
				if !ok {
					continue
				}
				if err := json.Unmarshal([]byte(data), &b); err != nil || name != "ticket" {
					t.Fatalf("event %s %q: %v", name, data, err)
				}
				return b
			}
			return b // the stream has ended
		}
	}
	a := f.ticket(t, "duel", "ann")
	next := follow(a)
	if got := next(); got.ID != a.ID || got.State != "waiting" {
		t.Errorf("first event %+v", got)
	}
	f.listening(t, 1)
	f.ticket(t, "duel", "bob")
	got := next()
	if got.State != "matched" || got.Match.Seats[0].Token == "" || got.Match.Seats[0].URL != "ws"+strings.TrimPrefix(s.URL, "http")+"/v1/rooms/"+got.Match.Room+"/ws" {
		t.Errorf("second event %+v, want the match, a token and an address", got)
	}
	if end := next(); end.ID != "" {
		t.Errorf("after the match: %+v, want the end", end)
	}
	next = follow(a)
	if got := next(); got.State != "matched" {
		t.Errorf("event of a matched ticket %+v", got)
	}
	if end := next(); end.ID != "" {
		t.Errorf("after a last event: %+v, want the end", end)
	}
	c := f.ticket(t, "duel", "cid")
	next = follow(c)
	next()
	f.mustCall(t, 204, "DELETE", ticketPathOf(c), "")
	if got := next(); got.State != "cancelled" {
		t.Errorf("event of a cancellation %+v", got)
	}
	if end := next(); end.ID != "" {
		t.Errorf("after the cancellation: %+v, want the end", end)
	}
}

// Of a listener's request only what addresses are made of is kept: the rest is as long as its client likes.
func TestListenersKeepLittle(t *testing.T) {
	type mark struct{}
	cfg := queueConfig()
	cfg.URL = func(r *http.Request, room string) string {
		v, _ := r.Context().Value(mark{}).(string)
		return v + "/" + room
	}
	f := newFixture(t, cfg)
	a := f.ticket(t, "duel", "ann")
	r := httptest.NewRequestWithContext(context.WithValue(testContext(t), mark{}, "here"), "GET", ticketPathOf(a)+"/events", nil)
	r.Header.Set("X-Long", strings.Repeat("x", 16<<10))
	r.Method = http.MethodHead // the answer ends with its headers
	f.handler.ServeHTTP(httptest.NewRecorder(), r)
	kept := f.matching.seen.sockets(a.ID)
	if got := kept.url(f.Matchmaker, "room"); got != "here/room" {
		t.Errorf("the address is %q: the context's values are gone", got)
	}
	if len(kept.request.Header) > 0 || kept.request.URL != nil || kept.request.Body != nil {
		t.Errorf("kept of the request: %+v", kept.request)
	}
}

// Nothing is kept of listeners whose tickets are forgotten.
func TestListenersAreForgotten(t *testing.T) {
	f := newFixture(t, queueConfig())
	s := f.serve(t)
	a := f.ticket(t, "duel", "ann")
	res := get(t, s.URL+ticketPathOf(a)+"/events")
	if _, err := io.ReadAtLeast(res.Body, make([]byte, 20), 20); err != nil {
		t.Fatal(err)
	}
	if n := f.matching.seen.count(); n != 1 {
		t.Fatalf("%d listeners, want 1", n)
	}
	f.mustCall(t, 204, "DELETE", ticketPathOf(a), "")
	f.log.mu.Lock()
	at := &expire{origin{Time: f.now() + settledKeptMs}}
	f.dir.Apply(f.log.index+1, encodeCommand(at))
	f.log.mu.Unlock()
	f.matching.seen.add(f.dir, a.ID, sockets{})
	if n := f.matching.seen.count(); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
}

func (l *listeners) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byTicket)
}
