package host

import (
	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/ws"
)

// recvBytes is how much is read from one socket per tick; the rest waits for the next.
const recvBytes = 4096

// A connState is where a connection of a worker is in its life.
type connState uint8

const (
	joining connState = iota // in the engine's joins: not read
	live                     // bound to a session
	closing                  // told why; read until the peer has heard it, or closeLinger is over
	dead                     // forgotten
)

// A conn is one connection of a worker, from the arrival of its HELLO to its close. It belongs to the worker.
//
// About 200 bytes, one descriptor and, for a live one, what the engine holds of its session; the tail and the parser's
// partial are nil but for slow or strange peers. 0.5 KiB per idle connection was measured with the prototype.
type conn struct {
	// What each read and each write needs, close together.
	id             uint64 // generation << 32 | index in the table; never given twice
	link           link
	plain          fdLink  // link points here if it is one
	room           *hosted // nil once closing
	session        *engine.Session
	state          connState
	shut           bool   // closing: everything is sent
	dropped        uint32 // of the session's inputs: counted so far
	pong           []byte // a frame that waits for the next send
	tail           []byte // of what was sent, what the socket did not take
	stuck          int64  // since when there is a tail, or the link busy; 0: not
	parser         ws.Parser
	sent, received uint64 // bytes, for the operator

	slot  *slot
	at    int    // in room.conns, or in slot.closing
	rest  []byte // while joining: received behind the HELLO
	until int64  // closing: when to give up
	stay  *stay  // of the session; stays when the session is let go
	since int64  // when it came to its room
}

// touch loads what the next read and write need; see engine.Session.Touch.
func (c *conn) touch() (n uint32) {
	n = uint32(c.state) + uint32(len(c.pong)) + uint32(len(c.tail)) + uint32(c.received)
	if c.session != nil && !c.room.flying { // else it is the pilot's
		n += c.session.Touch()
	}
	return n
}

// A table finds connections by id: an index that is used again, and a generation that is not.
type table struct {
	conns []*conn
	gens  []uint32
	free  []uint32
}

// add gives a connection its id.
func (t *table) add(c *conn) {
	if len(t.free) == 0 {
		t.free = append(t.free, uint32(len(t.conns)))
		t.conns, t.gens = append(t.conns, nil), append(t.gens, 0)
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.gens[i]++
	t.conns[i] = c
	c.id = uint64(t.gens[i])<<32 | uint64(i)
}

// find returns a connection, nil if it is gone.
func (t *table) find(id uint64) *conn {
	i := uint32(id)
	if int(i) >= len(t.conns) || t.conns[i] == nil || t.conns[i].id != id {
		return nil
	}
	return t.conns[i]
}

func (t *table) remove(c *conn) {
	i := uint32(c.id)
	t.conns[i] = nil
	t.free = append(t.free, i)
}

// addTo and removeFrom keep a list of connections in no order.
func (c *conn) addTo(list *[]*conn) {
	c.at = len(*list)
	*list = append(*list, c)
}

func (c *conn) removeFrom(list *[]*conn) {
	l := *list
	last := l[len(l)-1]
	l[c.at], last.at = last, c.at
	l[len(l)-1] = nil
	*list = l[:len(l)-1]
}
