package wire

// Bits of RosterEntry.Flags.
const (
	RosterHost uint32 = 1
	RosterAway uint32 = 2 // dropped, seat held
	RosterBot  uint32 = 4
)

// rosterEntryElements is the length of an entry that is not gone.
const rosterEntryElements = 6

// Roster says who is in the room: the whole list, or what changed in it.
type Roster struct {
	Full    bool
	Entries []RosterEntry
}

// RosterEntry is one player. If Gone, only Slot means anything.
type RosterEntry struct {
	Slot  uint32
	Gone  bool
	Name  string
	Team  uint32
	Role  uint32
	Flags uint32
	Data  []byte // the game's public data of the player; aliases the frame
}

// AppendRoster appends a ROSTER.
func AppendRoster(dst []byte, x *Roster) []byte {
	dst = appendHead(dst, TypeRoster, 1+len(x.Entries))
	mode := uint64(0)
	if x.Full {
		mode = 1
	}
	dst = AppendUint(dst, mode)
	for i := range x.Entries {
		dst = appendRosterEntry(dst, &x.Entries[i])
	}
	return dst
}

func appendRosterEntry(dst []byte, x *RosterEntry) []byte {
	if x.Gone {
		return AppendUint(AppendArrayLen(dst, 1), uint64(x.Slot))
	}
	dst = AppendArrayLen(dst, rosterEntryElements)
	dst = AppendUint(dst, uint64(x.Slot))
	dst = AppendString(dst, x.Name)
	dst = AppendUint(dst, uint64(x.Team))
	dst = AppendUint(dst, uint64(x.Role))
	dst = AppendUint(dst, uint64(x.Flags))
	return AppendBytes(dst, x.Data)
}

// ParseRoster parses a ROSTER. The frame's own tail is its entries, so what a later version adds goes into them.
func ParseRoster(frame []byte) (Roster, error) {
	r, n := openFrame(frame, TypeRoster, 1)
	var x Roster
	mode := r.Uint32()
	x.Full = mode == 1
	// An entry takes two bytes at least, so a short frame cannot ask for a long list.
	if mode > 1 || n > MaxRosterEntries || 2*n > r.Len() {
		r.fail()
	}
	if n > 0 && r.err == nil {
		x.Entries = make([]RosterEntry, n)
	}
	for i := range x.Entries {
		parseRosterEntry(&r, &x.Entries[i])
	}
	if err := r.endFrame(0); err != nil {
		return Roster{}, err
	}
	return x, nil
}

func parseRosterEntry(r *Reader, x *RosterEntry) {
	n := r.ArrayLen()
	x.Slot = r.Uint32()
	if n == 1 {
		x.Gone = true
		return
	}
	if n < rosterEntryElements {
		r.fail()
	}
	x.Name = string(r.String(MaxName))
	x.Team = r.Uint32()
	x.Role = r.Uint32()
	x.Flags = r.Uint32()
	x.Data = r.Bytes(MaxData)
	r.Skip(n - rosterEntryElements)
}
