package matchmaker

import (
	"slices"
	"strings"
)

// The fields of every command and of every record in a snapshot, in the order
// of their bytes. Append only.

func (*nodeUp) kind() byte       { return kindNodeUp }
func (*createRoom) kind() byte   { return kindCreateRoom }
func (*roomStarted) kind() byte  { return kindRoomStarted }
func (*roomRefused) kind() byte  { return kindRoomRefused }
func (*reserve) kind() byte      { return kindReserve }
func (*joinOrCreate) kind() byte { return kindJoinOrCreate }
func (*confirm) kind() byte      { return kindConfirm }
func (*release) kind() byte      { return kindRelease }
func (*expire) kind() byte       { return kindExpire }
func (*endRoom) kind() byte      { return kindEndRoom }
func (*endIfIdle) kind() byte    { return kindEndIfIdle }
func (*addKey) kind() byte       { return kindAddKey }
func (*updateRoom) kind() byte   { return kindUpdateRoom }
func (*roomRestored) kind() byte { return kindRoomRestored }
func (*patchRoom) kind() byte    { return kindPatchRoom }
func (*freeSeat) kind() byte     { return kindFreeSeat }
func (*setWebhook) kind() byte   { return kindSetWebhook }
func (*acknowledge) kind() byte  { return kindAcknowledge }

func (m *nodeUp) fields(c *codec) {
	m.origin.fields(c)
	m.Node.fields(c)
}

func (n *Node) fields(c *codec) {
	c.str(&n.Name, maxIDBytes)
	c.uint(&n.Incarnation)
	c.str(&n.Addr, maxMetadataValue)
	c.num(&n.Weight, 0, maxWeight)
	list(c, &n.Games, maxGames, func(c *codec, g *Game) { g.fields(c) })
}

func (g *Game) fields(c *codec) {
	c.str(&g.Name, maxGameBytes)
	version := uint64(g.Version)
	c.uint(&version)
	g.Version = uint32(version)
	c.num(&g.MaxPlayers, 1, maxPlayersPerRoom)
	c.num(&g.TickHz, 0, 1000)
	c.num(&g.SendHz, 0, 1000)
}

func (m *creation) fields(c *codec) {
	c.str(&m.Game, maxGameBytes)
	c.bytes(&m.Options, maxOptionsBytes)
	pairs(c, &m.Metadata)
	c.bool(&m.Private)
	c.optional(&m.Bots, 0, maxPlayersPerRoom)
	c.num(&m.MaxPlayers, 0, maxPlayersPerRoom)
	c.num(&m.MaxSpectators, 0, maxSpectatorLimit)
	c.num(&m.MaxLive, 0, 1<<30)
	c.bytes(&m.Random, randomBytes)
}

func (m *createRoom) fields(c *codec) {
	m.origin.fields(c)
	m.creation.fields(c)
	m.once.fields(c)
	c.bytes(&m.Code, codeBytes)
}

func (m *once) fields(c *codec) { c.bytes(&m.Hash, replayHashBytes) }

func (f *fenced) fields(c *codec) {
	c.str(&f.Room, maxIDBytes)
	c.uint(&f.Epoch)
}

func (m *roomStarted) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
}

func (m *roomRestored) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
	list(c, &m.Gone, maxPlayersPerRoom+maxSpectatorLimit, func(c *codec, seat *uint64) { c.uint(seat) })
}

func (m *roomRefused) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
	c.str(&m.Text, maxTextBytes)
}

func (p *Player) fields(c *codec) {
	c.str(&p.ID, maxIDBytes)
	c.str(&p.Name, maxNameBytes)
	c.num(&p.Team, 0, maxTeam)
	small(c, &p.Role, RoleSpectator)
}

func (m *reserve) fields(c *codec) {
	m.origin.fields(c)
	c.str(&m.Room, maxIDBytes)
	list(c, &m.Players, maxPlayersPerCall, func(c *codec, p *Player) { p.fields(c) })
	c.int(&m.Expires)
	m.once.fields(c)
}

func (m *joinOrCreate) fields(c *codec) {
	m.origin.fields(c)
	m.creation.fields(c)
	m.Player.fields(c)
	c.int(&m.Expires)
	m.once.fields(c)
}

func (m *confirm) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
	c.uint(&m.Seat)
}

func (m *release) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
	c.uint(&m.Seat)
}

func (m *expire) fields(c *codec) { m.origin.fields(c) }

func (m *endRoom) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
	m.Ending.fields(c)
}

func (e *Ending) fields(c *codec) {
	c.str(&e.Reason, maxTextBytes)
	c.str(&e.Text, maxTextBytes)
	c.num(&e.Code, 0, 65535)
	c.int(&e.At)
	c.bytes(&e.Result, maxResultBytes)
}

func (m *endIfIdle) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
}

func (m *addKey) fields(c *codec) {
	m.origin.fields(c)
	m.signingKey.fields(c)
	c.uint(&m.After)
}

func (k *signingKey) fields(c *codec) {
	c.uint(&k.ID)
	c.bytes(&k.Secret, maxIDBytes)
	c.int(&k.Created)
}

