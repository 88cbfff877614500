package ringside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ringside-server/ringside/internal/admin"
	"github.com/ringside-server/ringside/internal/backup"
	"github.com/ringside-server/ringside/internal/edge"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/identity"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/raftstore"
)

// Bounds of the connections to operators' own listener, which strangers may reach, too.
const (
	maxAdminCalls      = 1024
	maxAdminPerAddress = 64
)

// This file is where the operator's side meets the node: who may come, what is served where, and what a backup is made of.

// validateAdmin refuses an admin listener that strangers could reach without a key.
func (c *Config) validateAdmin() error {
	if c.AdminListen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.AdminListen); err != nil {
		return fmt.Errorf("%w: -admin-listen: %q is not host:port", ErrConfig, c.AdminListen)
	}
	if !loopback(c.AdminListen) && len(c.APIKeys) == 0 && c.APIKeyFile == "" {
		return fmt.Errorf("%w: -admin-listen: %q can be reached from other machines: set -api-key (or RINGSIDE_API_KEY), too", ErrConfig, c.AdminListen)
	}
	return nil
}

// loopback reports whether only this machine reaches an address.
func loopback(addr string) bool {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// listenAdmin opens the admin listener, if there is one of its own.
func (n *Node) listenAdmin(ctx context.Context) (err error) {
	if n.cfg.AdminListen == "" {
		return nil
	}
	if n.adminListener, err = new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.AdminListen); err != nil {
		return fmt.Errorf("listen: %w (choose another address with -admin-listen)", err)
	}
	return nil
}

// serveAdmin answers operators on the listener of their own.
func (n *Node) serveAdmin() {
	if n.adminListener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", n.serveReady)
	mux.Handle("GET /{$}", http.RedirectHandler("/admin/", http.StatusFound))
	n.registerAdmin(mux)
	n.adminServer = newServer(n.gate.edge.Wrap(mux), n.cfg.Log)
	n.adminServer.ConnState = n.gate.admin.ConnState
	n.running.Go(func() {
		if err := n.adminServer.Serve(n.adminListener); !errors.Is(err, http.ErrServerClosed) {
			n.failed <- err
		}
	})
}

// mainAdmin adds to the main listener what operators get there: nothing where they have a listener of their own.
func (n *Node) mainAdmin(mux *http.ServeMux) {
	if n.adminListener == nil {
		n.registerAdmin(mux)
	}
}

func (n *Node) registerAdmin(mux *http.ServeMux) {
	admin.Register(mux, admin.Config{
		Node: operated{n}, Monitor: n.monitor, Allowed: n.operator, Log: n.cfg.Log.With().Str("part", "admin").Logger(),
	})
	mux.HandleFunc("/metrics", wrongMethod)
	mux.Handle("GET /metrics", admin.Guard(n.operator, promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{})))
}

// operator says why somebody may not operate the node, nil if they may: whoever shows an API key, and without one programs on
// this machine, if nobody else reaches the listener.
func (n *Node) operator(r *http.Request) error {
	ok, problem := n.gate.auth.HoldsKey(r)
	switch {
	case ok:
		return nil
	case problem != nil:
		return problem
	case n.adminListener != nil && loopback(n.AdminAddr()), edge.Open(r.Context()):
		return fromThisMachine(r)
	}
	no := n.gate.auth.Refusal(identity.Principal{}, identity.Manage)
	if no.Status == http.StatusForbidden {
		return fmt.Errorf("%w: %s", admin.ErrForbidden, no.Detail)
	}
	return errors.New(no.Detail)
}

// fromThisMachine lets in programs and browsers on this machine that mean this node. A proxy's requests come from this machine too
// and say whom they are for; a page that made its own name lead here (DNS rebinding) says that name.
func fromThisMachine(r *http.Request) error {
	if !loopback(r.RemoteAddr) {
		return fmt.Errorf("%w: only from this machine", admin.ErrForbidden)
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return fmt.Errorf("%w: not through a proxy; see -admin-listen", admin.ErrForbidden)
		}
	}
	// A page of another site cannot read an answer, but it could have backups written and profiles taken by asking for one. Of
	// programs that are no browsers none says this.
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return fmt.Errorf("%w: not for pages of other sites", admin.ErrForbidden)
	}
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err != nil && name != "localhost" {
		return fmt.Errorf("%w: ask for localhost or an address, not for %q", admin.ErrForbidden, r.Host)
	}
	return nil
}

// AdminAddr is the address of the admin listener, "" if there is none of its own.
func (n *Node) AdminAddr() string {
	if n.adminListener == nil {
		return ""
	}
	return n.adminListener.Addr().String()
}

// operated is the node as the operator's side asks it.
type operated struct{ n *Node }

var _ admin.Node = operated{}

// Host implements admin.Node.
func (o operated) Host() *host.Host { return o.n.host }

