package edge

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// maxPerAddress bounds the connections of one address that are no sockets of players: a hundred browsers behind one router,
// each with the six connections it opens to a host, and room to spare.
const maxPerAddress = 1024

// conns counts connections from their accept until they end or become a player's socket, which the host counts.
type conns struct {
	mu sync.Mutex
	// Guarded by mu.
	open int
	of   map[netip.Addr]int // no entry is 0
}

func (c *conns) init() { c.of = make(map[netip.Addr]int) }

// ConnState is for http.Server: it closes connections beyond Config.MaxConnections, and those of an address that holds too
// many, before anything is read from them. This machine and trusted proxies are bounded by the sum only.
func (e *Edge) ConnState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if limit := e.admit(peerOf(conn)); limit != "" {
			e.cfg.Refused(ReasonLimit)
			e.cfg.Limited(limit)
			conn.Close() // the server sees that and reports StateClosed
		}
	case http.StateHijacked, http.StateClosed:
		e.conns.leave(holder(peerOf(conn)))
	case http.StateActive, http.StateIdle:
	}
}

// admit counts a connection in, welcome or not: each is counted out once. It returns the limit that it is beyond, "" for none.
func (e *Edge) admit(peer netip.Addr) (limit string) {
	bounded := e.cfg.LimitIP > 0 && !peer.IsLoopback() && !e.trusted(peer)
	c := &e.conns
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.of[holder(peer)]++
	switch {
	case e.cfg.MaxConnections > 0 && c.open > e.cfg.MaxConnections:
		return "calls"
	case bounded && c.of[holder(peer)] > e.cfg.MaxPerAddress:
		return "limit-connections"
	}
	return ""
}

func (c *conns) leave(key netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.of[key]--; c.of[key] == 0 {
		delete(c.of, key)
	}
}

func peerOf(conn net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
