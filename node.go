package ringside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringside-server/ringside/internal/admin"
	"github.com/ringside-server/ringside/internal/clock"
	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/journal"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/stream"
	"github.com/ringside-server/ringside/matchmaker"
	"github.com/ringside-server/ringside/raftstore"
	"github.com/ringside-server/ringside/room"
)

// startTimeout bounds how long a node waits for its log to be replayed and to lead.
const startTimeout = 60 * time.Second

// A Node is a running node.
type Node struct {
	// Immutable after Start.
	cfg      Config
	programs []*room.Program
	dir      *matchmaker.Directory
	store    *raftstore.Store
	matcher  *matchmaker.Matchmaker
	reports  *directory
	journal  *journal.Store
	crashes  *crash.History // nil: the process is not the node's
	watch    *crash.Watch   // nil: nobody keeps what a crash says
	host     *host.Host
	hub      *stream.Hub
	gate     *gate
	listener net.Listener
	server   *http.Server
	failed   chan error
	started  time.Time
	monitor  *admin.Monitor
	guard    *guard
	clock    *clock.Clock

	// Nil without an address of its own for operators.
	adminListener net.Listener
	adminServer   *http.Server

	assigned chan struct{} // closed when the host has been told the rooms of the process before

	stop     context.CancelFunc // ends the goroutines below
	running  sync.WaitGroup
	ready    atomic.Bool
	closeErr error
	closing  sync.Once
}

// Start runs a node. When it returns without an error the node is serving; Close ends it. ctx bounds the start only.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg.fillDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, started: time.Now(), failed: make(chan error, 3), assigned: make(chan struct{})}
	run, stop := context.WithCancel(context.Background())
	n.stop = stop
	if err := n.start(ctx, run); err != nil {
		shut, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, n.Close(shut))
	}
	return n, nil
}

// start brings the parts up in the order in which they need each other: games, listener, log, directory, journal, host, HTTP, rooms. The
// listener comes early because "address in use" is the most likely thing to fail, and should be said before anything is
// written to disk.
func (n *Node) start(ctx, run context.Context) (err error) {
	for _, def := range n.cfg.Games {
		p, err := room.Compile(def)
		if err != nil {
			return err
		}
		n.programs = append(n.programs, p)
	}
	n.fitFiles()
	if n.gate, err = newGate(ctx, &n.cfg); err != nil {
		return err
	}
	if n.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w (choose another address with -listen)", err)
	}
	if err := n.listenAdmin(ctx); err != nil {
		return err
	}
	if err := n.openDirectory(ctx); err != nil {
		return err
	}
	if err := n.openJournal(); err != nil {
		return err
	}
	if err := n.openCrashes(); err != nil {
		return err
	}
	if n.host, err = host.New(n.hostConfig()); err != nil {
		return err
	}
	if err := n.host.Start(); err != nil {
		return err
	}
	n.monitor = admin.NewMonitor(n.counters)
	n.running.Go(func() { n.monitor.Run(run) })
	n.running.Go(func() { n.guard.monitor.Run(run) })
	n.serve()
	n.serveAdmin()
	if err := n.register(ctx); err != nil {
		return err
	}
	n.running.Go(func() { n.gate.run(run) })
	n.reportCrash()
	since := n.assign(0)
	close(n.assigned)
	n.restore(ctx)
	n.running.Go(func() { n.reconcile(run, since) })
	n.running.Go(func() { n.watchLog(run) })
	n.ready.Store(true)
	n.crashReady()
	n.cfg.Log.Info().Str("listen", n.Addr()).Str("data", n.cfg.Data).Str("backend", n.cfg.Backend).Str("sends", string(n.host.Sends())).
		Int("workers", n.cfg.Workers).Int("games", len(n.programs)).Uint64("open_files", sock.FileLimit()).
		Uint64("max_memory", n.guard.memory.Limit()).Str("max_memory_of", n.guard.from).Int64("memory_target", n.guard.soft).
		Int("processors", runtime.GOMAXPROCS(0)).Str("gogc", n.guard.pace.Span()).Msg("node is serving")
	return nil
}

// openDirectory opens the log and the directory behind it, and waits until the log has been replayed.
func (n *Node) openDirectory(ctx context.Context) (err error) {
	n.dir = matchmaker.NewDirectory()
	n.store, err = raftstore.Open(raftstore.Config{
		Dir: n.cfg.Data, Node: n.cfg.Node, Addr: n.Addr(), Logger: n.cfg.Log.With().Str("part", "log").Logger(),
	}, n.dir)
	if err != nil {
		return n.dataError("open the log", err)
	}
	wait, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := n.store.WaitLeader(wait); err != nil {
		return n.dataError("replay the log", err)
	}
	queues, err := n.cfg.queues()
	if err != nil {
		return err
	}
	secret, err := n.cfg.webhookSecret()
	if err != nil {
		return err
	}
	n.startClock()
	if n.guard, err = n.newGuard(); err != nil {
		return err
	}
	n.hub = stream.New(n.cfg.streamConfig(n.gate.refusal))
	n.matcher, err = matchmaker.New(matchmaker.Config{
		MaxRooms: n.cfg.MaxRooms, URL: n.socketURL(), Caller: n.gate.caller, Public: n.gate.public(), Kick: n.kick, End: n.endRoom, Hub: n.hub,
		MaxTickets: n.cfg.Limits.MaxTickets, LimitTickets: n.cfg.Limits.LimitTickets, LimitCodes: n.cfg.Limits.LimitCodes, Limited: n.gate.refusal,
		Queues: queues, Webhook: matchmaker.Webhook{URL: n.cfg.Webhook, Secret: secret},
		Short: n.guard.short, Now: n.clock.Now, Wall: n.cfg.wall, Logger: n.cfg.Log.With().Str("part", "matchmaker").Logger(),
	}, n.dir, n.store)
	n.reports = &directory{m: n.matcher, log: n.cfg.Log}
	return err
}

