package plain

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/loadtest/floor"
)

// Command is the argument with which Measure starts a program that is to call Serve.
const Command = "plain-under-test"

const (
	// upgradeWithin bounds a handshake, writeWithin one write: a client that takes longer is gone.
	upgradeWithin = 10 * time.Second
	writeWithin   = 5 * time.Second
	// readBuffer is what a connection's reader takes at once, which bounds a message as well.
	readBuffer = 4 << 10
)

// Measure serves connections, plays their clients and says what serving took.
func Measure(ctx context.Context, cfg floor.Config) (floor.Result, error) {
	cfg.Command, cfg.WebSocket = Command, true
	return floor.Measure(ctx, cfg)
}

// Serve is the measured process: it is told on in and answers on out what floor.Serve would.
func Serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	cfg, err := floor.ReadOrder(lines)
	if err != nil {
		return err
	}
	s := &server{stop: make(chan struct{})}
	defer s.close()
	if err := s.accept(&cfg, out); err != nil {
		return err
	}
	s.start(&cfg)
	fmt.Fprintln(out, "ready")
	if !lines.Scan() { // "begin"
		return io.ErrUnexpectedEOF
	}
	from, cpu, before := time.Now(), sock.CPUTime(), s.count()
	s.measuring.Store(true)
	if !lines.Scan() { // "end"
		return io.ErrUnexpectedEOF
	}
	t := s.count()
	t.Took, t.CPU = time.Since(from), sock.CPUTime()-cpu
	t.Inputs, t.Frames, t.Wakes = t.Inputs-before.Inputs, t.Frames-before.Frames, t.Wakes-before.Wakes
	s.close()
	for _, r := range s.rooms {
		t.Late = append(t.Late, r.late...)
	}
	return json.NewEncoder(out).Encode(&t)
}

// A server is its rooms and the goroutines that serve them.
type server struct {
	rooms     []*room
	measuring atomic.Bool
	stop      chan struct{}
	once      sync.Once
	done      sync.WaitGroup
}

// accept takes and upgrades the connections in the order in which they come: those of a room after each other.
func (s *server) accept(cfg *floor.Config, out io.Writer) error {
	connections := cfg.Rooms * cfg.Players
	if err := sock.RaiseFileLimit(uint64(connections) + 256); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	frame, err := ws.CompileFrame(ws.NewBinaryFrame(make([]byte, floor.Payload(cfg.StateBytes, false))))
	if err != nil {
		return fmt.Errorf("make the frame: %w", err)
	}
	fmt.Fprintln(out, l.Addr())
	for i := range connections {
		if i%cfg.Players == 0 {
			s.rooms = append(s.rooms, &room{server: s, frame: frame})
		}
		_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(upgradeWithin))
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		r := s.rooms[len(s.rooms)-1]
		r.players = append(r.players, &player{conn: conn})
		conn.SetDeadline(time.Now().Add(upgradeWithin))
		if _, err := ws.Upgrade(conn); err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
		conn.SetDeadline(time.Time{})
	}
	return nil
}

// start runs everything. Rooms tick on the slots of package floor, so that as many of them wake together as there.
func (s *server) start(cfg *floor.Config) {
	period := time.Second / time.Duration(cfg.Hz)
	slots := floor.Slots(cfg.Hz)
	origin := time.Now()
	for i, r := range s.rooms {
		for _, p := range r.players {
			s.done.Go(p.read)
		}
		first := origin.Add(time.Duration(i%slots) * period / time.Duration(slots))
		s.done.Go(func() { r.run(first, period) })
	}
}

// close ends what runs and waits for it. It may be called twice.
func (s *server) close() {
	s.once.Do(func() { close(s.stop) })
	for _, r := range s.rooms {
		for _, p := range r.players {
			p.conn.Close()
		}
	}
	s.done.Wait()
}

func (s *server) count() (t floor.Tally) {
	for _, r := range s.rooms {
		t.Inputs += r.inputs.Load()
		t.Frames += r.frames.Load()
		t.Wakes += r.wakes.Load()
	}
	return t
}
