package ringside

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/admin"
)

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// A node that is short of something sells nothing and says so everywhere; who plays, plays, and who comes back to a seat gets it.
func TestAdmissionStopsBeforeServiceDoes(t *testing.T) {
	var strays atomic.Int64
	n := startWalk(t, Config{abandoned: func() int { return int(strays.Load()) }})
	base := "http://" + n.Addr()
	sold := sell(t, n, "Ada")
	plays := sitDown(t, sell(t, n, "Bob"))
	status, body := fetch(t, base+"/readyz")
	if status != http.StatusOK || body != "ready\n" {
		t.Errorf("/readyz of a node that is well: %d %q", status, body)
	}
	if _, text := fetch(t, base+"/metrics"); !strings.Contains(text, `ringside_admission_stopped{resource="abandoned"} 0`) || !strings.Contains(text, `ringside_pressure_ratio{resource="disk"}`) {
		t.Errorf("/metrics has no pressure: %s", text)
	}
	strays.Store(maxAbandoned)
	waitFor(t, "the node to see it", func() bool { return n.guard.short() != "" })
	_, err := client.Join(t.Context(), base, client.JoinRequest{Game: "walk", Player: client.JoinPlayer{Name: "Cleo"}})
	if err == nil || !strings.Contains(err.Error(), "processors") {
		t.Errorf("a join is answered %v, want a text with the reason", err)
	}
	if status, body := fetch(t, base+"/readyz"); status != http.StatusOK || !strings.Contains(body, "nothing new is taken: short of processors") {
		t.Errorf("/readyz: %d %q, want 200 and the reason", status, body)
	}
	if _, text := fetch(t, base+"/metrics"); !strings.Contains(text, `ringside_admission_stopped{resource="abandoned"} 1`) {
		t.Error("/metrics does not say that admission is stopped")
	}
	_, text := fetch(t, base+"/admin/api/status")
	var s admin.Status
	if err := json.Unmarshal([]byte(text), &s); err != nil || len(s.Pressure) != 5 || !s.Pressure[4].Stopped || s.Pressure[4].Resource != "abandoned" {
		t.Errorf("the operator reads %+v, %v", s.Pressure, err)
	}
	sitDown(t, sold)
	from := tickOf(plays)
	waitFor(t, "the room to tick on", func() bool { return tickOf(plays) > from+5 })
	strays.Store(0)
	waitFor(t, "the node to take players again", func() bool { return n.guard.short() == "" })
	sell(t, n, "Dora")
}
