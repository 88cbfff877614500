package matchmaker

import (
	"encoding/binary"
	"math"
	"slices"
)

// randomBytes of a creation: seven for the id, eight for the seed, one spare.
const randomBytes = 16

// Close codes the directory gives itself; the others come from the owner.
const (
	codeEnded = 4009 // do not retry
	codeFault = 4012 // the game failed
	codeLost  = 4200 // ask the matchmaker
)

func (m *nodeUp) apply(d *Directory) result {
	old, at := d.t.node(m.Name)
	switch {
	case m.Name == "" || len(m.Games) == 0:
		return result{err: invalid("a node needs a name and a game")}
	case old != nil && m.Incarnation < old.Incarnation:
		return result{err: ErrStaleIncarnation}
	case old == nil && len(d.t.nodes) >= maxNodes:
		return result{err: invalid("more than %d nodes", maxNodes)}
	}
	n := &node{m.Node}
	if old == nil {
		d.t.nodes = slices.Insert(d.t.nodes, at, n)
		return result{}
	}
	d.t.nodes[at] = n
	if m.Incarnation > old.Incarnation {
		d.reassign(n)
	}
	return result{}
}

// reassign gives a node that has started anew the rooms that its process
// before was running. It restores what it can, and reports each.
func (d *Directory) reassign(n *node) {
	set := d.t.idx.owned[n.Name]
	if set == nil {
		return
	}
	var ids []string
	set.ascend(orderedKey{}, func(k orderedKey) bool {
		ids = append(ids, k.id)
		return true
	})
	for _, id := range ids {
		r := d.t.rooms[id].change()
		if _, ok := n.game(r.Game); !ok {
			d.end(r, Ending{Reason: reasonLost, Text: "its node does not run the game any more", Code: codeLost})
			continue
		}
		d.t.assigned++
		r.Epoch++
		r.State, r.Incarnation, r.Assigned = RoomStarting, n.Incarnation, d.t.assigned
		d.put(r)
	}
}

const reasonLost = "lost"

func (m *createRoom) apply(d *Directory) result {
	return d.once(&m.origin, m.Hash, 0, func() result {
		r, err := d.create(&m.creation)
		if err == nil {
			err = d.setPrivate(r, m.Private, m.Code)
		}
		if err != nil {
			return result{err: err}
		}
		d.t.assigned = r.Assigned
		d.put(r)
		return result{room: r, created: true}
	})
}

// create makes the room that m describes. The caller puts it into the directory, and its assignment version.
func (d *Directory) create(m *creation) (*Room, error) {
	if len(m.Random) != randomBytes || !sortedPairs(m.Metadata) {
		return nil, invalid("random bytes or metadata")
	}
	if d.t.idx.live() >= m.MaxLive {
		return nil, ErrTooManyRooms
	}
	id := roomID(m.Random)
	owner, _ := d.t.node(place(d.t.nodes, id, m.Game))
	if owner == nil {
		return nil, ErrGameUnknown
	}
	game, _ := owner.game(m.Game)
	players := m.MaxPlayers
	if players == 0 {
		players = game.MaxPlayers
	}
	switch {
	case players > game.MaxPlayers:
		return nil, invalid("max_players is %d, the game has at most %d", players, game.MaxPlayers)
	case m.Bots != nil && *m.Bots > players:
		return nil, invalid("bots is %d, the room has at most %d players", *m.Bots, players)
	case d.t.rooms[id] != nil:
		return nil, ErrRoomExists
	}
	return &Room{
		ID: id, Game: game.Name, Options: m.Options, Metadata: m.Metadata, Private: m.Private,
		MaxPlayers: players, MaxSpectators: m.MaxSpectators, Bots: m.Bots,
		Seed: binary.BigEndian.Uint64(m.Random[7:]), Created: d.t.clock,
		Owner: owner.Name, Incarnation: owner.Incarnation, Epoch: 1, Assigned: d.t.assigned + 1,
		State: RoomStarting, Version: 1, NextSeat: 1,
	}, nil
}

