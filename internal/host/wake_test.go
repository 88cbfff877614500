//go:build linux

package host

import (
	"encoding/binary"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/sock"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// A bench is one worker that is driven by hand, with players on the other end of socket pairs.
type bench struct {
	tb      testing.TB
	host    *Host
	w       *worker
	players []int // descriptors
	seq     uint32
	frames  [][]byte // an INPUT each, masked with zeros; the seq has five bytes at seqAt
	buf     [64 << 10]byte
}

const seqAt = 6 + 2

func newBench(tb testing.TB, rooms, players int) *bench {
	tb.Helper()
	return newBenchOf(tb, dotProgram(tb, "dots", nil), rooms, players)
}

func newBenchOf(tb testing.TB, prog *room.Program, rooms, players int) *bench {
	tb.Helper()
	h, err := New(Config{Seats: newTown(), Backend: Epoll, Workers: 2})
	if err != nil {
		tb.Fatal(err)
	}
	b := &bench{tb: tb, host: h, w: h.workers[0]}
	b.w.pilot = h.newPilot(b.w)
	b.w.openRing()
	if b.w.alarm, err = sock.NewAlarm(); err != nil {
		tb.Fatal(err)
	}
	for i := range rooms {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		r := hostedBy(b.w, Assignment{Room: id, Epoch: 1, Game: "dots"})
		r.game = prog
		er, err := engine.New(engine.Config{ID: id, Program: prog})
		if err != nil {
			tb.Fatal(err)
		}
		r.post(errand{adopt: er})
		for slot := range players {
			b.join(r, slot)
		}
	}
	b.w.takeMail()
	tb.Cleanup(func() {
		for _, c := range b.w.table.conns {
			if c != nil {
				b.w.lose(c)
			}
		}
		b.w.release()
		for _, fd := range b.players {
			sock.Close(fd)
		}
	})
	return b
}

func (b *bench) join(r *hosted, slot int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.players = append(b.players, fds[1])
	b.seat(r, slot, &fdLink{fd: fds[0]})
}

// seat brings a player into a room whose connection is there.
func (b *bench) seat(r *hosted, slot int, l link) {
	j := engine.Join{Seat: engine.Seat{ID: uint64(slot + 1), Slot: slot, Role: room.RolePlayer}}
	j.NewSecret[0] = byte(slot)
	if !r.arrive(arrival{link: l, join: j}) {
		b.tb.Fatal("too many arrivals")
	}
	f := []byte{0x82, 0, 0, 0, 0, 0, 0x96, byte(wire.TypeInput), 0xce, 0, 0, 0, 0, 0, 0, byte(1 + slot%2), 0xff}
	f[1] = 0x80 | byte(len(f)-6)
	b.frames = append(b.frames, f)
}

// wake is everything that happens in one tick of every room: inputs in, ticks, states out and read.
func (b *bench) wake() {
	b.seq++
	for i, fd := range b.players {
		binary.BigEndian.PutUint32(b.frames[i][seqAt+1:], b.seq)
		if _, err := sock.Send(fd, b.frames[i]); err != nil {
			b.tb.Fatal(err)
		}
	}
	b.step()
}

// step runs every slot once and reads what came.
func (b *bench) step() {
	for _, s := range b.w.slots {
		if s.awake {
			b.w.runSlot(s, s.due())
		}
	}
	b.w.n.publish(&b.host.stats)
	for _, fd := range b.players {
		for {
			n, err := sock.Recv(fd, b.buf[:])
			if err != nil {
				break
			}
			if n < len(b.buf) {
				break
			}
		}
	}
}

// In steady state a wake allocates nothing: no frame, no input, no tick of a room, no send. A checkpoint a second is the
// engine's.
func TestWakeDoesNotAllocate(t *testing.T) {
	b := newBench(t, 4, 8)
	for range 400 { // numbers grow to three bytes, and with them buffers
		b.wake()
	}
	if n := b.host.stats.FramesReceived.Load(); n < 90*32 {
		t.Fatalf("only %d frames received", n)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC() // its workers are made at the first one
	const wakes = 200
	var n uint64
	for range 3 { // the runtime counts its own: a thread that is made meanwhile
		if n = mallocs(func() {
			for range wakes {
				b.wake()
			}
		}); n == 0 {
			return
		}
	}
	t.Errorf("%d allocations in %d wakes of 4 rooms with 8 players", n, wakes)
}

// sleepers is a bench of rooms in which nothing happens, of a game that sleeps meanwhile.
func sleepers(tb testing.TB, rooms, players int) *bench {
	b := newBenchOf(tb, dotProgram(tb, "dots", func(d *room.Definition) { d.Sleeps, d.Quiet = true, true }), rooms, players)
	for range 60 {
		b.step()
	}
	return b
}

// Rooms that sleep keep their time, and send what says that they are there.
func TestSleepingRooms(t *testing.T) {
	b := sleepers(t, 2, 3)
	tick, sent := b.w.adopted[0].tick.Load(), b.host.stats.FramesSent.Load()
	for range 100 {
		b.step()
	}
	if got := b.w.adopted[0].tick.Load(); got != tick+100 {
		t.Errorf("%d ticks after 100 wakes", got-tick)
	}
	states := uint64(2 * 3 * 5) // 5 s, and a hash in every second or third of them
	if got := b.host.stats.FramesSent.Load() - sent; got < states || got > 2*states {
		t.Errorf("%d frames in 5 s to 6 players of rooms that sleep, want about %d", got, states)
	}
}

func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

func BenchmarkWake(bb *testing.B) {
	b := newBench(bb, 8, 8)
	for range 100 {
		b.wake()
	}
	bb.ReportAllocs()
	for bb.Loop() {
		b.wake()
	}
	bb.ReportMetric(float64(bb.Elapsed().Nanoseconds())/float64(bb.N)/64, "ns/player")
}

// What a room costs in which nothing happens, of a game that does not sleep and of one that does.
func BenchmarkWakeIdle(bb *testing.B) {
	for name, b := range map[string]*bench{
		"awake":  newBenchOf(bb, dotProgram(bb, "dots", func(d *room.Definition) { d.Quiet = true }), 8, 8),
		"asleep": sleepers(bb, 8, 8),
	} {
		bb.Run(name, func(bb *testing.B) {
			bb.ReportAllocs()
			for n := 0; bb.Loop(); n++ {
				if n%200 == 0 { // or the rooms give up on silent players
					bb.StopTimer()
					b.wake()
					bb.StartTimer()
				}
				b.step()
			}
		})
	}
}
