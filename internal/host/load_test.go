//go:build linux

package host

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/room"
)

var (
	loadConns   = flag.Int("load", 0, "TestServerCPU: connections, 8 to a room; 0 skips it")
	loadBackend = flag.String("backend", "epoll", "TestServerCPU: backend")
	loadServe   = flag.Bool("serve", false, "TestServerCPU's own server process")
)

const loadWindow = 4 * time.Second

// TestServerCPU measures what a host costs per input received and frame sent, in a process of its own:
//
//	go test ./internal/host -run TestServerCPU -load 512 -v
func TestServerCPU(t *testing.T) {
	if *loadServe {
		serveLoad(t)
		return
	}
	if *loadConns == 0 {
		t.Skip("-load is 0")
	}
	cmd := exec.Command(os.Args[0], "-test.run", "TestServerCPU", "-serve", "-load", fmt.Sprint(*loadConns), "-backend", *loadBackend)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close() // ends the server
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url = strings.TrimSpace(url)
	var clients []*client
	var fds []int
	for i := range *loadConns {
		id := fmt.Sprint("r", i/8)
		c := dial(t, "ws"+strings.TrimPrefix(url, "http")+"/v1/rooms/"+id+"/ws")
		c.hello(token(id, i%8), nil)
		clients = append(clients, c)
	}
	for _, c := range clients {
		c.untilWelcome()
		fd, err := sock.DupOut(c.conn)
		if err != nil {
			t.Fatal(err)
		}
		defer sock.Close(fd)
		fds = append(fds, fd)
	}
	play(fds, 4*time.Second) // histories fill, buffers grow
	_, before := get(t, url+"/cpu", http.Header{})
	play(fds, loadWindow)
	_, after := get(t, url+"/cpu", http.Header{})
	t.Log(report(before, after))
}

// play sends every client's inputs at 20 Hz, each at its own phase, and throws away what comes.
func play(fds []int, d time.Duration) {
	frame := []byte{0x82, 0x80 | 12, 0, 0, 0, 0, 0x96, 2, 0xce, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xc0}[:17]
	frame[1] = 0x80 | byte(len(frame)-6)
	buf := make([]byte, 16<<10)
	const step = 500 * time.Microsecond
	start := time.Now()
	for i := 0; time.Since(start) < d; i++ {
		slot := i % 100 // of 50 ms
		for k := slot; k < len(fds); k += 100 {
			playSeq++
			binary.BigEndian.PutUint32(frame[9:], playSeq)
			_, _ = sock.Send(fds[k], frame)
			_, _ = sock.Recv(fds[k], buf)
		}
		sock.Sleep(time.Duration(i+1)*step - time.Since(start))
	}
}

var playSeq uint32 = 1 << 16

func report(before, after string) string {
	var a, b [6]float64
	for i, s := range []string{before, after} {
		p := []*[6]float64{&a, &b}[i]
		_, _ = fmt.Sscan(s, &p[0], &p[1], &p[2], &p[3], &p[4], &p[5])
	}
	frames := b[1] - a[1]
	return fmt.Sprintf("%d connections, %s: %.2f us CPU per input+frame (step %.2f us), %.0f frames/s in, %.0f out, %.1f mallocs/s, RSS %.1f MiB",
		*loadConns, *loadBackend, (b[0]-a[0])/frames/1e3, (b[4]-a[4])/frames/1e3, (b[2]-a[2])/loadWindow.Seconds(), frames/loadWindow.Seconds(),
		(b[3]-a[3])/loadWindow.Seconds(), b[5]/(1<<20))
}

// serveLoad is the server process.
func serveLoad(t *testing.T) {
	r := newRig(t, Backend(*loadBackend), func(c *Config) {
		c.Games = []*room.Program{dotProgram(t, "dots", nil)}
		c.Directory = nil
	})
	var list []Assignment
	for i := range (*loadConns + 7) / 8 {
		list = append(list, Assignment{Room: fmt.Sprint("r", i), Game: "dots", Seed: 1})
	}
	r.host.Reconcile(list)
	eventually(t, "rooms", func() bool { n, _ := r.host.population(); return int(n) == len(list) })
	http.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s := r.host.Stats()
		fmt.Fprintln(w, int64(sock.CPUTime()), s.FramesSent.Load(), s.FramesReceived.Load(), m.Mallocs, s.StepNS.Load(), rss())
	})
	r.mux.Handle("/cpu", http.DefaultServeMux)
	fmt.Println(r.url)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func rss() (bytes int64) {
	b, _ := os.ReadFile("/proc/self/statm")
	var pages int64
	_, _ = fmt.Sscan(string(b), new(int64), &pages)
	return pages * int64(os.Getpagesize())
}
