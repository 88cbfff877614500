package plain

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// A room is what one goroutine ticks.
type room struct {
	// Immutable once it runs.
	server  *server
	players []*player
	frame   []byte

	// Owned by run.
	late  []int64 // of the ticks that are measured, in ns
	inbox []byte  // of the player that is looked at

	inputs, frames, wakes atomic.Uint64
}

// run ticks until the server stops. A tick that is due while another is made comes at once, one at most: a ticker keeps no more.
func (r *room) run(first time.Time, period time.Duration) {
	wait := time.NewTimer(time.Until(first))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.server.stop:
		return
	}
	t := time.NewTicker(period)
	defer t.Stop()
	for {
		select {
		case due := <-t.C:
			if r.server.measuring.Load() {
				r.late = append(r.late, int64(time.Since(due)))
			}
			r.tick()
		case <-r.server.stop:
			return
		}
	}
}

// tick takes the inputs that have come and writes one frame to each player.
func (r *room) tick() {
	inputs, frames := 0, 0
	for _, p := range r.players {
		inputs += p.drain(&r.inbox)
	}
	for _, p := range r.players {
		p.conn.SetWriteDeadline(time.Now().Add(writeWithin))
		if _, err := p.conn.Write(r.frame); err == nil {
			frames++
		}
	}
	r.inputs.Add(uint64(inputs))
	r.frames.Add(uint64(frames))
	r.wakes.Add(1)
}

// A player is a connection.
type player struct {
	conn net.Conn

	mu    sync.Mutex
	inbox []byte // the payloads that have come since the last tick
	n     int    // how many they are
}

// read parses frames until the connection ends or sends what it must not.
func (p *player) read() {
	in := bufio.NewReaderSize(p.conn, readBuffer)
	payload := make([]byte, readBuffer)
	for {
		h, err := ws.ReadHeader(in)
		if err != nil || !h.Masked || h.OpCode != ws.OpBinary || h.Length > readBuffer {
			return
		}
		b := payload[:h.Length]
		if _, err := io.ReadFull(in, b); err != nil {
			return
		}
		ws.Cipher(b, h.Mask, 0)
		p.mu.Lock()
		if len(p.inbox) < readBuffer { // beyond it inputs are lost: a room that is so late has no use for them
			p.inbox, p.n = append(p.inbox, b...), p.n+1
		}
		p.mu.Unlock()
	}
}

// drain takes what has come, by changing buffers, and says how many inputs it was.
func (p *player) drain(into *[]byte) (n int) {
	p.mu.Lock()
	n = p.n
	p.inbox, *into, p.n = (*into)[:0], p.inbox, 0
	p.mu.Unlock()
	return n
}
