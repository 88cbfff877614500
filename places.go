package ringside

import (
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/sock"
)

// Open files are shared out before anything listens: what may be open together stays below the limit by construction, and what
// rooms are kept in is never the one that goes without.

// filesReserve is for all that is no connection, beside the workers' epoll sets: the log and its snapshots, the journal's segments,
// fault files, calls to the outside, and connections that are being refused. A node at rest has twenty open.
const filesReserve = 256

// reserve is how many files are kept from connections.
func (n *Node) reserve() uint64 {
	sets, rates := 0, map[int]bool{}
	for _, p := range n.programs {
		if hz := p.Def.TickHz; !rates[hz] {
			rates[hz] = true
			sets += host.Slots(hz)
		}
	}
	return filesReserve + uint64(n.cfg.Workers*sets)
}

// places are how many of each kind may be open at once.
type places struct{ connections, calls, admin, streams int }

// sum is how many files they take.
func (p places) sum() uint64 { return uint64(p.connections + p.calls + p.admin + p.streams) }

// wanted is what the configuration asks for.
func (c *Config) wanted() places {
	p := places{connections: c.MaxConnections, calls: c.maxCalls(), streams: c.MaxStreams}
	if c.AdminListen != "" {
		p.admin = maxAdminCalls
	}
	return p
}

// within makes places fit into a number of open files, 0 for unknown, of which some are kept for other things: half at most. Streams take what the others leave, at least a sixteenth:
// anybody may hold one, and a node without a file to spare accepts no player. Then the others shrink.
func (p places) within(files, reserve uint64) places {
	if files == 0 || files >= p.sum()+reserve {
		return p
	}
	left := int(files - min(reserve, files/2))
	least := min(p.streams, max(left/16, 1))
	if p.connections+p.calls+p.admin+least > left {
		p.admin = min(p.admin, max(left/16, 4))
		p.calls = min(p.calls, max(left/4, left-p.admin-least-p.connections, 4))
		p.connections = min(p.connections, max(left-p.admin-p.calls-least, 1))
	}
	p.streams = min(p.streams, max(left-p.connections-p.calls-p.admin, 1))
	return p
}

// fitFiles raises the limit of open files as far as it goes and makes the bounds of connections fit into it.
func (n *Node) fitFiles() {
	want := n.cfg.wanted()
	err := sock.RaiseFileLimit(want.sum() + n.reserve())
	got := want.within(sock.FileLimit(), n.reserve())
	n.cfg.MaxConnections, n.cfg.MaxStreams, n.cfg.calls, n.cfg.adminCalls = got.connections, got.streams, got.calls, got.admin
	switch {
	case got.connections < want.connections:
		n.cfg.Log.Warn().Err(err).Uint64("open_files", sock.FileLimit()).Int("max_connections", got.connections).
			Int("other_connections", got.calls).Int("max_streams", got.streams).
			Msg("open files allow fewer connections than -max-connections says")
	case got.streams < want.streams:
		n.cfg.Log.Info().Int("max_streams", got.streams).Uint64("open_files", sock.FileLimit()).Msg("open files allow fewer streams than -max-streams says")
	}
}
