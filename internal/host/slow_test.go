package host

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

// fat makes states of some 10 KiB that change whole in every tick, so that socket buffers fill in no time.
const fat = `{"Filler":1000}`

// smallWindow makes a client's receive buffer small.
func smallWindow(c *client) { _ = c.tcp().SetReadBuffer(4 << 10) }

func TestSlowReaderIsClosed(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, func(c *Config) { c.SlowTimeout = 500 * time.Millisecond })
		r.assign(Assignment{Room: "a", Game: "dots", Options: []byte(fat)})
		r.town.await(t, "started a", 1)
		quick, slow := r.join("a", 0), r.join("a", 1)
		smallWindow(slow)
		quick.until("4100", func() bool { return r.host.stats.Closes(wire.CloseSlow) == 1 }) // slow does not read
		if r.host.stats.FramesSkipped.Load() == 0 {
			t.Error("no skipped frame is counted")
		}
		n := quick.cur().Tick
		quick.until("the others to play on", func() bool { return quick.cur().Tick > n+5 })
		back := r.back(slow, slow.welcome.Key)
		back.until("a state", func() bool { return back.welcomed && back.newest != 0 })
	})
}

// A reader that pauses gets the tail of what was begun, and then the newest state, not what it missed.
func TestSlowReaderGetsFreshState(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.assign(Assignment{Room: "a", Game: "dots", Options: []byte(fat)})
		r.town.await(t, "started a", 1)
		quick, slow := r.join("a", 0), r.join("a", 1)
		smallWindow(slow)
		quick.until("frames to be skipped", func() bool { return r.host.stats.FramesSkipped.Load() > 10 })
		now := quick.cur().Tick
		frames, old := 0, slow.cur().Tick
		slow.until("the present", func() bool {
			if slow.cur().Tick != old {
				frames, old = frames+1, slow.cur().Tick
			}
			return old >= now
		})
		slow.until("a hash", func() bool { return slow.hashes > 0 })
		if r.host.stats.Closes(wire.CloseSlow) > 0 {
			t.Error("it was closed")
		}
	})
}

func TestHostileFrames(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		good := r.join("a", 0)
		for i, tt := range []struct {
			name string
			send func(c *client)
			want wire.CloseCode
		}{
			{"garbage", func(c *client) { c.send([]byte{0xff}) }, wire.CloseMalformed},
			{"second hello", func(c *client) { c.hello(token("a", 1), nil) }, wire.CloseUnexpected},
			{"too large", func(c *client) { c.send(make([]byte, wire.MaxClientMessage+1)) }, wire.CloseTooLarge},
			{"unmasked", func(c *client) { c.raw([]byte{0x82, 1, 0x91}) }, 1002},
			{"text", func(c *client) { c.raw(masked(1, []byte("x"))) }, 1003},
			{"flood", func(c *client) {
				ping := masked(2, wire.AppendPing(nil, wire.Ping{ClientUS: 1}))
				for range 600 {
					c.raw(ping)
				}
			}, wire.CloseRate},
			{"flood of the socket's pings", func(c *client) { c.raw(bytes.Repeat(masked(ws.OpPing, []byte("x")), 600)) }, wire.CloseRate},
			{"flood of the socket's pongs", func(c *client) { c.raw(bytes.Repeat(masked(ws.OpPong, nil), 600)) }, wire.CloseRate},
		} {
			c := r.join("a", i+1)
			tt.send(c)
			if got := c.untilClosed(); got != tt.want {
				t.Errorf("%s: closed with %d, want %d", tt.name, got, tt.want)
			}
		}
		good.input(1, 1)
		good.until("play goes on", func() bool { return good.inSeq == 1 })
	})
}

// A client that names one of our codes when it says goodbye is counted as one that said goodbye.
func TestPeersCloseIsTheirs(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		for slot, code := range []wire.CloseCode{wire.CloseFault, 1000, 3000, 0} {
			c := r.join("a", slot)
			c.raw(masked(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), "bye")[:min(2*int(code), 5)]))
			if got := c.untilClosed(); got != code {
				t.Errorf("a close with %d is answered with %d", code, got)
			}
		}
		if s := r.host.Stats(); s.Closes(wire.CloseFault) != 0 || s.Closes(1000) != 4 {
			t.Errorf("%d are counted as faults, %d of 4 as goodbyes", s.Closes(wire.CloseFault), s.Closes(1000))
		}
	})
}

// Many come and go at once, in every way a connection can go.
func TestCloseStorm(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, func(c *Config) { c.Workers = 2 })
		r.open("a", "b", "c", "d")
		stays := r.join("a", 63)
		var players sync.WaitGroup
		for _, id := range []string{"a", "b", "c", "d"} {
			for slot := range 10 {
				players.Go(func() {
					for round := range 3 {
						c := r.dial(id)
						c.hello(seatToken(id, slot, uint64(slot*100+round+1)), nil)
						if (slot+round)%4 == 0 {
							c.conn.Close() // before WELCOME
							continue
						}
						for !c.closed && !c.welcomed && c.read(time.Now().Add(patience)) {
						}
						switch (slot + round) % 4 {
						case 1:
							_ = c.tcp().SetLinger(0)
							c.conn.Close()
						case 2:
							c.send(wire.AppendLeave(nil))
							c.conn.Close()
						case 3:
							c.send([]byte{0xff})
							for !c.closed && c.read(time.Now().Add(patience)) {
							}
						}
					}
				})
			}
		}
		players.Wait()
		stays.input(1, 0)
		stays.until("play goes on", func() bool { return stays.inSeq == 1 })
		eventually(t, "all connections but one are gone", func() bool { return r.host.stats.Connections.Load() == 1 })
		for _, s := range r.host.Rooms() {
			if s.State != "running" || s.Game != "dots" {
				t.Errorf("%+v", s)
			}
		}
		if got := fmt.Sprint(len(r.host.Workers()), r.host.Workers()[0].Rooms); got != "2 2" {
			t.Errorf("workers and rooms of the first: %s", got)
		}
	})
}
