package room

// Role is what a seat allows.
type Role uint8

// The roles of docs/PROTOCOL.md §4.
const (
	RolePlayer Role = iota
	RoleSpectator
)

// MaxPublicData is how many bytes of public data a game may hang on a player.
const MaxPublicData = 256

// A Player is somebody's presence in a room, from Join to Leave, across lost connections. Spectators are Players too, but the
// game hears of them only where it asks: see Room.Everyone. Games keep what they know of a
// player in their State under Slot, not in a Player: pointers do not survive a restore.
type Player struct {
	// Immutable after Join.
	Slot int    // 0 to MaxPlayers−1 (spectators: above), unique in the room; free again after Leave
	ID   string // who it is, as the matchmaker was told
	Name string
	Role Role
	Bot  bool // driven by the game, in Step

	// Owned by the room.
	team  int
	data  []byte
	away  bool
	host  bool
	dirty bool // the roster must tell

	// Owned by the engine: this tick's inputs, one after another.
	inputs []int32
	used   int
}

// Team is the player's team, 0 at first or what the matchmaker said.
func (p *Player) Team() int { return p.team }

// Away says that the connection is lost and the seat is held.
func (p *Player) Away() bool { return p.away }

// Host says that this is the room's host: the player who had been in it the longest when the host before left. One who is away
// stays host as long as the seat is held.
func (p *Player) Host() bool { return p.host }

// Data is the public data that SetData set. It must not be changed.
func (p *Player) Data() []byte { return p.data }

// SetTeam moves the player to another team; everybody is told.
func (p *Player) SetTeam(team int) {
	if p.team != team {
		p.team, p.dirty = team, true
	}
}

// SetData hangs public data (at most MaxPublicData bytes, cut beyond) on the player; everybody is told.
func (p *Player) SetData(data []byte) {
	p.data = append(p.data[:0:0], data[:min(len(data), MaxPublicData)]...)
	p.dirty = true
}
