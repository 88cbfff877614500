package host

import (
	"sync"

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
	id             uint64 // generation << 32 | index in the tables; never given twice
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

// A table finds a worker's connections by id. An id is an index and a generation; names gives them out for all workers together,
// so a connection that moves to another worker keeps its own, by which engine and epoll know it.
type table struct {
	conns []*conn // by index; nil: not one of this worker's
	count int
}

// put takes a connection in.
func (t *table) put(c *conn) {
	i := int(uint32(c.id))
	if i >= len(t.conns) {
		t.conns = append(t.conns, make([]*conn, i+1-len(t.conns))...)
	}
	t.conns[i] = c
	t.count++
}

// find returns a connection, nil if it is gone.
func (t *table) find(id uint64) *conn {
	i := uint32(id)
	if int(i) >= len(t.conns) || t.conns[i] == nil || t.conns[i].id != id {
		return nil
	}
	return t.conns[i]
}

// remove takes a connection out; its id is still its own.
func (t *table) remove(c *conn) {
	t.conns[uint32(c.id)] = nil
	t.count--
}

// names gives connections their ids.
type names struct {
	mu sync.Mutex
	// Guarded by mu.
	gens []uint32 // by index
	free []uint32
}

// take returns an id that was never given before.
func (n *names) take() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.free) == 0 {
		n.free = append(n.free, uint32(len(n.gens)))
		n.gens = append(n.gens, 0)
	}
	i := n.free[len(n.free)-1]
	n.free = n.free[:len(n.free)-1]
	n.gens[i]++
	return uint64(n.gens[i])<<32 | uint64(i)
}

// back frees the index of an id.
func (n *names) back(id uint64) {
	n.mu.Lock()
	n.free = append(n.free, uint32(id))
	n.mu.Unlock()
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
