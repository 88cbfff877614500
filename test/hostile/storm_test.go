package hostile_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

// settling notes what a node holds, and returns what waits until it holds no more than that, less what so many sockets take:
// sockets, descriptors, goroutines.
func settling(t *testing.T, node *rig.Node) (settled func(gone int)) {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", node.PID()))
	if err != nil {
		t.Skip("skipped: this system does not show a process's open files")
	}
	sockets, goroutines := node.Metric(t, "ringside_connections"), node.Metric(t, "ringside_process_goroutines")
	return func(gone int) {
		t.Helper()
		rig.Eventually(t, 20*time.Second, "sockets, descriptors and goroutines to be what they were", func() bool {
			now, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", node.PID()))
			return err == nil && len(now) <= len(list)-gone+4 && node.Metric(t, "ringside_connections") == sockets-float64(gone) &&
				node.Metric(t, "ringside_process_goroutines") <= goroutines+4
		})
	}
}

// eachBackend runs a test under each way of serving sockets that this system has.
func eachBackend(t *testing.T, test func(t *testing.T, backend string)) {
	for _, backend := range []string{"epoll", "goroutine"} {
		t.Run(backend, func(t *testing.T) {
			if backend == "epoll" && runtime.GOOS != "linux" {
				t.Skip("skipped: epoll is a thing of Linux")
			}
			test(t, backend)
		})
	}
}

// source is an address of this machine: every one of 127.0.0.0/8 is on Linux, so that no address runs out of ports.
func source(i int) string {
	if runtime.GOOS != "linux" {
		return ""
	}
	return fmt.Sprintf("127.7.%d.%d", i/250%250, 1+i%250)
}

// Five thousand come each second for two seconds, and do not stay.
func TestConnectStorm(t *testing.T) {
	const rate, seconds, callers = 5000, 2, 20
	eachBackend(t, func(t *testing.T, backend string) {
		node, others := neighbourhood(t, "-backend", backend)
		settled := settling(t, node)
		others.Case(t, frames, "5,000 connects/s ("+backend+")", func(t *testing.T) string {
			request := []byte(rig.UpgradeRequest(node.Addr, others.Rooms()[0]))
			var all sync.WaitGroup
			due := make(chan int, rate*seconds)
			for range callers {
				all.Go(func() {
					for i := range due {
						r, err := rig.Connect(node.Addr, source(i))
						if err != nil {
							t.Errorf("connect %d: %v", i, err)
							continue
						}
						switch i % 4 { // nothing, half a request, a request whose answer nobody reads, a handshake
						case 1:
							push(r, request[:len(request)/2])
						case 2:
							push(r, request)
						case 3:
							_ = r.Upgrade(others.Rooms()[0]) // 503 beyond the handshakes of a node
						}
						if i%2 == 0 {
							r.Reset()
						}
						r.Close()
					}
				})
			}
			began := time.Now()
			tick := time.NewTicker(time.Second / 100)
			defer tick.Stop()
			for i := 0; i < rate*seconds; <-tick.C {
				for until := min(rate*seconds, int(time.Since(began).Seconds()*rate)); i < until; i++ {
					due <- i
				}
			}
			close(due)
			all.Wait()
			took := time.Since(began).Seconds()
			return fmt.Sprintf("%d in %.1f s; nothing stays", rate*seconds, took)
		})
		settled(0)
	})
}

// Five hundred who play go within a moment, each in its way: RST, FIN, a close frame, LEAVE, half a frame.
func TestCloseStorm(t *testing.T) {
	const players, each = 500, 16
	eachBackend(t, func(t *testing.T, backend string) {
		node, others := neighbourhood(t, "-backend", backend, "-limit-ip", "0")
		crowd := make([]*guest, players)
		var entering sync.WaitGroup
		for at := 0; at < players; at += each {
			room, seats := rig.Seats(t, node, "rogue", rogue.Options{}, min(each, players-at))
			for i, seat := range seats {
				entering.Go(func() {
					g, err := enterBy(node, room, seatHello(seat))
					if err == nil {
						err = g.Send(input(1, 1)) // what it came with is spent: it plays
					}
					if err != nil {
						t.Errorf("player %d: %v", at+i, err)
					}
					crowd[at+i] = g
				})
			}
		}
		entering.Wait()
		if t.Failed() {
			t.FailNow()
		}
		settled := settling(t, node)
		others.Case(t, frames, "500 players go at once ("+backend+")", func(t *testing.T) string {
			began := time.Now()
			var all sync.WaitGroup
			for i, g := range crowd {
				all.Go(func() {
					switch i % 5 {
					case 0:
						g.Reset()
					case 1:
						push(g.Raw, rig.Frame(rig.CloseFrame, []byte{0x03, 0xe9}))
					case 2:
						push(g.Raw, rig.Frame(rig.BinaryFrame, wire.AppendLeave(nil)))
					case 3:
						push(g.Raw, rig.Frame(rig.BinaryFrame, input(2, 1))[:7])
					}
					g.Close()
				})
			}
			all.Wait()
			node.EventuallyMetric(t, soon, "ringside_connections", float64(2*4))
			took := time.Since(began)
			if _, body := node.Get("/metrics"); strings.Contains(body, `ringside_closes_total{code="4012"}`) {
				t.Error("a room failed")
			}
			back, err := enterBy(node, crowd[0].welcome.Room, keyHello(crowd[0]))
			if err != nil {
				t.Fatalf("the seat of who did not LEAVE is not held: %v", err)
			}
			back.Close()
			return fmt.Sprintf("all sockets are given back after %d ms, the seats of who did not LEAVE held", took.Milliseconds())
		})
		settled(players)
	})
}
