package matchmaker

import (
	"bytes"
	"container/heap"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Webhook is where the ends of rooms are said.
type Webhook struct {
	// URL is posted to; empty: nobody is told.
	URL string
	// Secret signs what is posted; at least 16 bytes.
	Secret []byte
	// Transport makes the requests. Default: one of the webhook's own, with the proxies of the environment.
	Transport http.RoundTripper
}

const (
	webhookTimeout  = 10 * time.Second // of one try
	webhookInFlight = 4
	webhookAnswer   = 64 << 10 // bytes of an answer that are read, so that its connection can be used again

	// A notice is tried again after a second, then twice as long each time up to this, less up to half of it.
	webhookFirstRetry = time.Second
	webhookLastRetry  = 15 * time.Minute
)

func (w *Webhook) validate() error {
	if w.URL == "" {
		return nil
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("matchmaker config: Webhook.URL must be http://… or https://…")
	}
	if len(w.Secret) < minSecretBytes {
		return fmt.Errorf("matchmaker config: Webhook.Secret is %d bytes long, must be at least %d", len(w.Secret), minSecretBytes)
	}
	return nil
}

// A courier delivers what is in the outbox, each notice at least once: it is taken out by a command after the receiver has
// said 2xx, and until then it is tried again, by this process or by the next.
type courier struct {
	// Immutable.
	m       *Matchmaker
	client  http.Client
	results chan *delivery // capacity webhookInFlight: a try never waits to be heard

	// Owned by run.
	due     deliveries
	seen    uint64 // newest notice that is in due, was, or is in flight
	dropped uint64 // notices lost, as logged
	flying  int
}

// delivery is a notice on its way.
type delivery struct {
	*notice
	tries int
	at    time.Time // of the next try
	done  bool      // out of the outbox
}

func newCourier(m *Matchmaker) *courier {
	c := &courier{m: m, results: make(chan *delivery, webhookInFlight)}
	c.client = http.Client{
		Timeout: webhookTimeout, Transport: m.cfg.Webhook.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.client.Transport == nil {
		c.client.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: webhookTimeout,
			MaxConnsPerHost: webhookInFlight, MaxIdleConnsPerHost: webhookInFlight, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: webhookAnswer,
		}
	}
	return c
}

// run delivers until ctx ends, and then waits for what is in flight.
func (c *courier) run(ctx context.Context) {
	_, c.dropped = c.m.dir.noticesAfter(0)
	wake := time.NewTimer(0)
	defer wake.Stop()
	defer c.client.CloseIdleConnections()
	for ctx.Err() == nil {
		c.refill()
		c.send(ctx)
		wake.Reset(c.pause())
		select {
		case <-ctx.Done():
		case <-c.m.dir.posted:
		case <-wake.C:
		case d := <-c.results:
			c.settle(d)
		}
	}
	for ; c.flying > 0; c.flying-- {
		<-c.results
	}
}

// refill takes over what is new in the outbox.
func (c *courier) refill() {
	notices, dropped := c.m.dir.noticesAfter(c.seen)
	for _, n := range notices {
		c.seen = n.Seq
		heap.Push(&c.due, &delivery{notice: n, at: c.m.cfg.Now()})
	}
	if dropped > c.dropped {
		c.m.cfg.Logger.Error().Uint64("lost", dropped-c.dropped).Msg("webhook: the outbox was full or too old, ends of rooms were never delivered")
		c.dropped = dropped
	}
	if len(c.due) > 2*outboxKept { // of notices that are gone
		var left deliveries
		for _, d := range c.due {
			if c.m.dir.noticed(d.event()) {
				left = append(left, d)
			}
		}
		c.due = left
		heap.Init(&c.due)
	}
}

// send starts what is due.
func (c *courier) send(ctx context.Context) {
	for len(c.due) > 0 && c.flying < webhookInFlight && !c.due[0].at.After(c.m.cfg.Now()) {
		d, _ := heap.Pop(&c.due).(*delivery)
		if !c.m.dir.noticed(d.event()) {
			continue
		}
		c.flying++
		go func() {
			c.try(ctx, d)
			c.results <- d
		}()
	}
}

// pause is how long there is nothing to do unless something happens.
func (c *courier) pause() time.Duration {
	if len(c.due) == 0 || c.flying == webhookInFlight {
		return time.Hour
	}
	return max(c.due[0].at.Sub(c.m.cfg.Now()), 0)
}

func (c *courier) settle(d *delivery) {
	c.flying--
	if d.done {
		return
	}
	pause := min(webhookFirstRetry<<min(d.tries, 20), webhookLastRetry)
	d.tries++
	d.at = c.m.cfg.Now().Add(pause - rand.N(pause/2))
	heap.Push(&c.due, d)
}

// try posts a notice once. It is done if the receiver took it, does not want it, or never will.
func (c *courier) try(ctx context.Context, d *delivery) {
	log := c.m.cfg.Logger.With().Str("event", d.event()).Int("tries", d.tries+1).Logger()
	status, err := c.post(ctx, d.notice)
	switch {
	case err == nil && status/100 == 2:
	case err == nil && status == http.StatusGone:
		log.Info().Msg("webhook: the receiver does not want this event")
	case ctx.Err() != nil:
		return
	case c.m.now() >= d.At+noticeKeptMs:
		log.Error().Err(err).Int("status", status).Msg("webhook: not delivered for a day, given up")
	default:
		log.Debug().Err(err).Int("status", status).Msg("webhook: not delivered, will be tried again")
		return
	}
	if _, err := c.m.propose(ctx, &acknowledge{Events: []string{d.event()}}); err != nil {
		log.Debug().Err(err).Msg("webhook: delivery not noted, it will be repeated")
		return
	}
	d.done = true
}

// webhookBody is what is posted.
type webhookBody struct {
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	Room     string            `json:"room"`
	Game     string            `json:"game"`
	Reason   string            `json:"reason"`
	Text     string            `json:"text,omitempty"`
	Code     int               `json:"code"`
	EndedAt  time.Time         `json:"ended_at"`
	Metadata map[string]string `json:"metadata"`
	Result   json.RawMessage   `json:"result"`
}

func (c *courier) post(ctx context.Context, n *notice) (status int, err error) {
	body, err := json.Marshal(webhookBody{
		ID: n.event(), Type: "room.ended", Room: n.Room, Game: n.Game, Reason: n.Reason, Text: n.Text, Code: n.Code,
		EndedAt: time.UnixMilli(n.At).UTC(), Metadata: pairMap(n.Metadata), Result: resultJSON(n.Result),
	})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.m.cfg.Webhook.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ringside")
	req.Header.Set("Ringside-Event-Id", n.event())
	req.Header.Set("Ringside-Signature", sign(c.m.cfg.Webhook.Secret, c.m.cfg.Wall(), body))
	res, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, webhookAnswer) // what it says does not matter
	return res.StatusCode, nil
}

// sign is the header that proves who posted body, and when.
func sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// resultJSON is a room's result as a part of JSON: null if the game left none.
func resultJSON(result []byte) json.RawMessage {
	if !json.Valid(result) {
		return json.RawMessage("null")
	}
	return result
}

// deliveries is a heap by the time of the next try.
type deliveries []*delivery

var _ heap.Interface = (*deliveries)(nil)

// Len implements heap.Interface.
func (d deliveries) Len() int { return len(d) }

// Less implements heap.Interface.
func (d deliveries) Less(i, j int) bool { return d[i].at.Before(d[j].at) }

// Swap implements heap.Interface.
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *deliveries) Push(x any) {
	v, _ := x.(*delivery)
	*d = append(*d, v)
}

// Pop implements heap.Interface.
func (d *deliveries) Pop() any {
	old := *d
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return last
}
