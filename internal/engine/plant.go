package engine

import "github.com/ringside-server/ringside/internal/view"

// A Plant is a fault on purpose: it corrupts some of the differences a room sends, so that a load test can be tested. The
// players' hash checks must notice.
type Plant string

// The faults that can be planted.
const (
	PlantNone Plant = ""
	PlantFlip Plant = "flip" // one bit of one difference
	PlantDrop Plant = "drop" // one record
)

// plantEverySeconds is how often a planted fault strikes a room.
const plantEverySeconds = 5

// planted returns the view that the difference is made to: cur, or, when a planted fault strikes, a copy in which the last
// entity that changed did not (drop) or changed otherwise (flip).
func (r *Room) planted(base, cur *view.Frame) *view.Frame {
	if r.cfg.Plant == PlantNone || base == nil || cur.Tick%(plantEverySeconds*uint32(r.TickHz())) != 0 {
		return cur
	}
	faulty := r.prog.Layout.NewFrame()
	faulty.CopyFrom(cur)
	for sec := range faulty.Sections() {
		for i := faulty.Len(sec) - 1; i >= 0; i-- {
			id, vals := faulty.At(sec, i)
			old := base.Find(sec, id)
			k := changedNumber(old, vals, r.prog.Schema.Kinds[sec].Fields)
			if k < 0 {
				continue
			}
			if r.cfg.Plant == PlantFlip {
				vals[k] = old[k] + ((vals[k] - old[k]) ^ 1)
			} else {
				copy(vals, old)
			}
			return faulty
		}
	}
	return cur
}

// changedNumber returns the first number field that differs, -1 if there is none or a text is among them.
func changedNumber(old, now []int32, fields []view.Field) int {
	found := -1
	for k := range old {
		switch fields[k].Type {
		case view.Text, view.Bytes:
			return -1 // its value is an offset into the view's own memory
		case view.Angle:
		default:
			if found < 0 && old[k] != now[k] {
				found = k
			}
		}
	}
	return found
}
