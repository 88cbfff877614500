package room

import "errors"

// HostLock and HostKick are messages that any game can list among its Messages, for the powers that players expect of a room's
// host (see Player.Host). "host_lock" {locked} is Room.Lock; "host_kick" {slot} removes a player or a bot, who reads "removed
// by the host" and may be sold another seat. Who is not the host is refused, as are kicks of oneself and of a free slot.
var (
	HostLock = Message("host_lock", 2, hostLock)
	HostKick = Message("host_kick", 2, hostKick)
)

type lockRequest struct{ Locked bool }

type kickRequest struct {
	Slot int `ring:"0..1999"` // of a player or, above MaxPlayers, of a spectator
}

var (
	errNotHost  = errors.New("only the host may do that")
	errKickSelf = errors.New("you cannot remove yourself; leave instead")
	errNobody   = errors.New("nobody sits there")
)

func hostLock(_ Game, r *Room, p *Player, q lockRequest) error {
	if !p.Host() {
		return errNotHost
	}
	r.Lock(q.Locked)
	return nil
}

func hostKick(_ Game, r *Room, p *Player, q kickRequest) error {
	whom := r.Player(q.Slot)
	switch {
	case !p.Host():
		return errNotHost
	case whom == nil:
		return errNobody
	case whom == p:
		return errKickSelf
	}
	r.Kick(whom, "removed by the host")
	return nil
}
