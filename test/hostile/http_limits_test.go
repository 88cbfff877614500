package hostile_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside/test/rig"
)

// from is the header of a caller at an address of the internet.
func from(ip string) string { return "X-Forwarded-For: " + ip }

// flood sends n requests over four connections and counts the answers; look sees each of them. Four keep a node busy, and leave
// the neighbours, who live in this process, the processor that they need.
func flood(t *testing.T, node *rig.Node, n int, text string, look func(a *answer)) map[string]int {
	t.Helper()
	text = strings.Replace(text, "Connection: close\r\n", "", 1)
	method, _, _ := strings.Cut(text, " ")
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := reach(t, node, 30*time.Second)
			defer c.Close()
			r := bufio.NewReader(c)
			for range n / 4 {
				if _, err := io.WriteString(c, text); err != nil {
					t.Error(err)
					return
				}
				a, err := next(r, method)
				mu.Lock()
				counts[a.String()]++
				if look != nil {
					look(&a)
				}
				mu.Unlock()
				if err != nil || a.closes {
					t.Errorf("%s %v, and the connection ends: %t", &a, err, a.closes)
					return
				}
			}
		})
	}
	all.Wait()
	return counts
}

func TestHTTPLimits(t *testing.T) {
	t.Parallel()
	node, others := withKey(t, "-max-rooms", "40")
	const mallory = "203.0.113.9"

	httpCase(t, node, others, "10,000 joins from one address", func(t *testing.T) string {
		counts := flood(t, node, 10_000, request("POST", "/v1/join", `{"game":"arena"}`, from(mallory)), func(a *answer) {
			if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
		})
		if counts["429 too_many_requests"] < 8000 || counts["200"]+counts["201"] < 50 || counts["200"]+counts["201"] > 1000 {
			t.Errorf("answers %v", counts)
		}
		if a := exchange(t, node, request("POST", "/v1/join", `{"game":"arena"}`, from("198.51.100.1"))); a.status != 200 && a.status != 201 {
			t.Errorf("somebody else is answered %s", &a)
		}
		return "429 too_many_requests beyond 100 at once and 50 a second; others get their seats"
	})

	httpCase(t, node, others, "more rooms than -max-rooms, then all ended, twice", func(t *testing.T) string {
		create := request("POST", rooms, `{"game":"arena","bots":0}`, bearer+apiKey)
		before := node.Metric(t, "ringside_directory_rooms_running")
		var total int
		for range 2 {
			var made []string
			counts := flood(t, node, 160, create, func(a *answer) {
				if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
				if a.status == http.StatusCreated {
					made = append(made, a.header.Get("Location"))
				}
			})
			if counts["201"] != 40-int(before) || counts["503 too_many_rooms"] != 160-counts["201"] {
				t.Errorf("answers %v beside %v rooms", counts, before)
			}
			for _, path := range made {
				if a := exchange(t, node, request("DELETE", path, "", bearer+apiKey)); a.status != http.StatusNoContent {
					t.Errorf("DELETE %s: %s", path, &a)
				}
			}
			node.EventuallyMetric(t, 5*time.Second, "ringside_directory_rooms_running", before)
			total += counts["503 too_many_rooms"]
		}
		return fmt.Sprintf("503 too_many_rooms ×%d; the metrics go back", total)
	})

	httpCase(t, node, others, "credentials guessed: wrong keys, with spaces, 9 KB, two, another scheme, 5,000 of them", func(t *testing.T) string {
		try := func(line, want string) act {
			return act{line, request("POST", rooms, `{"game":"arena"}`, from("198.51.100.2"), "Authorization: "+line), want, ""}
		}
		got := meet(t, node, []act{
			{"none", request("POST", rooms, `{"game":"arena"}`, from("198.51.100.2")), "401 unauthorized", "Authorization: Bearer"},
			try("Bearer "+apiKey+"x", "401 unauthorized"), try("Bearer "+apiKey[1:], "401 unauthorized"), try("Bearer "+strings.ToUpper(apiKey), "401 unauthorized"),
			try("Bearer a b", "401 unauthorized"), try("Bearer", "401 unauthorized"), try("Bearer "+strings.Repeat("x", 9000), "401 unauthorized"),
			try("Basic YTpi", "401 unauthorized"), try(apiKey, "401 unauthorized"), try("Bearer é\xff", "401 unauthorized"),
			try("Bearer "+apiKey+"\r\nAuthorization: Bearer x", "401 unauthorized"),
		})
		for _, path := range []string{"/admin/api/status", "/metrics", "/debug/pprof/heap", "/admin/api/backup"} {
			got += ", " + meet(t, node, []act{
				{"stranger " + path, request("GET", path, "", from("198.51.100.3")), "401 unauthorized", ""},
				{"wrong key " + path, request("GET", path, "", from("198.51.100.3"), bearer+"nothing"), "401 unauthorized", ""},
			})
		}
		counts := flood(t, node, 5008, request("GET", rooms, "", from(mallory), bearer+"wrong"), nil)
		if counts["401 unauthorized"] > 200 || counts["429 too_many_requests"] < 4000 {
			t.Errorf("guesses: %v", counts)
		}
		// Right keys pass however many wrong ones came from there.
		if a := exchange(t, node, request("GET", "/v1/games", "", from(mallory), bearer+apiKey)); a.status != http.StatusOK {
			t.Errorf("the right key from there: %s", &a)
		}
		return got + "; 429 after 20 guesses, and the right key passes"
	})
}

