package swarm

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringside-server/ringside/internal/sock"
)

const (
	// maxStreamBytes and maxReach are what a server may need for a stream, and to tell all of them.
	maxStreamBytes = 12 << 10
	maxReach       = time.Second
	// giveUpReach is how long a change is waited for: long enough to tell late from missed.
	giveUpReach = 5 * time.Second
	// perSource is how many connections one local address makes: a system has some 28,000 ports for them.
	perSource = 10_000
	// maxStreams bounds a run: 250 sources.
	maxStreams = 1_000_000
	// streamDialers is how many connections are opened at once.
	streamDialers = 16
	// settle lets the server come to rest before its memory is read.
	settle = time.Second
)

// StreamsConfig says what MeasureStreams does. URL and Game are needed.
type StreamsConfig struct {
	URL        string // http://HOST: raw sockets speak no TLS
	Game       string // of the room that is watched
	Kind       string // sse or poll
	Count      int
	Changes    int            // how often the room is changed. Default 5.
	Path       string         // what is watched; {id} is the room. Default by Kind: /v1/rooms/{id}/events, /v1/rooms/{id}?wait=25s
	MetricsURL string         // default URL/metrics; the server's memory is what is measured
	APIKey     string         // bearer token
	Progress   func(Progress) // default: not at all

	settle, giveUp time.Duration // tests wait less
}

// StreamsReport is what watching costs. Its JSON is part of the command's interface.
type StreamsReport struct {
	Kind              string   `json:"kind"`
	Count             int      `json:"count"`
	RSSBytesPerStream *float64 `json:"rss_bytes_per_stream"` // nil: the server showed no metrics
	ReachMS           Gap      `json:"reach_ms"`             // from a change's request to each stream that heard of it
	Missed            int      `json:"missed"`               // streams × changes that did not arrive
	Errors            []string `json:"errors"`
}

func (c *StreamsConfig) prepare() (host string, err error) {
	c.URL = strings.TrimSuffix(c.URL, "/")
	fillInt(&c.Changes, 5)
	if c.Path == "" {
		c.Path = "/v1/rooms/{id}/events"
		if c.Kind == "poll" {
			c.Path = "/v1/rooms/{id}?wait=25s"
		}
	}
	if c.MetricsURL == "" {
		c.MetricsURL = c.URL + "/metrics"
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.settle == 0 {
		c.settle = settle
	}
	if c.giveUp == 0 {
		c.giveUp = giveUpReach
	}
	u, err := url.Parse(c.URL)
	switch {
	case !sock.Supported:
		return "", fmt.Errorf("%w: streams need raw sockets, which this system has not", ErrConfig)
	case err != nil || u.Scheme != "http" || u.Host == "":
		return "", fmt.Errorf("%w: url %q: want http://HOST", ErrConfig, c.URL)
	case c.Kind != "sse" && c.Kind != "poll":
		return "", fmt.Errorf("%w: kind %q: want sse or poll", ErrConfig, c.Kind)
	case c.Count < 1 || c.Count > maxStreams || c.Changes < 1 || c.Changes > 1000:
		return "", fmt.Errorf("%w: %d streams, %d changes: want 1 to %d, 1 to 1000", ErrConfig, c.Count, c.Changes, maxStreams)
	case !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " \r\n"):
		return "", fmt.Errorf("%w: path %q: want /…, with {id} for the room", ErrConfig, c.Path)
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80"), nil
	}
	return u.Host, nil
}

// A streamRun is one measurement.
type streamRun struct {
	cfg    StreamsConfig
	host   string
	api    *api
	path   string // of the room
	etag   string
	faults faults
	loop   *streamLoop
}