// register says that this incarnation of the node is here, and is assigned the rooms of the one before.
func (n *Node) register(ctx context.Context) error {
	node := matchmaker.Node{Name: n.cfg.Node, Incarnation: uint64(n.clock.Now().UnixMilli()), Addr: n.Addr()}
	for _, p := range n.programs {
		d := &p.Def
		node.Games = append(node.Games, matchmaker.Game{
			Name: d.Name, Version: d.Version, MaxPlayers: d.MaxPlayers, TickHz: d.TickHz, SendHz: d.SendHz,
		})
	}
	if err := n.matcher.RegisterNode(ctx, node); err != nil {
		return fmt.Errorf("register node %q: %w", n.cfg.Node, err)
	}
	return nil
}

// hostConfig says how rooms run here.
func (n *Node) hostConfig() host.Config {
	return host.Config{
		Games: n.programs, Seats: seats{n.matcher, n.clock}, Directory: n.reports, Journal: keeper{n.journal}, Crashes: n.blamed(),
		Backend: host.Backend(n.cfg.Backend), Sends: host.Sends(n.cfg.Sends), Workers: n.cfg.Workers, MaxConnections: n.cfg.MaxConnections,
		MaxHandshakes: n.cfg.Limits.MaxHandshakes, HelloTimeout: n.cfg.Limits.HelloTimeout, SlowTimeout: n.cfg.Limits.SlowTimeout,
		IdleTimeout: n.cfg.Limits.IdleTimeout, MaxFaults: n.cfg.Limits.MaxFaults, Limited: n.gate.refusal,
		FaultDir: filepath.Join(n.cfg.Data, "faults"), Origin: n.gate.edge.OriginAllowed, Plant: n.cfg.plant,
		Log: n.cfg.Log.With().Str("part", "host").Logger(),
	}
}

// reconcile makes the host run what the directory assigns to this node. It compares states, so a change that it misses is
// seen with the next; since is the version of what the host has been told.
func (n *Node) reconcile(ctx context.Context, since uint64) {
	again := time.NewTicker(5 * time.Second)
	defer again.Stop()
	for {
		changed := n.dir.Changed()
		since = n.assign(since)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-again.C:
			if n.reports.retry(ctx) {
				since = 0 // what became of rooms is said again when all are listed
			}
		}
	}
}

// assign tells the host what has changed since a version of the assignments, or for 0 all of them, and returns the version it
// knows then.
func (n *Node) assign(since uint64) uint64 {
	version, list, over, all := n.dir.AssignmentChanges(n.cfg.Node, since)
	if all {
		n.host.Reconcile(assignments(list))
	} else {
		n.host.Assign(assignments(list), over)
	}
	return version
}

// watchLog reports a log that cannot go on.
func (n *Node) watchLog(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-n.store.Failed():
		n.failed <- errors.New("the log cannot be applied any further; see the log of this node")
	}
}

// Addr is the address the node listens on.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// Failed yields an error if the node cannot go on; it must then be closed.
func (n *Node) Failed() <-chan error { return n.failed }

// Close ends the node: no more calls, then no more rooms, then no more directory. It may be called again.
func (n *Node) Close(ctx context.Context) error {
	n.closing.Do(func() { n.closeErr = n.close(ctx) })
	return n.closeErr
}

// Shares of the time that Close has. Rooms are what it is for: calls that do not end must not take it.
const (
	callsTime   = 2 * time.Second // for calls that are being answered; a quarter of the time if that is less
	journalTime = 2 * time.Second // for the disk, behind everything else
)

// endCalls lets calls in progress end. Somebody who sends one slowly is cut off.
func (n *Node) endCalls(ctx context.Context) {
	share := callsTime
	if at, ok := ctx.Deadline(); ok {
		share = min(share, time.Until(at)/4)
	}
	calls, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	var err error
	if n.hub != nil {
		err = n.hub.Close(calls)
	}
	if n.server != nil {
		err = errors.Join(err, n.server.Shutdown(calls))
	}
	if err != nil {
		n.cfg.Log.Debug().Err(err).Msg("calls were cut off")
	}
}

func (n *Node) close(ctx context.Context) error {
	var errs []error
	if n.ready.Swap(false) {
		n.cfg.Log.Info().Msg("node is closing")
	}
	n.endCalls(ctx)
	if n.server != nil {
		errs = append(errs, n.server.Close())
	} else if n.listener != nil {
		errs = append(errs, n.listener.Close())
	}
	if n.adminServer != nil {
		errs = append(errs, n.adminServer.Close()) // a profile that is being taken is not waited for
	} else if n.adminListener != nil {
		errs = append(errs, n.adminListener.Close())
	}
	n.stop()
	n.running.Wait()
	n.gate.close()
	n.guard.close()
	if n.host != nil {
		errs = append(errs, n.host.Close(ctx))
	}
	if n.journal != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTime) // it is the rooms: it has time of its own
		errs = append(errs, n.journal.Sync(last), n.journal.Close())
		cancel()
	}
	if n.matcher != nil {
		n.matcher.Close()
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.watch != nil {
		errs = append(errs, n.watch.Close())
	}
	return errors.Join(errs...)
}
