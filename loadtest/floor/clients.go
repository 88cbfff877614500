package floor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/sock"
)

// nap is how long the clients sleep between two looks at their sockets, as the load test's bots do.
const nap = time.Millisecond

// clients are all of them, driven by one goroutine.
type clients struct {
	epoll  *sock.Epoll
	events [512]sock.Event
	fds    []int
	input  []byte
	in     []byte
	every  time.Duration // between two inputs of one client; 0: none
	stop   chan struct{}
	done   sync.WaitGroup
	procs  int // GOMAXPROCS before
}

// dial connects them in order, which is what tells the server their rooms.
func dial(ctx context.Context, cfg *Config, address string) (*clients, error) {
	if err := sock.RaiseFileLimit(uint64(cfg.connections()) + 256); err != nil {
		return nil, err
	}
	e, err := sock.NewEpoll()
	if err != nil {
		return nil, err
	}
	c := &clients{epoll: e, input: cfg.input(), in: make([]byte, 64<<10), stop: make(chan struct{})}
	if cfg.InputHz > 0 {
		c.every = time.Duration(float64(time.Second) / cfg.InputHz)
	}
	for range cfg.connections() {
		conn, err := dialOne(ctx, cfg, address)
		if err == nil {
			var fd int
			if fd, err = sock.DupOut(conn); err == nil {
				c.fds = append(c.fds, fd)
				if err = e.Add(fd, sock.In|sock.RdHup, uint64(fd)); err != nil {
					err = fmt.Errorf("watch: %w", err)
				}
			}
		}
		if err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// dialOne opens a connection.
func dialOne(ctx context.Context, cfg *Config, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the floor: %w", err)
	}
	if cfg.WebSocket {
		conn.SetDeadline(time.Now().Add(connectWithin))
		// A frame that came with the answer is lost, as is all that these clients receive.
		if _, _, err := (ws.Dialer{}).Upgrade(conn, &url.URL{Scheme: "ws", Host: address, Path: "/"}); err != nil {
			conn.Close()
			return nil, fmt.Errorf("upgrade: %w", err)
		}
		conn.SetDeadline(time.Time{})
	}
	return conn, nil
}

// input is what each client sends.
func (c *Config) input() []byte {
	if !c.WebSocket {
		return make([]byte, c.InputBytes)
	}
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(make([]byte, Payload(c.InputBytes, true)))))
}

func (c *clients) start() {
	c.procs = runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	c.done.Go(c.run)
}

func (c *clients) close() {
	close(c.stop)
	c.done.Wait()
	if c.procs > 0 {
		runtime.GOMAXPROCS(c.procs)
	}
	for _, fd := range c.fds {
		_ = sock.Close(fd)
	}
	c.epoll.Close()
}

// run sends each client's inputs at a phase of its own, evenly spread, and throws away what comes. That a connection has ended is the
// measured process's to report.
func (c *clients) run() {
	origin := time.Now()
	order := phases(len(c.fds))
	for sent := 0; ; {
		select {
		case <-c.stop:
			return
		default:
		}
		// Connections that have ended are ready for ever: as often as it takes to ask each once, and no more.
		for range len(c.fds)/len(c.events) + 1 {
			n, err := c.epoll.Wait(c.events[:], 0)
			if err != nil {
				return
			}
			for i := range c.events[:n] {
				_, _ = sock.Recv(int(c.events[i].Data()), c.in)
			}
			if n < len(c.events) {
				break
			}
		}
		if c.every > 0 {
			// The sends of one period are evenly apart, so the number of those that are due follows from the time.
			due := int(float64(time.Since(origin)) / float64(c.every) * float64(len(c.fds)))
			for ; sent < due; sent++ {
				_, _ = sock.Send(c.fds[order[sent%len(order)]], c.input)
			}
		}
		sock.Sleep(nap)
	}
}

// phases is the order in which n clients send: neighbours are far from each other, so that a room's inputs do not come at once.
func phases(n int) []int {
	step := max(1, int(float64(n)*0.618))
	for gcd(step, n) != 1 {
		step++
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i * step % n
	}
	return order
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
