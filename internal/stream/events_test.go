package stream

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEventsInOrderUpToTheLast(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		r.first = func(string) ([]Event, bool) { return []Event{{Name: "state", Data: []byte(`{"n":0}`)}}, false }
		one, other := r.events("a"), r.events("a")
		r.held(b, 2, 0)
		const n = 100
		for i := range n {
			r.publish("a", number(i))
			r.publish("b", number(-1)) // nobody's
		}
		r.hub.Publish("a", func() (Event, bool) { return Event{Name: "end"}, true })
		r.publish("a", number(n)) // behind the last
		for _, s := range []*reader{one, other} {
			s.want("retry: 1000", `event: state|data: {"n":0}`)
			for i := range n {
				s.want(numberBlock(i))
			}
			s.want("event: end|data: ", "")
		}
		r.held(b, 0, 0)
		if s := r.hub.Stats(); s.Slow != 0 || s.Written != 2*(n+1) {
			t.Errorf("stats = %+v, want %d written, none slow", s, 2*(n+1))
		}
	})
}

func TestFirstThatIsLastEndsTheStream(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		r.first = func(string) ([]Event, bool) { return []Event{number(1), number(2)}, true }
		r.events("a").want("retry: 1000", numberBlock(1), numberBlock(2), "")
		r.held(b, 0, 0)
	})
}

func TestHeadersAreSent(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			resp := r.request(method, "/events", "a")
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin": "https://page.test", "Cache-Control": "no-store",
				"Content-Type": "text/event-stream", "X-Accel-Buffering": "no",
			} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %s = %q, want %q", method, name, got, want)
				}
			}
			if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s, Date: %v", method, resp.Status, err)
			}
		}
		r.held(b, 1, 0)
	})
}

func TestLastEventIDGoesOn(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		r.first = func(string) ([]Event, bool) { return []Event{{Data: []byte("first")}}, false }
		r.events("a")
		r.held(b, 1, 0)
		for i := range 10 {
			r.publish("a", number(i))
		}
		r.events("a", "Last-Event-ID", "7").want("retry: 1000", numberBlock(8), numberBlock(9))
		r.events("a", "Last-Event-ID", "9").want("retry: 1000")
		r.events("a", "Last-Event-ID", "unknown").want("retry: 1000", "data: first")
		r.events("other", "Last-Event-ID", "7").want("retry: 1000", "data: first")
		r.hub.Publish("a", func() (Event, bool) { return number(10), true })
		r.events("a", "Last-Event-ID", "10").want("retry: 1000", "data: first") // nothing follows a last
	})
}

// Subscribers come while a counter is counted up and published: what first says and what follows must leave out none.
func TestNothingIsLostBetweenFirstAndTheStream(t *testing.T) {
	const publishers, subscribers, each = 3, 24, 400
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{Ring: 4 << 20})
		var counts [publishers]atomic.Int64
		r.first = func(topic string) ([]Event, bool) {
			var p int
			fmt.Sscan(topic, &p)
			return []Event{number(int(counts[p].Load()))}, false
		}
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(p)))
				for i := 1; i <= each; i++ {
					counts[p].Store(int64(i))
					r.hub.Publish(fmt.Sprint(p), func() (Event, bool) { return number(i), i == each })
					if random.IntN(8) == 0 {
						<-time.After(time.Duration(random.IntN(500)) * time.Microsecond)
					}
				}
			})
		}
		for s := range subscribers {
			wg.Go(func() {
				in := r.events(fmt.Sprint(s % publishers))
				in.want("retry: 1000")
				var seen, n int
				if _, err := fmt.Sscanf(in.next(), "id: %d", &seen); err != nil {
					t.Error(err)
					return
				}
				for from := seen; seen < each; seen = max(seen, n) {
					block := in.next()
					if _, err := fmt.Sscanf(block, "id: %d", &n); err != nil || n > seen+1 || n <= from-1 && n > seen {
						t.Errorf("subscriber %d: after %d came %q (%v)", s, seen, block, err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestSlowReaderIsReset(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{WriteTimeout: testPatience, Ring: 1 << 20})
		slow, quick := r.events("a"), r.events("a")
		r.held(b, 2, 0)
		quick.want("retry: 1000")
		data := bytes.Repeat([]byte("x"), 32<<10)
		const n = 512 // 16 MiB: more than an HTTP/2 client takes in without a reader
		for i := range n {
			r.publish("a", Event{ID: fmt.Sprint(i), Data: data})
			if got := quick.next(); !strings.HasPrefix(got, fmt.Sprintf("id: %d|", i)) {
				t.Fatalf("the quick reader got %.40q as event %d", got, i)
			}
		}
		slow.want("retry: 1000")
		i := 0
		for ; ; i++ {
			got := slow.next()
			if !strings.HasPrefix(got, "id: ") {
				if got != "id|event: reset|data: {}" {
					t.Errorf("after %d events came %.40q, want a reset", i, got)
				}
				break
			}
			if got != fmt.Sprintf("id: %d|data: %s", i, data) {
				t.Fatalf("event %d is %.40q", i, got)
			}
		}
		slow.want("")
		if s := r.hub.Stats(); i == 0 || i >= n || s.Slow != 1 {
			t.Errorf("reset after %d of %d events, %d slow; want some, 1", i, n, s.Slow)
		}
		r.held(b, 1, 0)
	})
}

func TestClientThatTakesNothingIsClosed(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{WriteTimeout: 50 * time.Millisecond, Ring: 64 << 20})
		r.events("a")
		r.held(b, 1, 0)
		data := bytes.Repeat([]byte("x"), 1<<20)
		for range 24 {
			r.publish("a", Event{Data: data})
		}
		r.held(b, 0, 0)
		if s := r.hub.Stats(); s.Slow != 1 {
			t.Errorf("stats = %+v, want 1 slow", s)
		}
	})
}

