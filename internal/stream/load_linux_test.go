package stream

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	loadHeld    = flag.Int("held", 0, "TestLoad: how many answers to hold; 0 leaves it out")
	loadPolls   = flag.Bool("held-polls", false, "TestLoad: long polls instead of event streams")
	loadBackend = flag.String("held-backend", "parked", "TestLoad: how they are held")
	loadDial    = flag.String("held-dial", "", "of a process that TestLoad starts: the server's address")
	loadSource  = flag.Int("held-source", 0, "of a process that TestLoad starts: the last byte of its own address")
)

const (
	loadClients = 2 // processes
	loadRounds  = 5 // events to all streams; a poll has one answer
	loadIdle    = 5 * time.Second
)

// TestLoad holds many answers and publishes to all of them: memory, processor time while idle, time until the last client has
// it. The clients are processes of their own, so that the memory is the server's alone.
func TestLoad(t *testing.T) {
	if *loadHeld == 0 {
		t.Skip("a measurement: -held 20000")
	}
	raiseFiles(t, *loadHeld+100)
	i := slices.IndexFunc(backends, func(b backend) bool { return b.name == *loadBackend })
	if i < 0 {
		t.Fatalf("no backend %q", *loadBackend)
	}
	r := newRig(t, backends[i], Config{Keepalive: time.Hour})
	open := make(chan struct{})
	r.wait = time.Hour
	r.answer = func(bool) *Response {
		select {
		case <-open:
			return &Response{Body: []byte(`{"round":0}`)}
		default:
			return nil
		}
	}
	before := rss(t)
	var clients []*bufio.Reader
	for n := range loadClients {
		clients = append(clients, startClients(t, r.srv.Listener.Addr().String(), n))
	}
	for _, c := range clients {
		expect(t, c, "ready")
	}
	r.held(backends[i], *loadHeld*b2i(!*loadPolls), *loadHeld*b2i(*loadPolls))
	fresh := rss(t)
	runtime.GC()
	debug.FreeOSMemory()
	tidy := rss(t)
	t.Logf("%d held (%s): RSS %.2f KiB each, %.2f after a collection", *loadHeld, *loadBackend,
		float64(fresh-before)/1024/float64(*loadHeld), float64(tidy-before)/1024/float64(*loadHeld))

	begin := cpu(t)
	<-time.After(loadIdle)
	t.Logf("idle: %.2f %% of a processor", 100*(cpu(t)-begin).Seconds()/loadIdle.Seconds())

	rounds := loadRounds
	if *loadPolls {
		rounds = 1
		close(open)
	}
	for round := range rounds {
		begin, used := time.Now(), cpu(t)
		r.publish("a", Event{Name: "round", Data: fmt.Appendf(nil, `{"round":%d}`, round)})
		called := time.Since(begin)
		var last int64
		for _, c := range clients {
			var at int64
			if _, err := fmt.Sscanf(expect(t, c, "all "), "all %d", &at); err != nil {
				t.Fatal(err)
			}
			last = max(last, at)
		}
		reached := time.Duration(last - begin.UnixNano())
		t.Logf("round %d: Publish took %v, all have it after %v, server %v of a processor", round, called, reached, cpu(t)-used)
		if reached > time.Second {
			t.Errorf("it took %v to reach all, want at most 1 s", reached)
		}
	}
	t.Logf("RSS at the end: %.2f KiB each; %+v", float64(rss(t)-before)/1024/float64(*loadHeld), r.hub.Stats())
}

// TestLoadClients is one of the processes of TestLoad: it says ready when it has asked for its share, then when all of it has
// got something. It ends with its input.
func TestLoadClients(t *testing.T) {
	if *loadDial == "" {
		t.Skip("started by TestLoad")
	}
	raiseFiles(t, *loadHeld+100)
	addr, err := net.ResolveTCPAddr("tcp4", *loadDial)
	if err != nil {
		t.Fatal(err)
	}
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		t.Fatal(err)
	}
	path := "/events"
	if *loadPolls {
		path = "/wait"
	}
	request := "GET " + path + "?topic=a HTTP/1.1\r\nHost: load\r\nUser-Agent: load/1.0\r\nAccept: */*\r\nAccept-Language: en\r\n\r\n"
	for range *loadHeld {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(*loadSource)}})
		}
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}})
		}
		if err == nil {
			_, err = unix.Write(fd, []byte(request))
		}
		if err == nil {
			err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	has := make(map[int32]int, *loadHeld)
	if *loadPolls {
		fmt.Println("ready")
	} else {
		readAll(t, epoll, has, 1, "retry: 1000\n\n")
		fmt.Println("ready")
	}
	for round := 2; ; round++ {
		readAll(t, epoll, has, round, "\"round\":")
		fmt.Println("all", time.Now().UnixNano())
		if *loadPolls {
			return
		}
	}
}

// readAll reads until each socket has had something that contains want, for the round-th time.
func readAll(t *testing.T, epoll int, has map[int32]int, round int, want string) {
	events := make([]unix.EpollEvent, 1024)
	buf := make([]byte, 4<<10)
	for left := *loadHeld; left > 0; {
		n, err := unix.EpollWait(epoll, events, -1)
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		for _, e := range events[:max(n, 0)] {
			n, err := unix.Read(int(e.Fd), buf)
			switch {
			case err != nil || n == 0:
				t.Fatalf("round %d: socket ended: %v", round, err)
			case strings.Contains(string(buf[:n]), want) && has[e.Fd] != round:
				has[e.Fd] = round
				left--
			}
			if *loadPolls {
				unix.Close(int(e.Fd))
			}
		}
	}
}

// startClients starts the n-th process and returns what it says.
func startClients(t *testing.T, addr string, n int) *bufio.Reader {
	t.Helper()
	share := *loadHeld / loadClients
	if n == 0 {
		share += *loadHeld % loadClients
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLoadClients$", "-held-dial="+addr,
		fmt.Sprintf("-held=%d", share), fmt.Sprintf("-held-source=%d", n+2), fmt.Sprintf("-held-polls=%v", *loadPolls))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return bufio.NewReader(out)
}

// expect returns the line that begins like that.
func expect(t *testing.T, in *bufio.Reader, prefix string) string {
	t.Helper()
	line, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, prefix) {
		t.Fatalf("a client process said %q (%v), want %q", line, err, prefix)
	}
	return line
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rss is the memory of this process in bytes.
func rss(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	var size, pages int
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func raiseFiles(t *testing.T, n int) {
	t.Helper()
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	if lim.Cur < uint64(n) {
		lim.Cur, lim.Max = uint64(n), max(lim.Max, uint64(n))
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
			t.Fatalf("raise the limit of open files to %d: %v", n, err)
		}
	}
}