func TestHTTPStreams(t *testing.T) {
	t.Parallel()
	node, others := withKey(t, "-limit-ip", "100000", "-max-streams", "600")
	const (
		mallory = "203.0.113.9"
		held    = "ringside_http_held_streams"
	)
	events := func(ip string, headers ...string) string {
		return request("GET", "/v1/lobby/events", "", append(headers, from(ip))...)
	}
	// open opens streams until one is refused, and returns them and the refusal.
	open := func(t *testing.T, ip string, most int) (conns []net.Conn, refused answer) {
		t.Helper()
		for range most {
			c := reach(t, node, 30*time.Second)
			_, _ = io.WriteString(c, events(ip))
			r := bufio.NewReader(c)
			line, err := r.ReadString('\n')
			if err == nil && strings.Contains(line, "200") {
				conns = append(conns, c)
				continue
			}
			c.Close()
			return conns, exchange(t, node, events(ip))
		}
		return conns, refused
	}
	hangUp := func(conns []net.Conn) {
		for _, c := range conns {
			c.Close()
		}
	}

	httpCase(t, node, others, "10,000 event streams from one address, more than -max-streams from several", func(t *testing.T) string {
		mine, refused := open(t, mallory, 300)
		defer func() { hangUp(mine) }()
		if len(mine) != 256 || refused.String() != "429 too_many_held" {
			t.Errorf("%d streams, then %s", len(mine), &refused)
		}
		counts := flood(t, node, 9744, events(mallory), nil)
		if counts["429 too_many_held"] != 9744 {
			t.Errorf("then %v", counts)
		}
		second, _ := open(t, "203.0.113.10", 256)
		third, full := open(t, "203.0.113.11", 256)
		defer hangUp(append(second, third...))
		if n := len(mine) + len(second) + len(third); n != 600 || full.String() != "503 too_many_held" {
			t.Errorf("%d streams in all, then %s", n, &full)
		}
		hangUp(append(append(mine, second...), third...))
		node.EventuallyMetric(t, 5*time.Second, held, 0)
		return "429 too_many_held beyond 256, 503 too_many_held beyond -max-streams; all free again when they hang up"
	})

	httpCase(t, node, others, "streams half closed, reset, with garbage behind the request, Last-Event-ID of garbage", func(t *testing.T) string {
		var conns []net.Conn
		for range 50 {
			c := reach(t, node, 30*time.Second)
			_, _ = io.WriteString(c, events(mallory))
			if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
				t.Error(err)
			}
			conns = append(conns, c)
		}
		defer hangUp(conns)
		for i, c := range conns {
			switch tcp := c.(*net.TCPConn); i % 2 {
			case 0:
				_ = tcp.CloseWrite()
			default:
				_ = tcp.SetLinger(0)
				tcp.Close()
			}
		}
		node.EventuallyMetric(t, 5*time.Second, held, 0)
		for _, id := range []string{"garbage", "0", "-1", "18446744073709551616", strings.Repeat("é", 60), "\x7f", "a,b", " "} {
			c := reach(t, node, 5*time.Second)
			_, _ = io.WriteString(c, events(mallory, "Last-Event-ID: "+id))
			line, err := bufio.NewReader(c).ReadString('\n')
			if id == "\x7f" && strings.Contains(line, "400") {
				line = "200" // no header value: refused before anybody reads it
			}
			if err != nil || !strings.Contains(line, "200") {
				t.Errorf("Last-Event-ID %q: %q %v", id, line, err)
			}
			c.Close()
		}
		got := meet(t, node, []act{{"long id", events(mallory, "Last-Event-ID: "+strings.Repeat("x", 129)), "422 invalid_request", "length <= 128"}})
		node.EventuallyMetric(t, 5*time.Second, held, 0)
		return "noticed at once; garbage starts anew, long " + got
	})

	httpCase(t, node, others, "long polls left behind, 400 from one address", func(t *testing.T) string {
		room, err := rig.CreateRoom(t.Context(), node, "arena", nil)
		if err != nil {
			t.Fatal(err)
		}
		tag := exchange(t, node, request("GET", rooms+"/"+room, "", from(mallory))).header.Get("ETag")
		poll := request("GET", rooms+"/"+room+"?wait=60s", "", from(mallory), "If-None-Match: "+tag)
		var conns []net.Conn
		for range 256 {
			c := reach(t, node, 30*time.Second)
			_, _ = io.WriteString(c, poll)
			conns = append(conns, c)
		}
		defer hangUp(conns)
		node.EventuallyMetric(t, 5*time.Second, "ringside_http_held_polls", 256)
		counts := flood(t, node, 144, poll, nil)
		if counts["429 too_many_held"] != 144 {
			t.Errorf("beyond 256: %v", counts)
		}
		hangUp(conns)
		node.EventuallyMetric(t, 5*time.Second, "ringside_http_held_polls", 0)
		return "429 too_many_held beyond 256; all free again when they hang up"
	})
}