func TestKeepalive(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{Keepalive: 20 * time.Millisecond})
		s := r.events("a")
		for i, want := range []string{"retry: 1000", ":", ":", ":"} {
			if got := s.block(); got != want {
				t.Fatalf("block %d = %q, want %q", i, got, want)
			}
		}
	})
}

func TestDisconnectFreesThePlace(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		cfg := Config{Max: 2}
		if b.name == "wrapped" {
			cfg.Keepalive = 20 * time.Millisecond // there only a write can tell
		}
		r := newRig(t, b, cfg)
		r.answer = func(bool) *Response { return nil }
		s := r.events("a")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		if b.name != "wrapped" {
			wg.Go(func() {
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.srv.URL+"/wait?topic=a", nil)
				if _, err := r.client.Do(req); ctx.Err() == nil {
					t.Errorf("Wait ended: %v", err)
				}
			})
			r.held(b, 1, 1)
		}
		s.body.Close()
		cancel()
		wg.Wait()
		r.held(b, 0, 0)
		if s := r.hub.Stats(); s.Slow+s.Gone == 0 {
			t.Errorf("stats = %+v: nobody is counted as gone", s)
		}
	})
}

func TestPlacesAreBounded(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{Max: 3, MaxPerClient: 2, ClientOf: func(r *http.Request) string { return r.Header.Get("Client") }})
		r.answer = func(bool) *Response { return nil }
		r.events("a", "Client", "1")
		s := r.events("a", "Client", "1")
		wantProblem(t, r.request(http.MethodGet, "/events", "a", "Client", "1"), http.StatusTooManyRequests, "too_many_held", "5")
		r.events("a", "Client", "2")
		wantProblem(t, r.request(http.MethodGet, "/wait", "a", "Client", "3"), http.StatusServiceUnavailable, "too_many_held", "5")
		r.held(b, 3, 0)
		s.want("retry: 1000")
		r.hub.Publish("a", func() (Event, bool) { return number(1), true })
		s.want(numberBlock(1), "")
		r.events("a", "Client", "1") // there is place at once: the client saw the end
		if got := r.hub.Stats().Refused; got != 2 {
			t.Errorf("refused %d, want 2", got)
		}
	})
}

func TestPublishWithoutListeners(t *testing.T) {
	r := newRig(t, backends[0], Config{})
	r.events("other")
	calls, n := 0, 7
	if got := testing.AllocsPerRun(100, func() {
		r.hub.Publish("a", func() (Event, bool) { calls += n; return number(n), false })
	}); got != 0 {
		t.Errorf("Publish without listeners allocates %v times", got)
	}
	if calls != 0 || r.hub.Stats().Published != 0 {
		t.Errorf("the event was made for nobody")
	}
}

func TestTopicsAreForgotten(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		for i := range 20 {
			r.events(fmt.Sprint(i))
		}
		r.held(b, 20, 0)
		for i := range 20 {
			r.hub.Publish(fmt.Sprint(i), func() (Event, bool) { return Event{}, true })
		}
		r.held(b, 0, 0)
		for i := range r.hub.topics.buckets {
			bucket := &r.hub.topics.buckets[i]
			bucket.mu.RLock()
			if len(bucket.byName) > 0 {
				t.Errorf("kept %v", bucket.byName)
			}
			bucket.mu.RUnlock()
		}
		r.hub.mu.Lock()
		defer r.hub.mu.Unlock()
		if len(r.hub.clients) > 0 || r.hub.held != 0 {
			t.Errorf("kept clients %v, %d places", r.hub.clients, r.hub.held)
		}
	})
}
