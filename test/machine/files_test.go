//go:build linux

package machine_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

// openFiles counts a process's.
func (n *server) openFiles() int {
	n.t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		n.t.Skipf("this system does not say what a process has open: %v", err)
	}
	return len(names)
}

// With few open files the node takes fewer connections, and says so, and however many come there are files left for the log and
// the journal: the limit is never reached.
func TestFewOpenFiles(t *testing.T) {
	n := start(t, setup{shell: "ulimit -n 256"})
	n.await("open files allow fewer connections than -max-connections says")
	plays, _ := n.join("arena", "Ada")
	address := strings.TrimPrefix(n.url, "http://")
	var held []net.Conn
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	// Strangers who say nothing, half a request, or hold an event stream.
	for i := range 600 {
		c, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
		switch i % 3 {
		case 1:
			fmt.Fprintf(c, "GET /v1/rooms HTTP/1.1\r\nHost: x\r\n")
		case 2:
			fmt.Fprintf(c, "GET /v1/lobby/events HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		}
		if i%50 == 0 {
			if open := n.openFiles(); open > 200 {
				t.Fatalf("%d connections: %d files are open of 256, and some are to be left", i, open)
			}
		}
	}
	n.runsOn(plays, 20)
	if open := n.openFiles(); open > 200 {
		t.Errorf("%d files are open of 256, and some are to be left", open)
	}
	for _, c := range held {
		c.Close()
	}
	held = nil
	n.until("the node to answer again", func() bool {
		status, _, err := n.call(http.MethodGet, "/readyz", "")
		return err == nil && status == http.StatusOK
	})
	if got := n.metric("ringside_journal_errors_total"); got != 0 {
		t.Errorf("the journal failed %v times: it had no file to write", got)
	}
	if strings.Contains(n.said(), "too many open files") {
		t.Error("the limit was reached")
	}
}

// Players beyond the bound are refused; those who are there play on, and their room is kept.
func TestMorePlayersThanOpenFiles(t *testing.T) {
	n := start(t, setup{shell: "ulimit -n 256"})
	plays, _ := n.join("arena", "Ada")
	var sat, refused int
	var last error
	for i := range 120 {
		seat, err := client.Join(t.Context(), n.url, client.JoinRequest{Game: "arena", Player: client.JoinPlayer{Name: fmt.Sprint("p", i)}})
		if err != nil {
			refused, last = refused+1, err
			break
		}
		if n.openFiles() > 215 {
			t.Fatalf("%d players: %d files are open of 256", i, n.openFiles())
		}
		c := n.try(seat)
		if c == nil {
			refused++
			break
		}
		sat++
	}
	if sat < 40 || refused == 0 {
		t.Errorf("%d players sit and %d were refused (%v), want at least 40, and an end", sat, refused, last)
	}
	n.runsOn(plays, 20)
	if got := n.metric("ringside_journal_degraded"); got > 0 {
		t.Error("the journal has no file to write")
	}
}

// try sits down, nil if the node has no place.
func (n *server) try(seat client.Seat) *client.Client {
	n.t.Helper()
	done := make(chan *client.Client, 1)
	ctx, cancel := contextFor(n.t, 3*time.Second)
	defer cancel()
	go func() {
		c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
		if err != nil {
			c = nil
		}
		done <- c
	}()
	c := <-done
	if c != nil {
		n.t.Cleanup(c.Close)
	}
	return c
}

// When the system has no files left, which no bound of a node can prevent, accepting waits: it does not spin, does not end the
// server, and goes on by itself.
func TestNoFilesLeft(t *testing.T) {
	n := start(t, setup{})
	plays, _ := n.join("arena", "Ada")
	open := n.openFiles()
	n.limitFiles(open + 2) // beneath what the node knows
	address := strings.TrimPrefix(n.url, "http://")
	var held []net.Conn
	for range 50 {
		c, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	before := n.cpu()
	n.runsOn(plays, 40) // two seconds
	if used := n.cpu() - before; used > 1500*time.Millisecond {
		t.Errorf("the server used %v of CPU in two seconds of nothing: it spins", used)
	}
	n.limitFiles(20_000)
	for _, c := range held {
		c.Close()
	}
	n.until("the node to answer again", func() bool {
		status, _, err := n.call(http.MethodGet, "/healthz", "")
		return err == nil && status == http.StatusOK
	})
	if err := plays.Err(); err != nil {
		t.Errorf("who played: %v", err)
	}
}
