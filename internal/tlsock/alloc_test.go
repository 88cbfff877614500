//go:build linux && !race

package tlsock

import (
	"crypto/tls"
	"io"
	"runtime"
	"testing"
)

// Sending allocates nothing. Receiving costs what crypto/tls allocates each time it turns to the socket, 24 bytes: once for the record
// and once to find that there is no more.
func TestAllocations(t *testing.T) {
	for name, version := range both {
		p := newPair(t, version, nil)
		in, message, buf := make([]byte, 66), make([]byte, 122), make([]byte, 4<<10)
		sends := testing.AllocsPerRun(200, func() {
			p.conn.Send(message)
			io.ReadFull(p.raw, buf[:len(message)])
		})
		writes := testing.AllocsPerRun(200, func() { p.peer.Write(in) })
		rounds := testing.AllocsPerRun(200, func() {
			p.peer.Write(in)
			p.recv(buf)
		})
		if sends != 0 || rounds-writes > 2 {
			t.Errorf("%s: %v allocations to send, want 0; %v to receive, want 2", name, sends, rounds-writes)
		}
	}
}

// What a Conn keeps in the heap; descriptor and socket are the kernel's.
func TestMemory(t *testing.T) {
	const conns = 100
	keep := make([]*Conn, 0, conns)
	runtime.GC()
	before := heap()
	t.Run("connect", func(t *testing.T) {
		for range conns {
			p := newPair(t, tls.VersionTLS13, nil)
			p.peer.Write(make([]byte, 66))
			p.recv(make([]byte, 4<<10))
			keep = append(keep, p.conn)
		}
	})
	runtime.GC()
	runtime.GC() // what a pool holds survives one
	each := (heap() - before) / conns
	t.Logf("%d bytes", each)
	if each > 10<<10 {
		t.Errorf("a connection keeps %d bytes, want 10 KiB at most", each)
	}
	runtime.KeepAlive(keep)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
