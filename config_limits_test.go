package ringside

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestLimitFlags(t *testing.T) {
	for _, b := range new(Config).bounds() {
		if b.own {
			continue
		}
		for _, value := range []string{"0", "-1", "99999h", "99999999", "nonsense"} {
			code, _, errs := ringsideCommand(t, nil, "-data", t.TempDir(), "-"+b.flag, value)
			if code != 2 || !strings.Contains(errs, "-"+b.flag) {
				t.Errorf("-%s %s: exit %d, %q", b.flag, value, code, errs)
			}
		}
	}
	out := mustCommand(t, "-check-config", "-data", t.TempDir(), "-max-tickets", "77", "-hello-timeout", "3s")
	for _, want := range []string{"max-tickets          set      77\n", "hello-timeout        set      3s\n", "limit-codes          default  10\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("-check-config does not say %q: %s", want, out)
		}
	}
}

// Limits are metrics, as they are configured, and each refusal is counted at its limit.
func TestLimitsAreMetrics(t *testing.T) {
	n := startWalk(t, Config{MaxRooms: 1, Limits: Limits{LimitCodes: 7}})
	metric := func(name string) string {
		_, body, _ := request(t, "GET", "http://"+n.Addr()+"/metrics", nil)
		for line := range strings.Lines(body) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				return strings.TrimSpace(value)
			}
		}
		return "missing"
	}
	for limit, want := range map[string]string{"max-rooms": "1", "limit-codes": "7", "max-tickets": "50000", "idle-timeout": "60", "calls": "2048", "workers": "1"} {
		if got := metric(fmt.Sprintf(`ringside_limit{limit="%s"}`, limit)); got != want {
			t.Errorf("the limit %s is %s, want %s", limit, got, want)
		}
	}
	const refused = `ringside_refused_total{limit="max-rooms"}`
	if got := metric(refused); got != "0" {
		t.Errorf("%s refused before anything was", got)
	}
	create := func() int {
		status, _, _ := request(t, "POST", "http://"+n.Addr()+"/v1/rooms", jsonBody(`{"game":"walk"}`))
		return status
	}
	if first, second := create(), create(); first != 201 || second != 503 || metric(refused) != "1" {
		t.Errorf("answered %d and %d, %s refused", first, second, metric(refused))
	}
}

// jsonBody gives a request a body.
func jsonBody(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}
