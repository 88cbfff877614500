package stream

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func body(tb testing.TB, resp *http.Response) string {
	tb.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestWaitAnswersAfterPublish(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		var state, asked atomic.Int64
		r.answer = func(final bool) *Response {
			asked.Add(1)
			if n := state.Load(); n >= 2 || final {
				return &Response{Status: http.StatusCreated, Header: http.Header{"X-State": {"yes"}}, Body: fmt.Appendf(nil, "%d", n)}
			}
			return nil
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				resp := r.request(http.MethodGet, "/wait", "a")
				got := body(t, resp)
				if resp.StatusCode != http.StatusCreated || got != "2" || resp.ContentLength != 1 || resp.TransferEncoding != nil {
					t.Errorf("Wait = %s %q, length %d, %v", resp.Status, got, resp.ContentLength, resp.TransferEncoding)
				}
				for name, want := range map[string]string{
					"X-State": "yes", "Access-Control-Allow-Origin": "https://page.test", "Content-Type": "application/json",
				} {
					if got := resp.Header.Get(name); got != want {
						t.Errorf("%s = %q, want %q", name, got, want)
					}
				}
				if resp.Close != (b.parks || b.name == "wrapped") {
					t.Errorf("Connection: close is %v", resp.Close)
				}
			})
		}
		r.held(b, 0, 8)
		r.eventually("8 have asked", func(Stats) bool { return asked.Load() >= 8 })
		for n := range 3 {
			state.Store(int64(n))
			r.hub.Publish("a", func() (Event, bool) {
				t.Error("an event was made for polls")
				return Event{}, false
			})
		}
		wg.Wait()
		r.held(b, 0, 0)
		if resp := r.request(http.MethodGet, "/wait", "a"); body(t, resp) != "2" || resp.Close {
			t.Errorf("an answer that is there at once costs the connection (%v)", resp.Header)
		}
	})
}

// A change between the registration and the first look, or between that and the parking, is not missed.
func TestWaitMissesNoChange(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		var asked atomic.Int64
		r.answer = func(final bool) *Response {
			if asked.Add(1) == 1 {
				r.publish("a", Event{}) // after this look, before the next
				return nil
			}
			return &Response{Body: []byte("changed")}
		}
		if got := body(t, r.request(http.MethodGet, "/wait", "a")); got != "changed" {
			t.Errorf("Wait = %q", got)
		}
	})
}

func TestWaitEndsAtItsTimeout(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		for _, tt := range []struct {
			name   string
			final  *Response
			wait   time.Duration
			status int
			body   string
		}{
			{"an answer", &Response{Body: []byte("same")}, 20 * time.Millisecond, http.StatusOK, "same"},
			{"none", nil, 20 * time.Millisecond, http.StatusNoContent, ""},
			{"at once", &Response{Body: []byte("same")}, 0, http.StatusOK, "same"},
		} {
			r := newRig(t, b, Config{})
			r.wait = tt.wait
			r.answer = func(final bool) *Response {
				if !final {
					return nil
				}
				return tt.final
			}
			begin := time.Now()
			resp := r.request(http.MethodGet, "/wait", "a")
			if got := body(t, resp); resp.StatusCode != tt.status || got != tt.body || time.Since(begin) < tt.wait {
				t.Errorf("%s: %s %q after %v, want %d %q after %v", tt.name, resp.Status, got, time.Since(begin), tt.status, tt.body, tt.wait)
			}
			head := r.request(http.MethodHead, "/wait", "a")
			if head.StatusCode != tt.status || body(t, head) != "" {
				t.Errorf("%s: HEAD = %s", tt.name, head.Status)
			}
		}
	})
}

func TestWaitPanics(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		var asked atomic.Int64
		r.answer = func(bool) *Response {
			if asked.Add(1) > 1 {
				panic("planted")
			}
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			wantProblem(t, r.request(http.MethodGet, "/wait", "a"), http.StatusInternalServerError, "internal", "")
		})
		r.held(b, 0, 1)
		r.publish("a", Event{})
		wg.Wait()
		s := r.events("a") // the writer goes on
		s.want("retry: 1000")
		r.publish("a", number(1))
		s.want(numberBlock(1))
	})
}

// An answer that does not fit into the socket arrives whole.
func TestWaitLargeAnswer(t *testing.T) {
	forEach(t, func(t *testing.T, b backend) {
		r := newRig(t, b, Config{})
		large := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		var open atomic.Bool
		r.answer = func(bool) *Response {
			if !open.Load() {
				return nil
			}
			return &Response{Body: large}
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := body(t, r.request(http.MethodGet, "/wait", "a")); got != string(large) {
				t.Errorf("got %d bytes, want %d", len(got), len(large))
			}
		})
		r.held(b, 0, 1)
		open.Store(true)
		r.publish("a", Event{})
		wg.Wait()
		r.held(b, 0, 0)
	})
}
