package matchmaker

import (
	"fmt"
	"testing"
)

// One address does not fill the queues, a few do not fill them for those who are known, and what is over is given back.
func TestTicketsOfStrangersAreBounded(t *testing.T) {
	who := Caller{Principal: "a/10.0.0.1", Address: "a/10.0.0.1"}
	hit := map[string]int{}
	cfg := asCaller(&who, Public{Join: true})
	cfg.Queues, cfg.MaxTickets, cfg.LimitTickets = queueConfig().Queues, 8, 3
	cfg.Limited = func(limit string) { hit[limit]++ }
	f := newFixture(t, cfg)
	f.own(t)
	const ask = `{"queue":"later","players":[{}]}`
	var ids []string
	for range 3 {
		_, out := f.mustCall(t, 202, "POST", "/v1/tickets", ask)
		ids = append(ids, out["id"].(string))
	}
	if res, out := f.mustCall(t, 429, "POST", "/v1/tickets", ask); out["code"] != "too_many_tickets" || res.Header.Get("Retry-After") == "" {
		t.Errorf("a fourth ticket of one address: %v", out)
	}
	f.mustCall(t, 204, "DELETE", "/v1/tickets/"+ids[0], "")
	f.mustCall(t, 204, "DELETE", "/v1/tickets/"+ids[0], "") // again: the place is given back once
	f.mustCall(t, 202, "POST", "/v1/tickets", ask)
	f.mustCall(t, 429, "POST", "/v1/tickets", ask)
	for i := range 4 {
		who.Address = fmt.Sprint("a/10.0.1.", i)
		f.mustCall(t, 202, "POST", "/v1/tickets", ask)
	}
	who.Address = "a/10.0.2.1"
	f.mustCall(t, 503, "POST", "/v1/tickets", ask) // seven of eight places
	who.Player = "ann"
	f.mustCall(t, 202, "POST", "/v1/tickets", ask)
	if hit["limit-tickets"] != 2 || hit["max-tickets"] != 1 {
		t.Errorf("counted %v", hit)
	}
}

// Calls that come to nothing hold no place.
func TestRefusedTicketsHoldNoPlace(t *testing.T) {
	who := Caller{Principal: "a/10.0.0.1", Address: "a/10.0.0.1"}
	cfg := asCaller(&who, Public{Join: true})
	cfg.Queues, cfg.LimitTickets = queueConfig().Queues, 1
	f := newFixture(t, cfg)
	f.own(t)
	for range 3 {
		f.mustCall(t, 404, "POST", "/v1/tickets", `{"queue":"none","players":[{}]}`)
	}
	f.mustCall(t, 202, "POST", "/v1/tickets", `{"queue":"later","players":[{}]}`)
	f.mustCall(t, 429, "POST", "/v1/tickets", `{"queue":"later","players":[{}]}`)
	f.holders.mu.Lock()
	defer f.holders.mu.Unlock()
	if held, of := f.holders.held, len(f.holders.of); held != 1 || of != 1 {
		t.Errorf("%d places are held by %d addresses", held, of)
	}
}