func (m *updateRoom) fields(c *codec) {
	m.origin.fields(c)
	m.fenced.fields(c)
	flag(c, &m.Locked)
	flag(c, &m.Private)
	replace := m.Metadata != nil
	c.bool(&replace)
	sorted := sortPairs(m.Metadata)
	pairs(c, &sorted)
	if c.dec != nil && replace {
		m.Metadata = pairMap(sorted)
	}
	c.bytes(&m.Code, codeBytes)
}

func (m *patchRoom) fields(c *codec) {
	m.origin.fields(c)
	c.str(&m.Room, maxIDBytes)
	c.bool(&m.Any)
	list(c, &m.Versions, maxVersions, func(c *codec, v *uint64) { c.uint(v) })
	flag(c, &m.Locked)
	flag(c, &m.Private)
	pairs(c, &m.Set)
	list(c, &m.Remove, maxMetadata, func(c *codec, key *string) { c.str(key, maxMetadataKey) })
	c.bytes(&m.Code, codeBytes)
}

func (m *freeSeat) fields(c *codec) {
	m.origin.fields(c)
	c.str(&m.Room, maxIDBytes)
	c.uint(&m.Seat)
}

func (m *setWebhook) fields(c *codec) {
	m.origin.fields(c)
	c.bool(&m.On)
}

func (m *acknowledge) fields(c *codec) {
	m.origin.fields(c)
	list(c, &m.Events, ackBatch, func(c *codec, event *string) { c.str(event, maxEventBytes) })
}

func (e *replay) fields(c *codec) {
	c.str(&e.Principal, maxIDBytes)
	c.str(&e.Key, maxIDBytes)
	c.bytes(&e.Hash, replayHashBytes)
	c.int(&e.At)
	c.str(&e.Room, maxIDBytes)
	list(c, &e.Seats, maxPlayersPerCall, func(c *codec, seat *uint64) { c.uint(seat) })
	c.bool(&e.Created)
	c.str(&e.Ticket, maxIDBytes)
}

func (n *notice) fields(c *codec) {
	c.uint(&n.Seq)
	c.str(&n.Room, maxIDBytes)
	c.uint(&n.Epoch)
	c.str(&n.Game, maxGameBytes)
	pairs(c, &n.Metadata)
	c.array(n.Ending.fields)
}

func (s *Seat) fields(c *codec) {
	c.uint(&s.ID)
	c.num(&s.Slot, 0, maxPlayersPerRoom+maxSpectatorLimit)
	c.str(&s.Player, maxIDBytes)
	c.str(&s.Name, maxNameBytes)
	c.num(&s.Team, 0, maxTeam)
	small(c, &s.Role, RoleSpectator)
	small(c, &s.State, SeatTaken)
	c.int(&s.Expires)
}

func (r *Room) fields(c *codec) {
	c.str(&r.ID, maxIDBytes)
	c.str(&r.Game, maxGameBytes)
	c.bytes(&r.Options, maxOptionsBytes)
	pairs(c, &r.Metadata)
	c.bool(&r.Private)
	c.bool(&r.Locked)
	c.num(&r.MaxPlayers, 1, maxPlayersPerRoom)
	c.num(&r.MaxSpectators, 0, maxSpectatorLimit)
	c.optional(&r.Bots, 0, maxPlayersPerRoom)
	c.uint(&r.Seed)
	c.int(&r.Created)
	c.str(&r.Owner, maxIDBytes)
	c.uint(&r.Incarnation)
	c.uint(&r.Epoch)
	c.uint(&r.Assigned)
	small(c, &r.State, RoomEnded)
	c.uint(&r.Version)
	list(c, &r.Seats, maxPlayersPerRoom+maxSpectatorLimit, func(c *codec, s *Seat) { s.fields(c) })
	c.uint(&r.NextSeat)
	if r.State == RoomEnded {
		if r.End == nil {
			r.End = &Ending{}
		}
		c.array(r.End.fields)
	}
	c.bool(&r.Ran)
	r.Ran = r.Ran || r.State == RoomRunning // a snapshot from before there was the field
	c.str(&r.Code, codeLen)
}

// small is an enumeration from 0 to last.
func small[T ~int](c *codec, v *T, last T) {
	n := int(*v)
	c.num(&n, 0, int(last))
	if c.err == nil {
		*v = T(n)
	}
}

// flag is a bool that may be missing: 0 missing, 1 false, 2 true.
func flag(c *codec, v **bool) {
	n := 0
	if *v != nil {
		n = 1
		if **v {
			n = 2
		}
	}
	c.num(&n, 0, 2)
	if c.dec != nil && n > 0 {
		on := n == 2
		*v = &on
	}
}

func pairs(c *codec, v *[]Pair) {
	list(c, v, maxMetadata, func(c *codec, p *Pair) {
		c.str(&p.Key, maxMetadataKey)
		c.str(&p.Value, maxMetadataValue)
	})
}

// sortPairs returns metadata in the order of its keys.
func sortPairs(m map[string]string) []Pair {
	if len(m) == 0 {
		return nil
	}
	out := make([]Pair, 0, len(m))
	for k, v := range m {
		out = append(out, Pair{k, v})
	}
	slices.SortFunc(out, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func pairMap(pairs []Pair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.Key] = p.Value
	}
	return m
}

// sortedPairs says whether keys rise strictly.
func sortedPairs(pairs []Pair) bool {
	for i := 1; i < len(pairs); i++ {
		if pairs[i-1].Key >= pairs[i].Key {
			return false
		}
	}
	return true
}
