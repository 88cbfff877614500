package raftstore

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// transport is what raft needs to reach voters, with the parts it otherwise
// looks for by type assertion and does without in silence.
type transport interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

// guarded stands between raft and its transport; the guards of a cluster
// live here.
//
// Heartbeats must not take raft's fast path: it handles them beside the main
// loop, which lets a deposed leader apply what nobody else has
// (hashicorp/raft#695). Without a handler they queue like every other call.
type guarded struct{ transport }

// SetHeartbeatHandler drops the handler.
func (guarded) SetHeartbeatHandler(func(raft.RPC)) {}

// soloTransport is bound to nothing: its only peer is itself.
func soloTransport(node string) *raft.InmemTransport {
	addr, t := raft.NewInmemTransportWithTimeout(raft.ServerAddress(node), time.Second)
	t.Connect(addr, t)
	return t
}

// electSolo makes the only voter stand for election now. Without it the node
// would first wait one to two heartbeat timeouts for a leader that cannot
// exist.
func electSolo(t raft.Transport, node string) error {
	var answer raft.TimeoutNowResponse
	err := t.TimeoutNow(raft.ServerID(node), t.LocalAddr(), &raft.TimeoutNowRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(node), Addr: []byte(node)},
	}, &answer)
	if err != nil {
		return fmt.Errorf("start election: %w", err)
	}
	return nil
}
