package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/ringside-server/ringside/loadtest/floor"
	"github.com/ringside-server/ringside/loadtest/plain"
	"github.com/ringside-server/ringside/loadtest/swarm"
)

// A variant is a way to serve.
type variant struct {
	name, title string // the title is for the picture
	run         func(b *bench, ctx context.Context, connections int) (curveRun, error)
}

// variants are measured in this order: the floor and the plain server move messages of the sizes that were seen at a server.
var variants = []variant{
	{"ours", "ringside", func(b *bench, ctx context.Context, n int) (curveRun, error) { return b.node(ctx, n) }},
	{"floor", "bare system calls", (*bench).floor},
	{"portable", "ringside, portable", func(b *bench, ctx context.Context, n int) (curveRun, error) {
		return b.node(ctx, n, "-backend", "goroutine")
	}},
	{"plain", "plain goroutines", (*bench).plain},
	{"tls", "ringside, TLS", func(b *bench, ctx context.Context, n int) (curveRun, error) {
		return b.node(ctx, n, "-tls-cert", b.cert.chain, "-tls-key", b.cert.key)
	}},
	{"haproxy", "ringside behind HAProxy, TLS", (*bench).behindProxy},
}

func variantNames() (names []string) {
	for _, v := range variants {
		names = append(names, v.name)
	}
	return names
}

func variantByName(name string) (variant, bool) {
	i := slices.IndexFunc(variants, func(v variant) bool { return v.name == name })
	if i < 0 {
		return variant{}, false
	}
	return variants[i], true
}

func (v variant) place() int { return slices.Index(variantNames(), v.name) }

// A bench is what the runs of a curve share.
type bench struct {
	cfg     *curveConfig
	program string
	dir     string // of the certificate and the proxy's configuration
	cert    certificate
	meter   *meter
	sizes   floor.Config // as they were seen last
}

func newBench(cfg *curveConfig) (*bench, error) {
	b := &bench{cfg: cfg, meter: newMeter(os.Stderr)}
	var err error
	if b.program, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find the load test's program: %w", err)
	}
	if b.dir, err = os.MkdirTemp("", "ringside-curve-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	b.cert, err = selfSigned(b.dir)
	if err == nil {
		err = trust(b.cert.chain)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	b.meter.close()
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest: remove the curve's folder:", err)
	}
}

func (b *bench) run(ctx context.Context, v variant, connections int) (curveRun, error) {
	return v.run(b, ctx, connections)
}

// node measures a server of its own, started with these flags.
func (b *bench) node(ctx context.Context, connections int, args ...string) (curveRun, error) {
	n, err := newNode(ctx, syscall.SIGTERM, args...)
	if err != nil {
		return curveRun{}, err
	}
	defer n.close()
	r, err := b.play(ctx, b.bots(connections, n.url()))
	if err != nil {
		return curveRun{}, err
	}
	return runOf(r)
}

// bots is the load on a server.
func (b *bench) bots(connections int, url string) swarm.Config {
	return swarm.Config{
		URL: url, Game: b.cfg.game, Rooms: connections / b.cfg.players, Players: b.cfg.players, Duration: b.cfg.duration, Delivered: curveDelivered,
		Options: json.RawMessage("{}"), NewPlayer: players[b.cfg.game], Progress: b.meter.progress, Log: b.meter.line,
	}
}

// play runs the load and keeps the sizes of its messages.
func (b *bench) play(ctx context.Context, cfg swarm.Config) (*swarm.Report, error) {
	r, err := swarm.Run(ctx, cfg)
	switch {
	case err != nil:
		return nil, err
	case r.Interrupted:
		return nil, context.Canceled
	case r.Frames == 0:
		return nil, errors.New("no state came")
	}
	if cfg.InputHz == 0 {
		cfg.InputHz = 20 // swarm's default
	}
	b.sizes = floorOf(&cfg, r, b.program)
	return r, nil
}

// runOf is what a report says of the server.
func runOf(r *swarm.Report) (curveRun, error) {
	cpu, step := r.PerState()
	if cpu == 0 {
		return curveRun{}, errors.New("the server has shown no metrics")
	}
	return curveRun{CPUUS: cpu, StepUS: step, GapP99MS: r.FrameGapMS.P99, LateP99MS: r.Server.TickLateMS.P99, Errors: r.Errors}, nil
}

// floor measures bare system calls.
func (b *bench) floor(ctx context.Context, connections int) (curveRun, error) {
	return bareRun(floor.Measure(ctx, b.bare(connections)))
}

// plain measures the server of goroutines.
func (b *bench) plain(ctx context.Context, connections int) (curveRun, error) {
	return bareRun(plain.Measure(ctx, b.bare(connections)))
}

// bare is the load without a game; until a server was measured, with the sizes that floor.Config has for its defaults.
func (b *bench) bare(connections int) floor.Config {
	cfg := b.sizes
	if cfg.InputHz < 0 {
		cfg.InputBytes = 0 // any size will do
	}
	cfg.Program, cfg.Rooms, cfg.Players, cfg.Duration = b.program, connections/b.cfg.players, b.cfg.players, b.cfg.duration
	return cfg
}

func bareRun(r floor.Result, err error) (curveRun, error) {
	return curveRun{CPUUS: r.CPUUSPerFrame, LateP99MS: r.LateP99MS}, err
}

// behindProxy measures a server behind a proxy that speaks TLS for it: what both take counts.
func (b *bench) behindProxy(ctx context.Context, connections int) (curveRun, error) {
	front, err := freeAddress(ctx)
	if err != nil {
		return curveRun{}, err
	}
	key := rand.Text() // a node that others reach through a proxy wants one
	// The proxy is the address of all players.
	n, err := newNode(ctx, syscall.SIGTERM, "-api-key", key, "-advertise", "wss://"+front, "-trusted-proxies", "127.0.0.1/32", "-limit-ip", "0")
	if err != nil {
		return curveRun{}, err
	}
	defer n.close()
	text := fmt.Appendf(nil, proxyConfig, connections+proxySpare, front, b.cert.both, n.addr)
	p, err := startProxy(ctx, b.cfg.proxy, filepath.Join(b.dir, "haproxy.cfg"), front, text)
	if err != nil {
		return curveRun{}, err
	}
	defer p.close()
	cfg := b.bots(connections, "https://"+front)
	cfg.APIKey = key
	var from, to reading
	cfg.Progress = func(now swarm.Progress) {
		switch { // the first call of a phase is at its begin
		case now.Phase == "measuring" && from.at.IsZero():
			from = p.read()
		case now.Phase == "leaving" && to.at.IsZero():
			to = p.read()
		}
		b.meter.progress(now)
	}
	r, err := b.play(ctx, cfg)
	if err != nil {
		return curveRun{}, err
	}
	run, err := runOf(r)
	if err != nil {
		return curveRun{}, err
	}
	if err := errors.Join(from.err, to.err); err != nil {
		return curveRun{}, err
	}
	states := float64(r.Frames) / r.DurationS * to.at.Sub(from.at).Seconds()
	run.ProxyUS = float64(to.cpu-from.cpu) / float64(time.Microsecond) / states
	run.CPUUS += run.ProxyUS
	return run, nil
}
