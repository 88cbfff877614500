package room

import "github.com/ringside-server/ringside/internal/view"

// A View collects what is visible in this tick. It is valid during Game.View only.
type View struct {
	frame  *view.Frame
	layout *view.Layout
	only   []*View // by slot; the players' private parts
}

// Only returns the private part of one player: what is put there only that player sees. Ids there are a space of their own.
func (v *View) Only(p *Player) *View {
	if v.only == nil {
		panic("room: Only of a private view")
	}
	for len(v.only) <= p.Slot {
		v.only = append(v.only, nil)
	}
	if v.only[p.Slot] == nil {
		v.only[p.Slot] = &View{frame: v.layout.NewFrame()}
	}
	return v.only[p.Slot]
}
