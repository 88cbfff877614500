package sock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is one end of a loopback connection as a descriptor, the other as a net.Conn.
func pair(tb testing.TB) (fd int, peer net.Conn) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	peer, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	fd, err = DupOut(conn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { Close(fd); peer.Close() })
	return fd, peer
}

// one waits until fd is readable.
func one(tb testing.TB, e *Epoll, want uint64) {
	tb.Helper()
	var events [4]Event
	n, err := e.Wait(events[:], 5*time.Second)
	if err != nil || n != 1 || events[0].Data() != want || !events[0].Readable() {
		tb.Fatalf("Wait = %d events, data %#x, %v; want 1 readable with %#x", n, events[0].Data(), err, want)
	}
}

func newEpoll(tb testing.TB) *Epoll {
	tb.Helper()
	e, err := NewEpoll()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { e.Close() })
	return e
}

func TestRecvSendAndEnd(t *testing.T) {
	fd, peer := pair(t)
	e := newEpoll(t)
	const data = 0xfedcba9876543210
	if err := e.Add(fd, In|RdHup, data); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, err := Recv(fd, buf); n != 0 || err != ErrWouldBlock {
		t.Fatalf("Recv of nothing = %d, %v", n, err)
	}
	if n, err := e.Wait(make([]Event, 1), 0); n != 0 || err != nil {
		t.Fatalf("Wait(0) with nothing = %d, %v", n, err)
	}
	peer.Write([]byte("hello"))
	one(t, e, data)
	one(t, e, data) // level-triggered: still there
	if n, err := Recv(fd, buf); string(buf[:n]) != "hello" || err != nil {
		t.Fatalf("Recv = %q, %v", buf[:n], err)
	}
	if n, err := Send(fd, []byte("world")); n != 5 || err != nil {
		t.Fatalf("Send = %d, %v", n, err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "world" {
		t.Fatalf("peer read %q, %v", got, err)
	}
	peer.Close()
	one(t, e, data)
	if n, err := Recv(fd, buf); n != 0 || err != io.EOF {
		t.Fatalf("Recv after the peer's end = %d, %v; want io.EOF", n, err)
	}
	if err := e.Del(fd); err != nil {
		t.Fatal(err)
	}
}

func TestSendToAStoppedReader(t *testing.T) {
	fd, peer := pair(t)
	if err := (Options{NoDelay: true, SendBuffer: 16 << 10, NotSentLowat: 1 << 10, UserTimeout: 10 * time.Second}).Set(fd); err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte{1}, 8<<10)
	total := 0
	for {
		n, err := Send(fd, chunk)
		total += n
		if err == ErrWouldBlock {
			break
		}
		if err != nil || total > 64<<20 {
			t.Fatalf("after %d bytes: %v", total, err)
		}
	}
	if n, err := Unacked(fd); err != nil || n == 0 {
		t.Errorf("Unacked = %d, %v; want some", n, err)
	}
	if n, err := io.ReadFull(peer, make([]byte, total)); n != total {
		t.Errorf("peer read %d of %d bytes: %v", n, total, err)
	}
}

func TestSendToAResetSocket(t *testing.T) {
	fd, peer := pair(t)
	peer.(*net.TCPConn).SetLinger(0)
	peer.Close()
	e := newEpoll(t)
	e.Add(fd, In, 1)
	one(t, e, 1)
	if _, err := Send(fd, []byte("x")); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Send = %v, want ECONNRESET or EPIPE", err)
	}
}

func TestModForWriting(t *testing.T) {
	fd, _ := pair(t)
	e := newEpoll(t)
	e.Add(fd, In, 7)
	if err := e.Mod(fd, In|Out, 8); err != nil {
		t.Fatal(err)
	}
	var events [1]Event
	if n, err := e.Wait(events[:], time.Second); n != 1 || err != nil || !events[0].Writable() || events[0].Data() != 8 {
		t.Errorf("Wait = %d, %v, writable %v, data %d", n, err, events[0].Writable(), events[0].Data())
	}
	if err := e.Add(fd, In, 7); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("second Add = %v, want EEXIST", err)
	}
}

func TestOptionsReachTheSocket(t *testing.T) {
	fd, _ := pair(t)
	o := Options{NoDelay: true, SendBuffer: 16 << 10, NotSentLowat: 1 << 10, UserTimeout: 1500 * time.Millisecond}
	if err := o.Set(fd); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name             string
		level, opt, want int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 32 << 10},
		{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 1 << 10},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1500},
	} {
		if got, err := unix.GetsockoptInt(fd, c.level, c.opt); got != c.want || err != nil {
			t.Errorf("%s = %d, %v; want %d", c.name, got, err, c.want)
		}
	}
	if err := o.Set(-1); err == nil {
		t.Error("Set on no socket: no error")
	}
}

func TestDupOutOfAPipe(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	if _, err := DupOut(a); !errors.Is(err, ErrConn) {
		t.Errorf("DupOut(net.Pipe) = %v, want ErrConn", err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
}

func TestSleepSleeps(t *testing.T) {
	start := time.Now()
	for time.Since(start) < 2*time.Millisecond {
		Sleep(2*time.Millisecond - time.Since(start))
	}
	Sleep(0)
	Sleep(-1)
}

func TestCPUTimeGrows(t *testing.T) {
	start := CPUTime()
	for end := time.Now().Add(5 * time.Second); CPUTime() == start; {
		if time.Now().After(end) {
			t.Fatal("no processor time in 5 s of work")
		}
	}
}

func TestRaiseFileLimit(t *testing.T) {
	if err := RaiseFileLimit(16); err != nil {
		t.Errorf("RaiseFileLimit(16) = %v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	fd, peer := pair(t)
	e := newEpoll(t)
	e.Add(fd, In, 1)
	buf := make([]byte, 1024)
	msg := []byte("four")
	var events [4]Event
	allocs := testing.AllocsPerRun(200, func() {
		Recv(fd, buf)
		Send(fd, msg)
		Unacked(fd)
		e.Mod(fd, In, 2)
		e.Wait(events[:], 0)
		Sleep(time.Microsecond)
		Recv(-1, buf) // EBADF
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
	_ = peer
}

func BenchmarkRecvNothing(b *testing.B) {
	fd, _ := pair(b)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		Recv(fd, buf)
	}
}
