package hostile_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/test/rig"
	"github.com/ringside-server/ringside/test/rogue"
)

const (
	mutants       = 200 // streams, each with the seed of its number
	mutantsAtOnce = 8
	mutantsInRoom = 10
	resetAfter    = 200 * time.Millisecond // some ticks: the server is in the middle of it
)

// ratios are parts of all bits that are turned. Of a stream of 4 KiB the least leaves some frames whole in a row, the most hardly any.
var ratios = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02}

// Two hundred honest streams in which zzuf has turned bits: half of them from the request on, half of them in play. Each costs its
// sender the connection or nothing, and nothing stays of any.
func TestMutatedStreams(t *testing.T) {
	zzuf, err := exec.LookPath("zzuf")
	if err != nil {
		t.Skip("skipped: zzuf is not installed: apt-get install zzuf")
	}
	node, others := neighbourhood(t, "-limit-ip", "0")
	connections := node.Metric(t, "ringside_connections")
	failures := node.Metric(t, "ringside_rooms_failed_total")
	var (
		rooms []string
		seats []client.Seat
	)
	for range mutants / mutantsInRoom {
		room, some := rig.Seats(t, node, "rogue", rogue.Options{}, mutantsInRoom)
		rooms, seats = append(rooms, room), append(seats, some...)
	}
	others.Case(t, frames, "200 honest streams with bits turned by zzuf", func(t *testing.T) string {
		var (
			mu   sync.Mutex
			seen = map[string]int{} // Guarded by mu.
			wg   sync.WaitGroup
			turn = make(chan struct{}, mutantsAtOnce)
		)
		for i := range mutants {
			turn <- struct{}{}
			wg.Go(func() {
				defer func() { <-turn }()
				m := mutant{zzuf: zzuf, seed: i + 1, node: node, room: rooms[i/mutantsInRoom], seat: seats[i]}
				got, err := m.play()
				if err != nil {
					t.Errorf("seed %d, ratio %v, %s: %v\nsent %x", m.seed, m.ratio(), got, err, m.sent)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[got]++
			})
		}
		wg.Wait()
		if len(seen) < 3 {
			t.Errorf("all streams met with %v: they cannot have been of many kinds", seen)
		}
		return tally(seen)
	})
	rig.Eventually(t, soon, "the connections to be what they were", func() bool { return node.Metric(t, "ringside_connections") <= connections })
	if n := node.Metric(t, "ringside_connections"); n != connections {
		t.Errorf("%v connections, %v before", n, connections)
	}
	if n := node.Metric(t, "ringside_rooms_failed_total"); n != failures {
		t.Errorf("%v rooms have failed", n-failures)
	}
	if status, body := node.Get("/healthz"); status != http.StatusOK {
		t.Errorf("GET /healthz: %d %s", status, body)
	}
	for _, room := range rooms {
		if d := node.Room(t, room); d.State != "running" {
			t.Errorf("room %s is %s: %s", room, d.State, d.Text)
		}
	}
}

// A mutant is one stream, and who sends it.
type mutant struct {
	zzuf string
	seed int
	node *rig.Node
	room string
	seat client.Seat

	sent []byte // what zzuf has made of it
}

func (m *mutant) ratio() float64 { return ratios[m.seed%len(ratios)] }

// inPlay says that the upgrade and HELLO are left as they are.
func (m *mutant) inPlay() bool { return m.seed%2 == 0 }

// shuts says that the sender shuts its half behind the stream, so that the server has to end the connection; the others are reset.
func (m *mutant) shuts() bool { return m.seed%4 < 2 }

// honest is what a client says in its first seconds: WebSocket messages behind HELLO.
func honest() (stream []byte) {
	frame := func(b []byte) { stream = append(stream, rig.Frame(rig.BinaryFrame, b)...) }
	for seq := uint32(1); seq <= 60; seq++ {
		frame(wire.AppendInput(nil, seq, seq/2, seq/2, []int32{int32(seq) - 30, int32(seq % 2)}))
		switch seq % 6 {
		case 1:
			frame(wire.AppendMsg(nil, wire.Msg{Ref: seq, Payload: wire.AppendInt([]byte{0x91}, int64(seq))}))
		case 2:
			frame(wire.AppendAck(nil, wire.Ack{Tick: seq / 2, EventSeq: seq / 6}))
		case 3:
			frame(wire.AppendPing(nil, wire.Ping{ClientUS: uint64(seq) * 50_000}))
		case 4:
			stream = append(stream, rig.Frame(rig.PingFrame, []byte("are you there"))...)
		case 5:
			frame(wire.AppendResync(nil, wire.Resync{Tick: seq / 2, Reason: 1}))
		}
	}
	// A message in three fragments, with a ping between them.
	long := wire.AppendMsg(nil, wire.Msg{Ref: 61, Payload: append([]byte{0x91, 0xc5, 0x01, 0x00}, make([]byte, 256)...)})
	stream = append(stream, rig.Frame(0x02, long[:100])...)
	stream = append(stream, rig.Frame(0x00, long[100:200])...)
	stream = append(stream, rig.Frame(rig.PingFrame, nil)...)
	stream = append(stream, rig.Frame(0x80, long[200:])...)
	return stream
}

// mutate turns bits.
func (m *mutant) mutate(stream []byte) ([]byte, error) {
	cmd := exec.Command(m.zzuf, "-s", strconv.Itoa(m.seed), "-r", strconv.FormatFloat(m.ratio(), 'f', -1, 64))
	cmd.Stdin = bytes.NewReader(stream)
	out, err := cmd.Output()
	if err == nil && len(out) != len(stream) {
		err = fmt.Errorf("zzuf made %d bytes of %d", len(out), len(stream))
	}
	return out, err
}

// play sends the stream and returns how it ended, in a few words. What must not happen is an error.
func (m *mutant) play() (got string, err error) {
	var r *rig.Raw
	stream := honest()
	if m.inPlay() {
		g, err := enterBy(m.node, m.room, seatHello(m.seat))
		if err != nil {
			return "not let in", err
		}
		r = g.Raw
	} else {
		if r, err = rig.Connect(m.node.Addr, ""); err != nil {
			return "not connected", err
		}
		hello := rig.Frame(rig.BinaryFrame, wire.AppendHello(nil, seatHello(m.seat)))
		stream = join([]byte(rig.UpgradeRequest(m.node.Addr, m.room)), hello, stream)
	}
	defer r.Close()
	if m.sent, err = m.mutate(stream); err != nil {
		return "not mutated", err
	}
	push(r, m.sent)
	if !m.shuts() {
		end := r.Ending(resetAfter)
		r.Reset()
		if m.inPlay() && end.TCP != "open" {
			return judge(&end)
		}
		return "ended by a RST of its own", nil
	}
	if c, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // fails if the server was faster
	}
	if !m.inPlay() {
		status, _, err := r.Response()
		switch {
		case status == 0:
			return "no answer", nil
		case err != nil:
			return "an answer that does not parse", err
		case status == http.StatusInternalServerError:
			return "500", errors.New("the server says that it has failed")
		case status != http.StatusSwitchingProtocols:
			return strconv.Itoa(status), nil
		}
	}
	end := r.Ending(soon)
	return judge(&end)
}

// judge says what must not be of how a stream ended.
func judge(end *rig.Ending) (got string, err error) {
	switch {
	case end.TCP == "open":
		err = errors.New("the server has not ended the connection")
	case end.Junk > 0:
		err = fmt.Errorf("%d frames behind the close", end.Junk)
	case end.Code == int(wire.CloseFault), end.Code == 1011:
		err = errors.New("it was the server that failed")
	}
	return end.String(), err
}
