package host

import (
	"bytes"
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/sock"
)

// byRing gives a bench a ring, if the system has one.
func (b *bench) byRing() {
	b.tb.Helper()
	b.host.cfg.Sends = Uring
	if b.w.openRing(); b.w.batch.ring == nil {
		b.tb.Skip("no ring on this system")
	}
}

func TestWakeByRingDoesNotAllocate(t *testing.T) {
	b := newBench(t, 4, 8)
	b.byRing()
	for range 400 {
		b.wake()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	var n uint64
	for range 3 {
		if n = mallocs(func() {
			for range 200 {
				b.wake()
			}
		}); n == 0 {
			return
		}
	}
	t.Errorf("%d allocations in 200 wakes of 4 rooms with 8 players", n)
}

// A peer that has gone in the middle of a batch is lost; one that does not read has a tail; the others are sent all.
func TestABatchWithPeersThatFail(t *testing.T) {
	b := newBench(t, 1, 8)
	b.byRing()
	for range 10 {
		b.wake()
	}
	r := b.w.adopted[0]
	gone, full, fine := r.conns[2], r.conns[5], r.conns[7]
	_ = sock.ShutWrite(gone.plain.fd) // what is sent to it now is answered EPIPE
	chunk := make([]byte, 64<<10)
	for {
		if _, err := sock.Send(full.plain.fd, chunk); err != nil {
			break
		}
	}
	before := fine.sent
	for _, s := range b.w.slots {
		if s.awake {
			b.w.runSlot(s, s.due())
		}
	}
	if gone.state != dead || len(r.conns) != 7 {
		t.Errorf("the one that is gone has state %d; %d connections", gone.state, len(r.conns))
	}
	if full.state != live || len(full.tail) == 0 || full.stuck == 0 {
		t.Errorf("the full one has state %d and a tail of %d", full.state, len(full.tail))
	}
	if fine.state != live || fine.sent == before || len(fine.tail) != 0 {
		t.Errorf("the other has state %d, %d more bytes, a tail of %d", fine.state, fine.sent-before, len(fine.tail))
	}
	if len(b.w.batch.sends) != 0 || len(b.w.batch.frames) != 0 {
		t.Error("the batch is not empty")
	}
}

func TestWithoutIoUringSendsArePlain(t *testing.T) {
	for sends, warns := range map[Sends]bool{Auto: false, Uring: true} {
		var log bytes.Buffer
		r := newRig(t, Epoll, func(c *Config) {
			c.Sends, c.Log = sends, zerolog.New(&log).Level(zerolog.InfoLevel)
			c.newRing = func(int) (*sock.Ring, error) { return nil, errors.New("forbidden") }
		})
		if got := r.host.Sends(); got != Plain {
			t.Errorf("%s without io_uring: %s", sends, got)
		}
		if warned := strings.Contains(log.String(), "forbidden"); warned != warns {
			t.Errorf("%s: the log says %q", sends, log.String())
		}
		r.open("a")
		r.join("a", 0)
	}
}
