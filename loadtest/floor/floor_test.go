package floor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
)

// TestMain makes the test's own program the process that is measured.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func program(t *testing.T) string {
	t.Helper()
	if !sock.Supported {
		t.Skip("skipped: the floor needs epoll")
	}
	p, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEachTickReadsAndWritesEachConnectionOnce(t *testing.T) {
	cfg := Config{Program: program(t), Rooms: 12, Players: 3, Hz: 50, InputHz: 50, InputBytes: 30, StateBytes: 200, Duration: 500 * time.Millisecond}
	r, err := Measure(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	// A machine that stands still makes fewer ticks, never more; begin and end each cut one.
	most := uint64(36 * (25 + 2))
	if r.Frames == 0 || r.Frames > 2*most || r.Inputs == 0 || r.Inputs > r.Frames+36 {
		t.Errorf("%d frames, %d inputs read in half a second of 36 connections at 50 Hz", r.Frames, r.Inputs)
	}
	if r.CPUUSPerFrame <= 0 || r.CPUUSPerFrame > 10_000 {
		t.Errorf("a frame took %v µs", r.CPUUSPerFrame)
	}
}

func TestWithoutInputsNothingIsRead(t *testing.T) {
	r, err := Measure(t.Context(), Config{Program: program(t), Rooms: 1, Players: 2, Hz: 100, InputHz: -1, Duration: 100 * time.Millisecond})
	if err != nil || r.Inputs != 0 || r.Frames == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnEmptyLoopSaysHowLateItWas(t *testing.T) {
	l, err := StartLoop(t.Context(), program(t))
	if err != nil {
		t.Fatal(err)
	}
	if !pause(t.Context(), 200*time.Millisecond) {
		t.Fatal(t.Context().Err())
	}
	r, err := l.End()
	if err != nil || r.LateP99MS <= 0 || r.LateP50MS > r.LateP99MS || r.Frames != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	p := program(t)
	for name, cfg := range map[string]Config{
		"too many": {Program: p, Rooms: 20_000, Players: 2},
		"too fast": {Program: p, Hz: 201},
		"inputs":   {Program: p, InputHz: 1000},
		"too big":  {Program: p, StateBytes: 4097},
		"negative": {Program: p, Rooms: -1},
		"short":    {Program: p, Duration: time.Millisecond},
	} {
		if _, err := Measure(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Measure(t.Context(), Config{Program: "/nowhere/program"}); err == nil {
		t.Error("a program that does not exist was measured")
	}
}

// A process that ends early is an error with what it said, and Ctrl-C ends one that does not.
func TestAProcessThatEndsIsAnError(t *testing.T) {
	p := program(t)
	if err := Serve(strings.NewReader("{"), &strings.Builder{}); err == nil {
		t.Error("half an order was served")
	}
	if err := Serve(strings.NewReader(`{"rooms":-3}`+"\n"), &strings.Builder{}); !errors.Is(err, ErrConfig) {
		t.Errorf("an order that cannot be: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := Measure(ctx, Config{Program: p, Rooms: 1, Players: 1, Duration: time.Hour}); err == nil {
		t.Error("an hour's measurement ended without an error")
	}
}

func TestAllClientsSendInTheirPhase(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 512, 2000} {
		order := phases(n)
		slices.Sort(order)
		for i, v := range order {
			if i != v {
				t.Fatalf("of %d clients, %d sends at %d", n, v, i)
			}
		}
	}
}

func TestPayloadFillsItsFrame(t *testing.T) {
	for _, c := range []struct {
		wire   int
		masked bool
		want   int
	}{{2, false, 0}, {64, false, 62}, {127, false, 125}, {130, false, 126}, {24, true, 18}, {131, true, 125}, {134, true, 126}, {5, true, -1}} {
		if got := Payload(c.wire, c.masked); got != c.want {
			t.Errorf("Payload(%d, %v) = %d, want %d", c.wire, c.masked, got, c.want)
		}
	}
}

// Clients whose server has gone find all of their sockets ready for ever, which must not keep them from hearing that it is over.
func TestClientsOfAServerThatHasGoneEnd(t *testing.T) {
	program(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := Config{Rooms: 64, Players: 8} // as many as a look at the sockets reports
	if err := cfg.prepare(); err != nil {
		t.Fatal(err)
	}
	c, err := dial(t.Context(), &cfg, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for range cfg.connections() {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	c.start()
	time.Sleep(20 * time.Millisecond)
	ended := make(chan struct{})
	go func() { c.close(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the clients do not end")
	}
}