// MeasureStreams holds many watchers of one room and changes it. The error says that it could not be run.
func MeasureStreams(ctx context.Context, cfg StreamsConfig) (*StreamsReport, error) {
	host, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	if err := sock.RaiseFileLimit(uint64(cfg.Count) + 256); err != nil {
		return nil, err
	}
	r := &streamRun{cfg: cfg, host: host, api: newAPI(cfg.URL, cfg.APIKey, 2), faults: faults{log: func(string) {}}}
	defer r.api.close()
	if err := checkGame(ctx, cfg.URL, cfg.APIKey, cfg.Game, 1); err != nil {
		return nil, err
	}
	var made struct {
		ID string `json:"id"`
	}
	if _, err := r.api.call(ctx, "POST", "/v1/rooms", roomRequest{Game: cfg.Game, Options: []byte("{}")}, &made); err != nil {
		return nil, err
	}
	r.path = "/v1/rooms/" + made.ID
	if r.etag, err = r.api.call(ctx, "GET", r.path, nil, nil); err != nil {
		return nil, err
	}
	before := r.look(ctx)
	if r.loop, err = newStreamLoop(r.request(made.ID), cfg.Kind == "poll", r.etag, cfg.Count, &r.faults); err != nil {
		return nil, err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		r.loop.run(stop)
	}()
	dialing, cancel := context.WithCancel(ctx)
	var dialers sync.WaitGroup
	for range streamDialers {
		dialers.Go(func() { r.reopen(dialing) })
	}
	report, err := r.measure(ctx, before)
	cancel()
	dialers.Wait()
	close(stop)
	<-stopped
	if err != nil {
		return nil, err
	}
	return r.finish(report), nil
}

func (r *streamRun) look(ctx context.Context) *sample {
	return scrape(ctx, r.cfg.MetricsURL, metricsKey(r.cfg.URL, r.cfg.MetricsURL, r.cfg.APIKey))
}

// request is what each stream sends, up to the header that a poll adds.
func (r *streamRun) request(id string) string {
	text := "GET " + strings.ReplaceAll(r.cfg.Path, "{id}", id) + " HTTP/1.1\r\nHost: " + r.host + "\r\n"
	if r.cfg.APIKey != "" {
		text += "Authorization: Bearer " + r.cfg.APIKey + "\r\n"
	}
	if r.cfg.Kind == "sse" {
		text += "Accept: text/event-stream\r\n"
	}
	return text
}

// measure opens all streams, reads the server's memory, and changes the room.
func (r *streamRun) measure(ctx context.Context, before *sample) (*StreamsReport, error) {
	report := &StreamsReport{Kind: r.cfg.Kind, Count: r.cfg.Count}
	r.open(ctx)
	pause(ctx, r.cfg.settle)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if r.loop.open.Load() == 0 {
		return nil, fmt.Errorf("no stream could be opened:\n  %s", strings.Join(r.faults.all(), "\n  "))
	}
	if after := r.look(ctx); before != nil && after != nil {
		each := round((after.values[metricRSS] - before.values[metricRSS]) / float64(r.cfg.Count))
		report.RSSBytesPerStream = &each
	}
	for n := 1; n <= r.cfg.Changes && ctx.Err() == nil; n++ {
		r.waitOpen(ctx)
		missed, err := r.change(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("change %d of the room: %w", n, err)
		}
		report.Missed += missed
	}
	return report, ctx.Err()
}

// open connects all streams. Those that cannot be are faults, and miss every change.
func (r *streamRun) open(ctx context.Context) {
	var next, done atomic.Int64
	var dialers sync.WaitGroup
	start := time.Now()
	for range streamDialers {
		dialers.Go(func() {
			for i := next.Add(1) - 1; i < int64(r.cfg.Count) && ctx.Err() == nil; i = next.Add(1) - 1 {
				fd, err := r.dial(ctx, int(i))
				if err != nil {
					r.faults.add("open a stream: %s", cause(err))
					continue
				}
				r.loop.adopt(fd)
				if n := done.Add(1); n%100 == 0 {
					r.cfg.Progress(Progress{Phase: "opening", Elapsed: time.Since(start), Joined: int(n), Bots: r.cfg.Count})
				}
			}
		})
	}
	dialers.Wait()
}

