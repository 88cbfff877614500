package matchmaker

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestMediaAndQuery(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	for _, tc := range []struct {
		header, value string
		status        int
	}{
		{"Content-Type", "APPLICATION/JSON", 201},
		{"Content-Type", `application/json; charset="UTF-8"`, 201},
		{"Content-Type", "application/merge-patch+json", 201},
		{"Content-Type", "application/json; charset=utf-16", 415},
		{"Content-Type", "application/json;;;", 415},
		{"Content-Type", "application/jsonx", 415},
		{"Content-Type", "text/x+json", 415},
		{"Content-Encoding", "identity", 201},
		{"Content-Encoding", "gzip", 415},
	} {
		if _, out := f.mustCall(t, tc.status, "POST", "/v1/rooms", `{"game":"arena"}`, tc.header, tc.value); tc.status == 415 && out["code"] != "media_type" {
			t.Errorf("%s: %s: %v", tc.header, tc.value, out)
		}
	}
	for query, status := range map[string]int{
		"%zz": 400, "limit=%zz": 400, "limit=1;free=1": 400, "limit=1&limit=2": 422, "game=a&game=b": 422, "filter=a:b&filter=c:d": 200,
	} {
		f.mustCall(t, status, "GET", "/v1/rooms?"+query, "")
	}
	for _, name := range onceHeaders {
		r := httptest.NewRequest(http.MethodPost, "/v1/rooms", strings.NewReader(`{"game":"arena"}`))
		r.Header[name] = []string{"application/json", "application/json"}
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "more than one "+name) {
			t.Errorf("two %s: %d %s", name, w.Code, w.Body)
		}
	}
}

// raw sends bytes over a connection of its own and reads the answer; a nil answer is a connection closed without one.
func raw(t *testing.T, addr, text string, stop bool) (*http.Response, string) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, text) // who is refused may be cut off
	if stop {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", text, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res, string(body)
}

// A body that breaks off is the sender's fault, and one that is too large is refused before it is asked for.
func TestBodies(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	server := httptest.NewServer(f.handler)
	defer server.Close()
	const post = "POST /v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for _, tc := range []struct {
		name, text string
		stop       bool
		status     int
		detail     string
	}{
		{"breaks off", post + "Content-Length: 100\r\n\r\n{", true, 400, "ended before the 100 bytes"},
		{"breaks off in a chunk", post + "Transfer-Encoding: chunked\r\n\r\nff\r\n{", true, 400, "chunks"},
		{"no chunk", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", false, 400, "chunks"},
		{"endless chunk", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n", false, 400, "chunks"},
		{"too large to begin with", post + "Expect: 100-continue\r\nContent-Length: 10000000\r\n\r\n", false, 413, "at most 65536 bytes"},
		{"too large in chunks", post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat(" ", 1024)+"\r\n", 65), false, 413, "at most 65536 bytes"},
		{"just not too large", post + fmt.Sprintf("Content-Length: %d\r\n\r\n", maxBodyBytes) + `{"game":"arena"}` + strings.Repeat(" ", maxBodyBytes-16), false, 201, "running"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, body := raw(t, server.Listener.Addr().String(), tc.text, tc.stop)
			if res.StatusCode != tc.status || !strings.Contains(body, tc.detail) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, body, tc.status, tc.detail)
			}
			if tc.status >= 400 && !res.Close {
				t.Error("the connection goes on, and nobody knows where in it")
			}
		})
	}
}
