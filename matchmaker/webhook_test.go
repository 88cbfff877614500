package matchmaker

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// receiver is a webhook's other end, without a network.
type receiver struct {
	answer func(n int) (status int, err error) // to the n-th request

	mu       sync.Mutex
	posted   []string // event ids
	bodies   []string
	signed   []string
	inFlight int
	most     int
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.inFlight++
	r.most = max(r.most, r.inFlight)
	n := len(r.posted)
	r.posted = append(r.posted, req.Header.Get("Ringside-Event-Id"))
	r.bodies = append(r.bodies, string(body))
	r.signed = append(r.signed, req.Header.Get("Ringside-Signature"))
	r.mu.Unlock()
	status, err := r.answer(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	return w.Result(), nil
}

func (r *receiver) events() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.posted...)
}

var webhookSecret = []byte("0123456789abcdef")

// hooked is a matchmaker over a log, with a webhook.
func hooked(t *testing.T, log *memoryLog, r *receiver) *fixture {
	t.Helper()
	m, err := New(Config{Webhook: Webhook{URL: "https://game.example/hook", Secret: webhookSecret, Transport: r}}, log.dir, log)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{m, log, nil}
}

// ended makes rooms and ends them.
func (f *fixture) ended(t *testing.T, n int) (ids []string) {
	t.Helper()
	for i := range n {
		cmd := &createRoom{creation: creation{Game: "arena", MaxLive: 1 << 20, Random: random(randomBytes), Metadata: []Pair{{"n", fmt.Sprint(i)}}}}
		res, err := f.propose(t.Context(), cmd)
		if err == nil {
			err = f.RoomEnded(t.Context(), res.room.ID, 1, Ending{Reason: "finished", Code: 4009, Result: []byte(`{"n":1}`)})
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, res.room.ID)
	}
	return ids
}

func TestWebhookDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{dir: NewDirectory()}
		r := &receiver{answer: func(int) (int, error) { time.Sleep(time.Second); return 204, nil }}
		f := hooked(t, log, r)
		defer f.Close()
		f.register(t, 1)
		ids := f.ended(t, 9)
		time.Sleep(time.Minute)
		if len(r.events()) != 9 || r.most != webhookInFlight {
			t.Fatalf("posted %v, %d at once, want 9 and %d", r.events(), r.most, webhookInFlight)
		}
		if got := f.Stats().Undelivered; got != 0 {
			t.Errorf("%d notices are left", got)
		}
		for _, id := range ids {
			if n := strings.Count(fmt.Sprint(r.events()), id+".1"); n != 1 {
				t.Errorf("room %s was posted %d times", id, n)
			}
		}
		for _, part := range []string{`"type":"room.ended"`, `"game":"arena"`, `"code":4009`, `"reason":"finished"`, `"metadata":{"n":"`, `"result":{"n":1}`, `"id":"` + r.posted[0] + `"`} {
			if !strings.Contains(r.bodies[0], part) {
				t.Errorf("posted %s, want %s in it", r.bodies[0], part)
			}
		}
		at, _, _ := strings.Cut(strings.TrimPrefix(r.signed[0], "t="), ",")
		var unix int64
		if _, err := fmt.Sscan(at, &unix); err != nil || sign(webhookSecret, time.Unix(unix, 0), []byte(r.bodies[0])) != r.signed[0] {
			t.Errorf("signature %q (%v)", r.signed[0], err)
		}
		time.Sleep(time.Hour) // the ended rooms are forgotten
		before := f.Stats().Applied
		time.Sleep(time.Hour)
		if got := f.Stats().Applied; got != before {
			t.Errorf("an idle hour wrote %d commands", got-before)
		}
	})
}

func TestWebhookTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{dir: NewDirectory()}
		r := &receiver{answer: func(n int) (int, error) {
			switch {
			case n == 0:
				return 0, errors.New("no route to host")
			case n == 1:
				return 302, nil
			case n < 6:
				return 500, nil
			}
			return 200, nil
		}}
		f := hooked(t, log, r)
		defer f.Close()
		f.register(t, 1)
		start := time.Now()
		f.ended(t, 1)
		time.Sleep(14 * time.Second)
		if n := len(r.events()); n < 4 || n > 5 {
			t.Errorf("%d tries in 14s, want 4 or 5: after 1, 2, 4, 8 s less up to a half", n)
		}
		time.Sleep(time.Minute)
		if n := len(r.events()); n != 7 || f.Stats().Undelivered != 0 {
			t.Errorf("%d tries after %v, want 7; %d are left", n, time.Since(start), f.Stats().Undelivered)
		}
		for _, id := range r.events() {
			if id != r.events()[0] {
				t.Errorf("event ids %v, want one", r.events())
			}
		}
	})
}