// Status implements admin.Node.
func (o operated) Status() admin.Status {
	n, log := o.n, o.n.store.Stats()
	return admin.Status{
		Version: versionText(), Node: n.cfg.Node, Started: n.started, Listen: n.Addr(), Admin: n.AdminAddr(), Data: n.cfg.Data,
		Backend: n.cfg.Backend, Ready: n.ready.Load() && log.Leader, PID: os.Getpid(), CPUs: runtime.NumCPU(),
		Hardware: runtime.GOOS + "/" + runtime.GOARCH,
		Log: admin.LogStatus{
			Leader: log.Leader, Applied: log.Applied, Commands: log.Commands, Entries: log.Entries, Syncs: log.Syncs, Queued: log.Queued,
		},
		Pressure: n.guard.levels(),
		Limits:   admin.Limits{Rooms: n.cfg.MaxRooms, Connections: n.cfg.MaxConnections, Workers: n.cfg.Workers, Files: sock.FileLimit()},
	}
}

// counters is what the monitor reads.
func (n *Node) counters() admin.Counters {
	s, c := n.host.Stats(), admin.Counters{}
	c.Rooms, c.Starting, c.Players, c.Bots = n.host.Population()
	c.Connections, c.Goroutines, c.RSS = int(s.Connections.Load()), runtime.NumGoroutine(), residentBytes()
	c.FramesSent, c.FramesReceived = s.FramesSent.Load(), s.FramesReceived.Load()
	c.BytesSent, c.BytesReceived = s.BytesSent.Load(), s.BytesReceived.Load()
	c.Ticks, c.TicksLate, c.CPU = s.Ticks.Load(), s.TicksLate.Load(), sock.CPUTime()
	c.Late, c.Workers = n.host.LateCounts(), n.host.Workers()
	return c
}

// Parts of a backup.
const (
	partSnapshot = "log/snapshot"
	partRooms    = "rooms/"
)

// backupDetails is what a manifest says of them.
type backupDetails struct {
	Snapshot raftstore.SnapshotInfo `json:"snapshot"`
	Rooms    int                    `json:"rooms"`
	Missing  []string               `json:"rooms_missing"` // that did not answer
}

// roomTimeout is how long a room has to answer a backup.
const roomTimeout = 2 * time.Second

// Backup implements admin.Node: the directory first, then each room it may name. A room that ends meanwhile is not there and was
// over; one that began meanwhile is there and nobody looks for it.
func (o operated) Backup(ctx context.Context, w io.Writer) error {
	n := o.n
	dumps, details, err := n.beginBackup(w)
	if err != nil {
		return err
	}
	for _, r := range n.host.Rooms() {
		if r.State != "running" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		switch f, err := n.dump(ctx, r.ID); {
		case errors.Is(err, host.ErrNotRunning), errors.Is(err, host.ErrNoRoom):
		case err != nil:
			n.cfg.Log.Warn().Err(err).Str("room", r.ID).Msg("room not backed up")
			details.Missing = append(details.Missing, r.ID)
		default:
			details.Rooms++
			if err := dumps.Add(partRooms+r.ID+".dump", f.Append(nil)); err != nil {
				return err
			}
		}
	}
	return endBackup(dumps, details)
}

// beginBackup begins a backup with the directory.
func (n *Node) beginBackup(w io.Writer) (dumps *backup.Writer, details backupDetails, err error) {
	info, state, err := n.store.OpenSnapshot()
	if err != nil {
		return nil, details, fmt.Errorf("back up the directory: %w", err)
	}
	defer state.Close()
	directory, err := io.ReadAll(io.LimitReader(state, backup.MaxPart+1))
	if err != nil {
		return nil, details, fmt.Errorf("back up the directory: %w", err)
	}
	details = backupDetails{Snapshot: info, Missing: []string{}}
	dumps = backup.NewWriter(w, backup.Manifest{Node: n.cfg.Node, Version: versionText(), Taken: time.Now().UTC().Truncate(time.Second)})
	return dumps, details, dumps.Add(partSnapshot, directory)
}

func endBackup(dumps *backup.Writer, details backupDetails) error {
	text, err := json.Marshal(details)
	if err != nil {
		return err
	}
	return dumps.Close(text)
}

func (n *Node) dump(ctx context.Context, id string) (*host.FaultFile, error) {
	ctx, cancel := context.WithTimeout(ctx, roomTimeout)
	defer cancel()
	return n.host.Dump(ctx, id)
}

// holderText says who has a data folder.
func holderText(held *raftstore.LockedError) string {
	if held.PID == 0 {
		return "another ringside"
	}
	text := fmt.Sprintf("ringside pid %d (", held.PID)
	if held.Addr != "" {
		text += "listening on " + held.Addr + ", "
	}
	return text + "since " + held.Since.Local().Format(time.DateTime) + ")"
}
