package ringside_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/room"
)

// rogueEnv makes the test binary a server of the rogue game, as its main function would.
const rogueEnv = "RINGSIDE_TEST_ROGUE"

// A rogue counts, and does what ends a process.
type rogue struct {
	S struct {
		Sum  int
		Ring *ring
	}
	shared map[int]int
}

// A ring is a state that cannot be written down if it is one.
type ring struct{ Next *ring }

type order struct {
	What int32
}

type sum struct{ Sum int }

// What a rogue can be told.
const (
	count       = iota
	recurse     // without an end
	write       // to a map, by two goroutines
	boom        // in a goroutine
	anonymously // in one that does not say whose it is
	knot        // the ring: it cannot be written down any more
	hang        // in Step
	misuse      // the room, by a goroutine
)

var (
	orders = room.Message("order", 50, (*rogue).order)
	sums   = room.Kind[sum]("sum")
)

func rogueGame() ringside.Option {
	return ringside.WithGame(room.Definition{
		Name: "rogue", MaxPlayers: 1, Kinds: []room.AnyKind{sums}, Messages: []room.AnyMessage{orders},
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &rogue{}, nil },
	})
}

func (g *rogue) Join(*room.Room, *room.Player) error         { return nil }
func (g *rogue) Leave(*room.Room, *room.Player, room.Reason) {}
func (g *rogue) Step(*room.Room)                             {}
func (g *rogue) View(_ *room.Room, v *room.View)             { sums.Put(v, 1, sum{g.S.Sum}) }
func (g *rogue) State() any                                  { return &g.S }

func (g *rogue) order(r *room.Room, _ *room.Player, o order) error {
	switch o.What {
	case count:
		g.S.Sum++
	case recurse:
		g.S.Sum = g.deeper(1)
	case write:
		g.shared = map[int]int{}
		for range 2 {
			go g.writes()
		}
	case boom:
		go panic("boom")
	case anonymously:
		go func() {
			pprof.SetGoroutineLabels(context.Background())
			panic("boom")
		}()
	case knot:
		g.S.Ring = &ring{}
		g.S.Ring.Next = g.S.Ring
	case hang:
		r.Log().Info().Msg("the rogue hangs")
		<-make(chan struct{})
	case misuse:
		go r.Lock(true)
	}
	return nil
}

func (g *rogue) deeper(n int) int {
	if n == 0 {
		return g.S.Sum
	}
	return g.deeper(n+1) + 1
}

func (g *rogue) writes() {
	for {
		g.shared[1]++
	}
}

// A process is a server of the rogue game.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	data string
	done chan struct{} // it has ended

	mu    sync.Mutex
	log   bytes.Buffer // Guarded by mu.
	ready bool         // Guarded by mu.
}

// run starts a server in a folder, and waits until it is ready or has ended.
func runRogue(t *testing.T, addr, data string) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes")
	}
	p := &process{t: t, addr: addr, data: data, done: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], "-listen", addr, "-data", data, "-backend", "goroutine")
	p.cmd.Env = append(os.Environ(), rogueEnv+"=1")
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan struct{})
	go func() { // ends with the process
		defer close(p.done)
		in := bufio.NewScanner(out)
		for in.Scan() {
			p.mu.Lock()
			first := !p.ready && strings.HasPrefix(in.Text(), "ringside is ready")
			p.ready = p.ready || first
			p.mu.Unlock()
			if first {
				close(said)
			}
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	select {
	case <-said: // on another pipe than what is logged before
		wait(t, "the log", func() bool { return p.line("node is serving") != nil })
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("the server is not ready:\n%s", p.said())
	}
	return p
}

// Write takes what the process logs.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// line is the line logged with a message, nil if there is none.
func (p *process) line(message string) map[string]any {
	for line := range strings.Lines(p.said()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["message"] == message {
			return fields
		}
	}
	return nil
}

// kill ends the process with SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // or it has ended
	<-p.done
}

// crashes waits until the process has ended by itself.
func (p *process) crashes() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("the server does not crash:\n%s", p.said())
	}
}

// A gambler sits in a room of their own.
type gambler struct {
	*client.Client
	room string
}

// enter takes n seats, each in a room of its own.
func (p *process) enter(n int) (all []gambler) {
	p.t.Helper()
	for range n {
		g, err := p.sit()
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

// sit takes one seat, unless the process ends meanwhile.
func (p *process) sit() (gambler, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 15*time.Second)
	defer cancel()
	seat, err := client.Join(ctx, "http://"+p.addr, client.JoinRequest{Game: "rogue"})
	if err != nil {
		return gambler{}, err
	}
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
	if err != nil {
		return gambler{}, err
	}
	p.t.Cleanup(c.Close)
	return gambler{c, seat.Room}, nil
}

func (g gambler) sum() (n int32) {
	g.Do(func(core *client.Core, _ time.Duration) {
		if core.Cur() != nil {
			if vals := core.Cur().Find(0, 1); vals != nil {
				n = vals[0]
			}
		}
	})
	return n
}

// counts gives the rooms sums that tell them apart.
func counts(t *testing.T, all []gambler, from int32) {
	t.Helper()
	for i, g := range all {
		want := from + int32(i) + 1
		for g.sum() < want {
			before := g.sum()
			g.Message(0, count)
			wait(t, "the count", func() bool { return g.sum() > before })
		}
	}
	writtenDown(t, all)
}

// writtenDown gives the rooms half a second: what came last is lost with a process.
func writtenDown(t *testing.T, all []gambler) {
	t.Helper()
	for _, g := range all {
		at := g.tick()
		wait(t, "half a second", func() bool { return g.tick() >= at+10 })
	}
}

// tick is that of the newest state.
func (g gambler) tick() (n uint32) {
	g.Do(func(core *client.Core, _ time.Duration) {
		if core.Cur() != nil {
			n = core.Cur().Tick
		}
	})
	return n
}

// resumes is how many times the player has come back.
func (g gambler) resumes() (n uint64) {
	g.Do(func(core *client.Core, _ time.Duration) { n = core.Stats().Resumes })
	return n
}

// freeAddr is an address of this machine that nobody listens on, and that a server can have again and again.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func files(t *testing.T, pattern ...string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
