package matchmaker

import (
	"encoding/json"
	"slices"
	"strings"
)

// RoomState is where a room is in its life.
type RoomState int

const (
	RoomStarting RoomState = iota // assigned, the owner has not reported yet
	RoomRunning
	RoomEnded
)

// String returns the name used in HTTP.
func (s RoomState) String() string { return [...]string{"starting", "running", "ended"}[s] }

// Role is what a seat's holder may do.
type Role int

const (
	RolePlayer Role = iota
	RoleSpectator
)

// String returns the name used in HTTP.
func (r Role) String() string { return [...]string{"player", "spectator"}[r] }

// SeatState says whether a seat's holder is there.
type SeatState int

const (
	SeatReserved SeatState = iota // a token is out
	SeatTaken                     // the owner has confirmed the player
)

// String returns the name used in HTTP.
func (s SeatState) String() string { return [...]string{"reserved", "taken"}[s] }

// Pair is one entry of a room's metadata.
type Pair struct{ Key, Value string }

// Seat is a place in a room.
type Seat struct {
	ID      uint64 // unique in its room for ever
	Slot    int    // players: 0 to MaxPlayers-1; spectators from MaxPlayers on
	Player  string
	Name    string
	Team    int
	Role    Role
	State   SeatState
	Expires int64 // Unix ms at which the token of a reserved seat expires
}

// Ending says how a room ended.
type Ending struct {
	Reason string // "finished", "lost", "refused", "idle" or the owner's word
	Text   string // for people
	Code   int    // close code its players got
	At     int64  // Unix ms
	Result []byte // what the game left, at most 16 KiB
}

// Room is one entry of the directory. A Room is never changed once it is in
// the directory: every change makes a new one. So whoever holds a *Room may
// read it without a lock, and a snapshot is a list of pointers.
//
// An idle entry takes about 700 bytes with its keys in the indexes.
type Room struct {
	ID            string
	Game          string
	Options       []byte // JSON
	Metadata      []Pair // sorted by key
	Private       bool
	Locked        bool
	MaxPlayers    int
	MaxSpectators int
	Bots          *int // nil: as the game likes
	Seed          uint64
	Created       int64 // Unix ms

	Owner       string
	Incarnation uint64
	Epoch       uint64 // from 1; rises with every change of owner
	Assigned    uint64 // assignment version at which Owner got the room

	State    RoomState
	Version  uint64 // rises with every change; the ETag
	Seats    []Seat // sorted by slot
	NextSeat uint64
	End      *Ending // set when State is RoomEnded
	Ran      bool    // it was running at least once: a later owner restores it
	Code     string  // of a private room, until it ends
}

// change returns a copy of r to be changed and put into the directory. Its
// seats are copied too.
func (r *Room) change() *Room {
	next := *r
	next.Version++
	next.Seats = slices.Clone(r.Seats)
	return &next
}

// seat returns the seat with this id, or nil.
func (r *Room) seat(id uint64) *Seat {
	i := slices.IndexFunc(r.Seats, func(s Seat) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Seats[i]
}

func (r *Room) seatOf(player string) *Seat {
	i := slices.IndexFunc(r.Seats, func(s Seat) bool { return s.Player == player })
	if i < 0 {
		return nil
	}
	return &r.Seats[i]
}

// removeSeats removes the seats that match.
func (r *Room) removeSeats(match func(Seat) bool) { r.Seats = slices.DeleteFunc(r.Seats, match) }

// slots returns the range of slots for a role.
func (r *Room) slots(role Role) (low, high int) {
	if role == RoleSpectator {
		return r.MaxPlayers, r.MaxPlayers + r.MaxSpectators
	}
	return 0, r.MaxPlayers
}

// addSeat gives the lowest free slot of its role to s and returns the seat,
// nil when there is none.
func (r *Room) addSeat(s Seat) *Seat {
	slot, high := r.slots(s.Role)
	at, _ := slices.BinarySearchFunc(r.Seats, slot, func(s Seat, slot int) int { return s.Slot - slot })
	for at < len(r.Seats) && r.Seats[at].Slot == slot {
		at, slot = at+1, slot+1
	}
	if slot >= high {
		return nil
	}
	s.Slot, s.ID = slot, r.NextSeat
	r.NextSeat++
	r.Seats = slices.Insert(r.Seats, at, s)
	return &r.Seats[at]
}

// count returns how many seats have this role.
func (r *Room) count(role Role) int {
	n := 0
	for i := range r.Seats {
		if r.Seats[i].Role == role {
			n++
		}
	}
	return n
}

// Free returns how many player seats are free.
func (r *Room) Free() int { return r.MaxPlayers - r.count(RolePlayer) }

// joinable says whether a stranger may be seated here.
func (r *Room) joinable() bool {
	return r.State != RoomEnded && !r.Private && !r.Locked && r.Free() > 0
}

// expiry returns when the first of the reserved seats is due, 0 if none is
// reserved.
func (r *Room) expiry() int64 {
	var first int64
	for i := range r.Seats {
		if s := &r.Seats[i]; s.State == SeatReserved && (first == 0 || s.Expires < first) {
			first = s.Expires
		}
	}
	return first
}

func (r *Room) matches(filters []Pair) bool {
	for _, f := range filters {
		i, ok := slices.BinarySearchFunc(r.Metadata, f.Key, func(p Pair, key string) int { return strings.Compare(p.Key, key) })
		if !ok || r.Metadata[i].Value != f.Value {
			return false
		}
	}
	return true
}

// Assignment is a room that a node has to run.
type Assignment struct {
	Room       string
	Epoch      uint64
	Role       string // "owner"
	Game       string
	Options    json.RawMessage
	MaxPlayers int
	Bots       *int
	Seed       uint64
	Metadata   map[string]string
	Private    bool
	Started    bool     // the directory has been told that it runs
	Restore    bool     // it ran before, in a process that is gone
	Taken      []uint64 // of a room to restore: the seats that were taken
}
