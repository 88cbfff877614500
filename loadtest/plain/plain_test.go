package plain

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/loadtest/floor"
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
		t.Skip("skipped: the clients need epoll")
	}
	p, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The server parses each input of each client and sends each client a frame a tick. Sizes beyond 125 bytes have a longer header.
func TestEachTickReadsAndWritesEachConnectionOnce(t *testing.T) {
	for _, size := range []int{30, 300} {
		r, err := Measure(t.Context(), floor.Config{
			Program: program(t), Rooms: 12, Players: 3, Hz: 50, InputHz: 50, InputBytes: size, StateBytes: 2 * size, Duration: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		// A machine that stands still makes fewer ticks, never more; begin and end each cut one.
		most := uint64(36 * (25 + 2))
		if r.Frames == 0 || r.Frames > 2*most || r.Inputs == 0 || r.Inputs > r.Frames+2*36 {
			t.Errorf("%d B: %d frames, %d inputs read in half a second of 36 connections at 50 Hz", size, r.Frames, r.Inputs)
		}
		if r.CPUUSPerFrame <= 0 || r.CPUUSPerFrame > 10_000 {
			t.Errorf("%d B: a frame took %v µs", size, r.CPUUSPerFrame)
		}
	}
}

func TestWhatIsSmallerThanItsHeaderIsRefused(t *testing.T) {
	if _, err := Measure(t.Context(), floor.Config{Program: program(t), InputBytes: 5}); !errors.Is(err, floor.ErrConfig) {
		t.Errorf("an input of 5 bytes: %v", err)
	}
	if err := Serve(strings.NewReader("{"), &strings.Builder{}); err == nil {
		t.Error("half an order was served")
	}
}