// dial opens the socket of the i-th stream.
func (r *streamRun) dial(ctx context.Context, i int) (fd int, err error) {
	d := net.Dialer{Timeout: apiTimeout}
	ip := net.ParseIP(hostOf(r.host))
	if source := i / perSource; source > 0 && ip.To4() != nil && ip.IsLoopback() { // all of 127.0.0.0/8 is this machine
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, byte(source/250), byte(1+source%250))}
	}
	conn, err := d.DialContext(ctx, "tcp", r.host)
	if err != nil {
		return -1, err
	}
	return sock.DupOut(conn)
}

// reopen gives polls new sockets until ctx ends.
func (r *streamRun) reopen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-r.loop.again:
			fd, err := r.dial(ctx, a.index)
			switch {
			case err != nil && ctx.Err() != nil:
				return
			case err != nil:
				r.faults.add("open a stream again: %s", cause(err))
				fd = -1
			}
			a.fd = fd
			r.loop.arrive(a)
		}
	}
}

func hostOf(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return hostPort
	}
	return host
}

// waitOpen gives polls that were answered time to ask again, on new sockets: one that is not there when the room changes is told
// when it asks, and that is not what is measured.
func (r *streamRun) waitOpen(ctx context.Context) {
	for start := time.Now(); ctx.Err() == nil && time.Since(start) < r.cfg.giveUp && r.loop.asking.Load() > 0; {
		pause(ctx, 10*time.Millisecond)
	}
	pause(ctx, r.cfg.settle)
}

// change makes the n-th change and waits until all have it; missed is how many have not.
func (r *streamRun) change(ctx context.Context, n int) (missed int, err error) {
	r.loop.expect(uint32(n))
	body := map[string]any{"metadata": map[string]string{"n": strconv.Itoa(n)}}
	if r.etag, err = r.api.call(ctx, "PATCH", r.path, body, nil, "If-Match", r.etag); err != nil {
		return 0, err
	}
	start := time.Now()
	for ctx.Err() == nil && time.Since(start) < r.cfg.giveUp && int(r.loop.reached.Load()) < r.cfg.Count {
		r.cfg.Progress(Progress{Phase: fmt.Sprintf("change %d", n), Elapsed: time.Since(start), Of: r.cfg.giveUp, Joined: int(r.loop.reached.Load()), Bots: r.cfg.Count})
		if r.loop.open.Load() == 0 {
			break
		}
		pause(ctx, 10*time.Millisecond)
	}
	return r.cfg.Count - int(r.loop.reached.Load()), nil
}

// finish checks, once the loop has stopped.
func (r *streamRun) finish(report *StreamsReport) *StreamsReport {
	h := r.loop.reach
	report.ReachMS = Gap{P50: ms(h, 50), P99: ms(h, 99), Max: ms(h, 100)}
	if report.Missed > 0 {
		r.faults.add("%d of %d × %d changes did not arrive within %v", report.Missed, r.cfg.Count, r.cfg.Changes, r.cfg.giveUp)
	}
	if report.ReachMS.Max > float64(maxReach.Milliseconds()) {
		r.faults.add("the last stream heard of a change after %.0f ms, want %v at most", report.ReachMS.Max, maxReach)
	}
	if v := report.RSSBytesPerStream; v == nil {
		r.faults.add("no metrics at %s: the memory of a stream cannot be told", r.cfg.MetricsURL)
	} else if *v > maxStreamBytes {
		r.faults.add("the server needs %.1f KiB for a stream, want %d at most", *v/1024, maxStreamBytes>>10)
	}
	report.Errors = r.faults.all()
	return report
}

// newReach is a histogram for the loop.
func newReach() *hdrhistogram.Histogram { return hdrhistogram.New(1, histMax, histDigits) }
