package hostile_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
)

const frames = "Frames"

// A player among seven others sends 10,000 inputs a second.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the real process")
	}
	node := rig.Start(t, rig.Options{})
	others := rig.MoveIn(t, node, 2, 7)
	others.Case(t, frames, "10,000 INPUT/s by one of eight players", func(t *testing.T) string {
		room := others.Rooms()[1]
		var got struct {
			Seats []client.Seat `json:"seats"`
		}
		body := map[string]any{"players": []client.JoinPlayer{{Name: "Flood"}}}
		if err := client.CallAPI(t.Context(), http.MethodPost, node.URL+"/v1/rooms/"+room+"/seats", nil, body, &got); err != nil {
			t.Fatal(err)
		}
		g := take(t, node, room, got.Seats[0])
		began := time.Now()
		var sent int
		var done sync.WaitGroup
		stop := make(chan struct{})
		done.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for seq := uint32(1); ; {
				var burst [][]byte
				for range 100 {
					burst = append(burst, wire.AppendInput(nil, seq, 0, 0, []int32{1, 0}))
					seq++
				}
				if g.Send(burst...) != nil {
					return
				}
				sent += len(burst)
				select {
				case <-tick.C:
				case <-stop:
					return
				}
			}
		})
		end := g.Ending(5 * time.Second)
		took := time.Since(began)
		close(stop)
		done.Wait()
		if end.Code != int(wire.CloseRate) || took > time.Second {
			t.Errorf("the flooder met with %v after %v, want %d within a second", end, took, wire.CloseRate)
		}
		return fmt.Sprintf("%v after %d ms", end, took.Milliseconds())
	})
}

// bombs announce more than they bring.
func bombs() map[string][]byte {
	b := map[string][]byte{
		"array of 2^32-1":         {0xdd, 0xff, 0xff, 0xff, 0xff},
		"array of 2^25":           {0xdd, 2, 0, 0, 0},
		"map of 2^32-1":           {0xdf, 0xff, 0xff, 0xff, 0xff},
		"map of 2^25":             {0xdf, 2, 0, 0, 0},
		"string of 2^32-1":        {0xdb, 0xff, 0xff, 0xff, 0xff},
		"bin of 2^32-1":           {0xc6, 0xff, 0xff, 0xff, 0xff},
		"ext of 2^32-1":           {0xc9, 0xff, 0xff, 0xff, 0xff, 1},
		"4,000 arrays in another": bytes.Repeat([]byte{0x91}, 4000),
		"8 MiB of arrays":         bytes.Repeat([]byte{0x91}, 8<<20),
	}
	for typ := range byte(32) { // in the place of each element of each frame
		for at := range 6 {
			frame := []byte{0x97, typ}
			for range at {
				frame = append(frame, 1)
			}
			b[fmt.Sprintf("frame %d, element %d: array of 2^32-1", typ, at+1)] = append(frame, 0xdd, 0xff, 0xff, 0xff, 0xff)
			b[fmt.Sprintf("frame %d, element %d: string of 2^32-1", typ, at+1)] = append(frame, 0xdb, 0xff, 0xff, 0xff, 0xff)
		}
	}
	return b
}

func TestBombs(t *testing.T) {
	node, others := neighbourhood(t, "-limit-ip", "0")
	others.Case(t, frames, "msgpack bombs before HELLO and in play", func(t *testing.T) string {
		before := node.Metric(t, "ringside_process_allocated_bytes_total")
		seen, n := map[int]int{}, 0
		for name, b := range bombs() {
			for _, playing := range []bool{false, true} {
				var r *rig.Raw
				if playing {
					if len(name) > 8 && name[:6] == "frame " && n%4 != 0 { // a room each: a quarter of them will do
						n++
						continue
					}
					r = admit(t, node).Raw
				} else {
					r = knock(t, node, others.Rooms()[0])
				}
				push(r, rig.Frame(0x82, b))
				end := r.Ending(soon)
				r.Close()
				switch wire.CloseCode(end.Code) {
				case wire.CloseMalformed, wire.CloseTooLarge, wire.CloseUnexpected:
				default:
					t.Errorf("%s (playing: %v) met with %v", name, playing, end)
				}
				seen[end.Code]++
				n++
			}
		}
		each := (node.Metric(t, "ringside_process_allocated_bytes_total") - before) / float64(n)
		if each > 1<<20 {
			t.Errorf("%.0f bytes allocated for a bomb", each)
		}
		return fmt.Sprintf("closed with %d (%d), %d (%d), %d (%d); %.0f KiB allocated each, the room it was sent to included", wire.CloseMalformed, seen[int(wire.CloseMalformed)],
			wire.CloseUnexpected, seen[int(wire.CloseUnexpected)], wire.CloseTooLarge, seen[int(wire.CloseTooLarge)], each/1024)
	})
}

// Ten thousand come and go, and nothing stays of them.
func TestConnectsAndDisconnects(t *testing.T) {
	node, others := neighbourhood(t)
	settled := settling(t, node)
	live := node.Metric(t, "ringside_process_live_bytes")
	others.Case(t, frames, "10,000 connects and disconnects", func(t *testing.T) string {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for i := range 500 {
					r, err := rig.Connect(node.Addr, "")
					if err != nil {
						t.Error(err)
						return
					}
					if i%2 == 0 {
						_ = r.Upgrade(others.Rooms()[0]) // 503 beyond the handshakes of a node
					}
					if i%3 == 0 {
						r.Reset()
					}
					r.Close()
				}
			})
		}
		wg.Wait()
		return "nothing stays"
	})
	settled(0)
	rig.Eventually(t, 20*time.Second, "the heap to be what it was", func() bool {
		return node.Metric(t, "ringside_process_live_bytes") <= live+4<<20
	})
}
