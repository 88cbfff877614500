package hostile_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/test/rig"
)

const (
	overHTTP = "HTTP"
	apiKey   = "a-key-for-tests-only"
	rooms    = "/v1/rooms"
)

// withKey is neighbourhood on a node with an API key that believes the X-Forwarded-For of this machine: callers with that header
// come from anywhere.
func withKey(t *testing.T, args ...string) (*rig.Node, *rig.Neighbours) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the real process")
	}
	node := rig.Start(t, rig.Options{Key: apiKey, Args: append([]string{"-trusted-proxies", "127.0.0.1"}, args...)})
	return node, rig.MoveIn(t, node, 2, 2)
}

// An answer is what came back over a connection: a response, or its end.
type answer struct {
	status       int // 0: the connection was closed without an answer
	header       http.Header
	body         string
	code, detail string // of a problem
	closes       bool   // the server ends the connection
}

// String is what reports call it: 413 too_large.
func (a *answer) String() string {
	switch {
	case a.status == 0:
		return "closed"
	case a.code != "":
		return fmt.Sprintf("%d %s", a.status, a.code)
	}
	return fmt.Sprint(a.status)
}

// reach opens a connection that gives up after patience.
func reach(t testing.TB, node *rig.Node, patience time.Duration) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", node.Addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// next reads an answer. An error is that none came in time.
func next(r *bufio.Reader, method string) (a answer, err error) {
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return a, err
	}
	if err != nil {
		return a, nil //nolint:nilerr // the connection is over, which is an answer
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return a, err
	}
	a = answer{status: res.StatusCode, header: res.Header, body: string(body), closes: res.Close}
	if res.Header.Get("Content-Type") == "application/problem+json" {
		var p struct{ Code, Detail string }
		if err := json.Unmarshal(body, &p); err != nil || p.Code == "" || p.Detail == "" {
			return a, fmt.Errorf("no problem that helps: %s", body)
		}
		a.code, a.detail = p.Code, p.Detail
	}
	return a, nil
}

// exchange sends bytes over a connection of their own and reads one answer.
func exchange(t testing.TB, node *rig.Node, text string) answer {
	t.Helper()
	c := reach(t, node, 10*time.Second)
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }() // ends with the connection; who is refused early may be cut off
	method, _, _ := strings.Cut(text, " ")
	a, err := next(bufio.NewReader(c), method)
	if err != nil {
		t.Errorf("%.100q: %v", text, err)
	}
	return a
}

// request is the text of a request; body nil: none.
func request(method, path, body string, headers ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return head + "\r\n" + body
}

// An act is a request and what it must meet with: "422 invalid_request"; says is a part of the problem's detail.
type act struct{ name, text, want, says string }

// meet sends all acts and returns how they were answered, in a few words.
func meet(t *testing.T, node *rig.Node, acts []act) (got string) {
	t.Helper()
	counts := map[string]int{}
	for _, a := range acts {
		ans := exchange(t, node, a.text)
		if ans.String() != a.want || !strings.Contains(ans.detail, a.says) {
			t.Errorf("%s: got %s: %.300s, want %s: %s", a.name, &ans, ans.detail+ans.body, a.want, a.says)
		}
		if ans.status == http.StatusMethodNotAllowed && ans.header.Get("Allow") == "" {
			t.Errorf("%s: 405 without Allow", a.name)
		}
		if (ans.status == http.StatusTooManyRequests || ans.status == http.StatusServiceUnavailable) && ans.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d without Retry-After", a.name, ans.status)
		}
		if len(ans.body) > 2*len(a.text)+4096 && ans.status >= 400 {
			t.Errorf("%s: a refusal of %d bytes to %d", a.name, len(ans.body), len(a.text))
		}
		counts[ans.String()]++
	}
	return tally(counts)
}

// tally is counts in words, the most frequent first.
func tally(counts map[string]int) string {
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%s ×%d", k, counts[k])
	}
	return strings.Join(kinds, ", ")
}

// httpCase is Case, and nothing of the operator's concern may be in the log: no panic, no error.
func httpCase(t *testing.T, node *rig.Node, others *rig.Neighbours, name string, do func(t *testing.T) string) {
	t.Helper()
	others.Case(t, overHTTP, name, func(t *testing.T) string {
		before := len(node.Output())
		got := do(t)
		for line := range strings.Lines(node.Output()[before:]) {
			if strings.Contains(line, "panic") || strings.Contains(line, `"level":"error"`) {
				t.Errorf("the node logs %s", line)
			}
		}
		return got
	})
}