// crockford is the alphabet of room ids: no i, l, o or u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// roomIDLen characters of 5 bits: with 10,000 rooms alive one in 10^11 new
// ids is taken, and then the creation is refused and tried again.
const roomIDLen = 10

func roomID(random []byte) string {
	bits := binary.BigEndian.Uint64(random)
	var id [roomIDLen]byte
	for i := range id {
		id[i] = crockford[bits>>59]
		bits <<= 5
	}
	return string(id[:])
}

func (m *roomStarted) apply(d *Directory) result {
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	if r.State == RoomStarting {
		r = r.change()
		r.State, r.Ran = RoomRunning, true
		d.put(r)
	}
	return result{room: r}
}

// apply opens a room that its owner has restored. A seat that was taken when
// the room was assigned and that the restored room knows nothing of is free
// again: its player came in after what was restored. Seats that were taken
// since are not among those.
func (m *roomRestored) apply(d *Directory) result {
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	if r.State == RoomStarting {
		r = r.change()
		r.State, r.Ran = RoomRunning, true
		r.removeSeats(func(s Seat) bool { return s.State == SeatTaken && slices.Contains(m.Gone, s.ID) })
		d.put(r)
	}
	return result{room: r}
}

func (m *roomRefused) apply(d *Directory) result {
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	if r.State != RoomStarting {
		return result{err: invalid("room is running")}
	}
	r = r.change()
	d.end(r, Ending{Reason: reasonRefused, Text: m.Text, Code: codeEnded})
	return result{room: r, ended: true}
}

const reasonRefused = "refused"

// apply ends the room. A second call in the same epoch is answered like the
// first: the owner may not have heard the answer.
func (m *endRoom) apply(d *Directory) result {
	if r := d.t.rooms[m.Room]; r != nil && r.State == RoomEnded && r.Epoch == m.Epoch {
		return result{room: r, ended: true}
	}
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	r = r.change()
	d.end(r, m.Ending)
	return result{room: r, ended: true}
}

// apply ends the room only if nobody has a seat and nobody was promised one.
// A Reserve that is ahead of it in the log keeps the room; one that is behind
// finds it ended.
func (m *endIfIdle) apply(d *Directory) result {
	if r := d.t.rooms[m.Room]; r != nil && r.State == RoomEnded && r.Epoch == m.Epoch {
		return result{room: r, ended: true}
	}
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	if len(r.Seats) > 0 {
		return result{room: r}
	}
	r = r.change()
	d.end(r, Ending{Reason: "idle", Code: codeEnded})
	return result{room: r, ended: true}
}

func (m *updateRoom) apply(d *Directory) result {
	r, err := d.t.owned(m.fenced)
	if err != nil {
		return result{err: err}
	}
	r = r.change()
	if m.Locked != nil {
		r.Locked = *m.Locked
	}
	if m.Private != nil {
		if err := d.setPrivate(r, *m.Private, m.Code); err != nil {
			return result{err: err}
		}
	}
	if m.Metadata != nil {
		merged := pairMap(r.Metadata)
		for k, v := range m.Metadata {
			if merged[k] = v; v == "" {
				delete(merged, k)
			}
		}
		if len(merged) > maxMetadata {
			return result{err: invalid("metadata of more than %d keys", maxMetadata)}
		}
		r.Metadata = sortPairs(merged)
	}
	d.put(r)
	return result{room: r}
}

// apply adds a key unless somebody else was faster; the oldest falls out.
func (m *addKey) apply(d *Directory) result {
	if m.ID == 0 || len(m.Secret) < minSecretBytes {
		return result{err: invalid("key without an id or with a short secret")}
	}
	var newest uint64
	if len(d.t.keys) > 0 {
		newest = d.t.keys[0].ID
	}
	if newest != m.After || m.ID <= newest {
		return result{}
	}
	keys := slices.Insert(slices.Clone(d.t.keys), 0, m.signingKey)
	d.t.keys = keys[:min(len(keys), tokenKeys)]
	return result{}
}

const minSecretBytes = 16

// maxDue is far enough in the future for every clock.
const maxDue = math.MaxInt64 - expiryGraceMs