// A receiver that never answers: a notice is given up after a day, and one it does not want at once.
func TestWebhookGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{dir: NewDirectory()}
		r := &receiver{answer: func(n int) (int, error) {
			if n == 0 {
				return 410, nil
			}
			return 503, nil
		}}
		f := hooked(t, log, r)
		defer f.Close()
		f.register(t, 1)
		f.ended(t, 1)
		time.Sleep(time.Second)
		if f.Stats().Undelivered != 0 {
			t.Error("410 did not end the event")
		}
		f.ended(t, 1)
		time.Sleep(23 * time.Hour)
		if f.Stats().Undelivered != 1 {
			t.Error("given up within a day")
		}
		time.Sleep(2 * time.Hour)
		if f.Stats().Undelivered != 0 {
			t.Error("not given up after a day")
		}
	})
}

// The process ends after the receiver has said yes and before that is written down: the next one delivers the event again,
// under the same id.
func TestWebhookSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{dir: NewDirectory()}
		broken := func(err error) {
			log.mu.Lock()
			defer log.mu.Unlock()
			log.err = err
		}
		r := &receiver{answer: func(int) (int, error) { broken(errors.New("disk gone")); return 200, nil }}
		f := hooked(t, log, r)
		f.register(t, 1)
		f.ended(t, 1)
		time.Sleep(100 * time.Millisecond)
		f.Close()
		if len(r.events()) != 1 {
			t.Fatalf("posted %v, want one", r.events())
		}
		next := &memoryLog{dir: restored(t, log.dir)}
		again := &receiver{answer: func(int) (int, error) { return 200, nil }}
		g := hooked(t, next, again)
		defer g.Close()
		time.Sleep(time.Second)
		if fmt.Sprint(again.events()) != fmt.Sprint(r.events()) {
			t.Errorf("posted %v after the restart, want %v", again.events(), r.events())
		}
		if g.Stats().Undelivered != 0 {
			t.Error("the acknowledged event is still there")
		}
	})
}

// Without a webhook nothing is kept, and one that is taken away leaves nothing behind.
func TestOutboxNeedsAWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{dir: NewDirectory()}
		r := &receiver{answer: func(int) (int, error) { return 500, nil }}
		f := hooked(t, log, r)
		f.register(t, 1)
		f.ended(t, 3)
		f.Close()
		if log.dir.Stats().Undelivered != 3 {
			t.Fatalf("%d notices, want 3", log.dir.Stats().Undelivered)
		}
		m, err := New(Config{}, log.dir, log)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		time.Sleep(2 * tick)
		(&fixture{m, log, nil}).ended(t, 1)
		if log.dir.Stats().Undelivered != 0 {
			t.Errorf("%d notices without a webhook", log.dir.Stats().Undelivered)
		}
	})
}

func TestOutboxIsBounded(t *testing.T) {
	m := newMachine()
	m.do(&setWebhook{On: true})
	big := make([]byte, maxResultBytes)
	for range outboxKeptBytes/maxResultBytes + 100 {
		r := m.room(t, creation{})
		m.do(&endRoom{fenced: fenced{r.ID, 1}, Ending: Ending{Result: big}})
	}
	o := &m.dir.t.outbox
	if o.bytes > outboxKeptBytes || o.dropped < 100 || o.dropped > 200 {
		t.Errorf("%d bytes in %d notices, %d dropped", o.bytes, o.queue.len(), o.dropped)
	}
	checkDirectory(t, restored(t, m.dir))
	m.now += noticeKeptMs
	m.do(&expire{})
	if o := &m.dir.t.outbox; o.queue.len() != 0 || o.bytes != 0 {
		t.Errorf("a day later there are %d notices of %d bytes", o.queue.len(), o.bytes)
	}
}

func TestWebhookConfig(t *testing.T) {
	for _, w := range []Webhook{
		{URL: "game.example/hook", Secret: webhookSecret}, {URL: "ftp://game.example", Secret: webhookSecret}, {URL: "https://game.example"},
	} {
		if m, err := New(Config{Webhook: w}, NewDirectory(), &memoryLog{}); err == nil {
			m.Close()
			t.Errorf("%+v was accepted", w)
		}
	}
	if err := (&Webhook{URL: "https://game.example/hook", Secret: webhookSecret}).validate(); err != nil {
		t.Error(err)
	}
}
