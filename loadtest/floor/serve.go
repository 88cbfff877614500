package floor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

// Command is the argument with which Measure starts a program that is to call Serve.
const Command = "floor-under-test"

// order is what the process is told on its standard input: a line of JSON, then lines that say "begin" and "end".
type order struct {
	Config
	Connections bool `json:"connections"` // false: an empty loop
}

// A Tally is what the process answers.
type Tally struct {
	CPU    time.Duration `json:"cpu"`
	Took   time.Duration `json:"took"`
	Inputs uint64        `json:"inputs"` // receives that were not dry
	Frames uint64        `json:"frames"` // sends
	Wakes  uint64        `json:"wakes"`
	Late   []int64       `json:"late"` // of the wakes, in ns
}

// socketOptions are those of the server.
var socketOptions = sock.Options{NoDelay: true, SendBuffer: 16 << 10, NotSentLowat: 1 << 10, UserTimeout: 20 * time.Second}

// Serve is the measured process: it reads its order from in, answers on out with the address it listens at and, in the end, with what
// it counted. It returns when the measurement is over or in has ended.
func Serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	o, err := readOrder(lines)
	if err != nil {
		return err
	}
	s := &server{frame: make([]byte, o.StateBytes), in: make([]byte, maxBytes)}
	defer s.close()
	if o.Connections {
		if err := s.accept(&o.Config, out); err != nil {
			return err
		}
	} else {
		s.slots = []*slot{{period: gridStep}}
		fmt.Fprintln(out, "ready")
	}
	ended := make(chan error, 1)
	go func() { ended <- s.run() }()
	if !lines.Scan() { // "begin"
		return io.ErrUnexpectedEOF
	}
	s.phase.Store(measuring)
	if !lines.Scan() { // "end"
		return io.ErrUnexpectedEOF
	}
	s.phase.Store(over)
	if err := <-ended; err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(&s.tally)
}

// readOrder is the first line that the process hears.
func readOrder(lines *bufio.Scanner) (o order, err error) {
	if !lines.Scan() {
		return o, io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	return o, o.prepare()
}

// ReadOrder is for what answers in place of Serve: it says what to serve.
func ReadOrder(lines *bufio.Scanner) (Config, error) {
	o, err := readOrder(lines)
	return o.Config, err
}

// The phases of a server.
const (
	warming int32 = iota
	measuring
	over
)

// A slot is the connections that are read and written in the same wake.
type slot struct {
	period time.Duration
	due    time.Duration
	epoll  *sock.Epoll
	events []sock.Event
	fds    []int
}

// A server is the loop. Only phase is touched by others while it runs.
type server struct {
	phase atomic.Int32
	slots []*slot
	frame []byte
	in    []byte
	tally Tally
}

// accept takes the connections in the order in which they come: those of a room after each other.
func (s *server) accept(cfg *Config, out io.Writer) error {
	if err := sock.RaiseFileLimit(uint64(cfg.connections()) + 256); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	period := time.Second / time.Duration(cfg.Hz)
	n := Slots(cfg.Hz)
	for i := range n {
		e, err := sock.NewEpoll()
		if err != nil {
			return err
		}
		s.slots = append(s.slots, &slot{period: period, due: time.Duration(i) * period / time.Duration(n), epoll: e})
	}
	fmt.Fprintln(out, l.Addr())
	for i := range cfg.connections() {
		_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(connectWithin))
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		fd, err := sock.DupOut(conn)
		if err != nil {
			return err
		}
		slot := s.slots[i/cfg.Players%n]
		slot.fds = append(slot.fds, fd)
		if err := socketOptions.Set(fd); err != nil {
			return err
		}
		if err := slot.epoll.Add(fd, sock.In|sock.RdHup, uint64(fd)); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	for _, slot := range s.slots {
		slot.events = make([]sock.Event, len(slot.fds)+1)
	}
	s.slots = slices.DeleteFunc(s.slots, func(t *slot) bool {
		if len(t.fds) == 0 {
			t.epoll.Close()
		}
		return len(t.fds) == 0
	})
	fmt.Fprintln(out, "ready")
	return nil
}

func (s *server) close() {
	for _, t := range s.slots {
		for _, fd := range t.fds {
			_ = sock.Close(fd)
		}
		if t.epoll != nil {
			t.epoll.Close()
		}
	}
}

// maxWakes is how many wakes the lateness of which is kept: ten minutes on the grid.
const maxWakes = 120_000

// run goes on until the phase is over. It keeps its thread and its processor, and nothing collects garbage meanwhile: there is none.
func (s *server) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	s.tally.Late = make([]int64, 0, maxWakes)
	origin := time.Now()
	var from, cpu time.Duration
	phase := warming
	for {
		next := s.slots[0]
		for _, t := range s.slots[1:] {
			if t.due < next.due {
				next = t
			}
		}
		now := time.Since(origin)
		for ; now < next.due; now = time.Since(origin) { // a signal ends a sleep early
			sock.Sleep(next.due - now)
		}
		if p := s.phase.Load(); p != phase {
			phase = p
			switch p {
			case measuring:
				s.tally = Tally{Late: s.tally.Late[:0]}
				from, cpu = now, sock.CPUTime()
			case over:
				s.tally.Took, s.tally.CPU = now-from, sock.CPUTime()-cpu
				return nil
			}
		}
		if len(s.tally.Late) < cap(s.tally.Late) {
			s.tally.Late = append(s.tally.Late, int64(now-next.due))
		}
		s.tally.Wakes++
		for next.due <= now { // a wake that comes a tick too late makes one of two
			next.due += next.period
		}
		if err := s.wake(next); err != nil {
			return err
		}
	}
}

// wake reads what has arrived at a slot's connections and writes one frame to each.
func (s *server) wake(t *slot) error {
	if t.epoll == nil {
		return nil
	}
	n, err := t.epoll.Wait(t.events, 0)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	for i := range t.events[:n] {
		if _, err := sock.Recv(int(t.events[i].Data()), s.in); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
	}
	s.tally.Inputs += uint64(n)
	for _, fd := range t.fds {
		if _, err := sock.Send(fd, s.frame); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	s.tally.Frames += uint64(len(t.fds))
	return nil
}
