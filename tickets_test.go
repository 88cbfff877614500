package ringside_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringside-server/ringside"
)

// A matched ticket says where its seat is: at the address that the client asked, as a join would.
func TestTicketsLeadToTheNode(t *testing.T) {
	queues := filepath.Join(t.TempDir(), "queues.yaml")
	if err := os.WriteFile(queues, []byte("queues:\n  - name: solo\n    game: dots\n    teams: 1\n    team_size: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, base := start(t, ringside.Config{QueueFile: queues, TrustedProxies: []string{"127.0.0.1"}})
	for name, tc := range map[string]struct {
		headers []string
		want    string
	}{
		"direct":  {nil, "ws" + strings.TrimPrefix(base, "http")},
		"proxied": {[]string{"X-Forwarded-Proto: https", "X-Forwarded-Host: game.example.com"}, "wss://game.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			c := http.DefaultClient
			_, text, h := call(t, c, "POST", base+"/v1/tickets", `{"queue":"solo","players":[{"name":"Ada"}]}`, tc.headers...)
			status, events, _ := call(t, c, "GET", base+h.Get("Location")+"/events", "", tc.headers...) // ends with the match
			if status != http.StatusOK {
				t.Fatalf("%d %s, of ticket %s", status, events, text)
			}
			_, text, _ = call(t, c, "GET", base+h.Get("Location"), "", tc.headers...)
			last := events[strings.LastIndex(events, "data: ")+len("data: "):]
			for from, text := range map[string]string{"the ticket": text, "the event": last} {
				var got struct {
					Match struct {
						Room  string
						Seats []struct{ URL string }
					}
				}
				if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Match.Seats) != 1 {
					t.Fatalf("%s: %v in %s", from, err, text)
				}
				if want := tc.want + "/v1/rooms/" + got.Match.Room + "/ws"; got.Match.Seats[0].URL != want {
					t.Errorf("%s leads to %q, want %q", from, got.Match.Seats[0].URL, want)
				}
			}
		})
	}
}
