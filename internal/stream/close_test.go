package stream

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestCloseEndsEverything(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		r.answer = func(bool) *Response { return nil }
		s := r.events("a")
		s.want("retry: 1000")
		var wg sync.WaitGroup
		wg.Go(func() {
			wantProblem(t, r.request(http.MethodGet, "/wait", "a"), http.StatusServiceUnavailable, "unavailable", "1")
		})
		r.held(b, 1, 1)
		r.publish("a", number(1))
		for range 2 { // again: nothing more to do
			if err := r.hub.Close(t.Context()); err != nil {
				t.Fatalf("Close = %v", err)
			}
		}
		wg.Wait()
		s.want(numberBlock(1))
		if got := s.next(); !strings.HasPrefix(got, ": closing|retry: ") {
			t.Errorf("the end is %q", got)
		}
		s.want("")
		for _, path := range []string{"/events", "/wait"} {
			wantProblem(t, r.request(http.MethodGet, path, "a"), http.StatusServiceUnavailable, "unavailable", "1")
		}
		r.publish("a", number(2))
		r.held(b, 0, 0)
	})
}

// A client that does not read keeps Close waiting until its context ends, and is cut off then.
func TestCloseIsBounded(t *testing.T) {
	b := backends[0]
	if !b.parks {
		t.Skip("nothing is parked on this system")
	}
	r := newRig(t, b, Config{WriteTimeout: time.Hour, Ring: 64 << 20})
	r.events("a")
	r.held(b, 1, 0)
	data := bytes.Repeat([]byte("x"), 1<<20)
	for range 24 {
		r.publish("a", Event{Data: data})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := r.hub.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close = %v, want the context's error", err)
	}
	r.held(b, 0, 0)
}

// Close meets requests that come, are parked and go at the same time.
func TestCloseUnderLoad(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		r.first = func(string) ([]Event, bool) { return []Event{number(0)}, false }
		r.answer = func(bool) *Response { return nil }
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for ended := false; !ended; {
					resp := r.request(http.MethodGet, "/events", "a")
					ended = resp.StatusCode == http.StatusServiceUnavailable
					body(t, resp)
				}
			})
			wg.Go(func() {
				body(t, r.request(http.MethodGet, "/wait", "a"))
			})
		}
		r.eventually("some are held", func(s Stats) bool { return s.Streams > 1 })
		for i := range 20 {
			r.hub.Publish("a", func() (Event, bool) { return number(i), i%7 == 0 })
		}
		if err := r.hub.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		wg.Wait()
	})
}

func TestCollector(t *testing.T) {
	r := newRig(t, backends[0], Config{})
	r.events("a")
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(r.hub.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ringside_http_held_streams" && f.GetMetric()[0].GetGauge().GetValue() == 1 {
			return
		}
	}
	t.Errorf("no held stream in %v", families)
}
