package sock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

func newRing(tb testing.TB, n int) *Ring {
	tb.Helper()
	r, err := NewRing(n)
	if err != nil {
		tb.Skipf("no ring here: %v", err)
	}
	tb.Cleanup(r.Close)
	return r
}

// A batch that is longer than the ring, with a stopped reader, a peer that has reset and a descriptor that is none in it: each
// send is answered as Send would, and the others arrive.
func TestRingAnswersAsSend(t *testing.T) {
	r := newRing(t, 4)
	full, _ := pair(t)
	if err := (Options{SendBuffer: 4 << 10}).Set(full); err != nil {
		t.Fatal(err)
	}
	reset, peer := pair(t)
	peer.(*net.TCPConn).SetLinger(0)
	peer.Close()
	e := newEpoll(t)
	e.Add(reset, In, 1)
	one(t, e, 1)
	batch := []Sending{{FD: full, B: make([]byte, 16<<20)}, {FD: reset, B: []byte("x")}, {FD: -1, B: []byte("x")}}
	var peers []net.Conn
	for i := range 10 {
		fd, peer := pair(t)
		peers = append(peers, peer)
		batch = append(batch, Sending{FD: fd, B: bytes.Repeat([]byte{byte(i)}, 100)})
	}
	r.Send(batch)
	if s := batch[0]; s.Err != nil || s.N == 0 || s.N == len(s.B) {
		t.Errorf("16 MiB to a stopped reader = %d, %v; want a part", s.N, s.Err)
	}
	if err := batch[1].Err; batch[1].N != 0 || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("to a reset socket = %d, %v", batch[1].N, err)
	}
	if batch[2].Err != syscall.EBADF {
		t.Errorf("to no socket = %v, want EBADF", batch[2].Err)
	}
	for i, s := range batch[3:] {
		got := make([]byte, 100)
		if s.N != 100 || s.Err != nil {
			t.Fatalf("send %d = %d, %v", i, s.N, s.Err)
		}
		if _, err := io.ReadFull(peers[i], got); err != nil || !bytes.Equal(got, s.B) {
			t.Errorf("peer %d read %v, %v", i, got[:4], err)
		}
	}
	for { // the peer's kernel may still take some
		r.Send(batch[:1])
		if s := batch[0]; s.Err == ErrWouldBlock && s.N == 0 {
			break
		} else if s.Err != nil {
			t.Fatalf("to a full socket: %v", s.Err)
		}
	}
}

// What the kernel does not take goes the plain way.
func TestARingThatIsGoneSendsPlainly(t *testing.T) {
	r := newRing(t, 4)
	fd := r.fd
	r.fd = -1
	defer func() { r.fd = fd }()
	to, peer := pair(t)
	batch := []Sending{{FD: to, B: []byte("he")}, {FD: to, B: []byte("llo")}}
	r.Send(batch)
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "hello" {
		t.Errorf("peer read %q, %v", got, err)
	}
}

func TestRingsSayWhyThereIsNone(t *testing.T) {
	if r, err := NewRing(1 << 20); err == nil {
		r.Close()
		t.Error("a ring of a million entries")
	}
}

func TestRingDoesNotAllocate(t *testing.T) {
	r := newRing(t, 8)
	fd, peer := pair(t)
	go io.Copy(io.Discard, peer) // ends with the pair
	batch := []Sending{{FD: fd, B: []byte("four")}, {FD: -1, B: []byte("x")}}
	if n := testing.AllocsPerRun(200, func() { r.Send(batch) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
