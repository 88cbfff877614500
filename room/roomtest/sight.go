package roomtest

import (
	"iter"
	"reflect"

	"github.com/ringside-server/ringside/room"
)

// Get returns an entity as the player sees it: what has come over the wire, so a fixed number is rounded to its scale.
func Get[T any](p *Player, kind *room.KindOf[T], id int) (T, bool) {
	p.bench.Helper()
	return get[T](p, p.bench.kindAt(kind), id, 0)
}

// GetPrivate is Get in the player's private part of the view.
func GetPrivate[T any](p *Player, kind *room.KindOf[T], id int) (T, bool) {
	p.bench.Helper()
	return get[T](p, p.bench.kindAt(kind), id, p.bench.prog.Layout.Kinds())
}

func get[T any](p *Player, kind, id, first int) (v T, ok bool) {
	f := p.main.state
	if f == nil {
		return v, false
	}
	vals := f.Find(first+kind, uint32(id))
	if vals == nil {
		return v, false
	}
	entity(reflect.ValueOf(&v).Elem(), p.bench.prog.Schema.Kinds[kind].Fields, f, first+kind, vals)
	return v, true
}

// All ranges over the entities of a kind that the player sees, by ascending id.
func All[T any](p *Player, kind *room.KindOf[T]) iter.Seq2[int, T] {
	p.bench.Helper()
	return all[T](p, p.bench.kindAt(kind), 0)
}

// AllPrivate is All of the player's private part of the view.
func AllPrivate[T any](p *Player, kind *room.KindOf[T]) iter.Seq2[int, T] {
	p.bench.Helper()
	return all[T](p, p.bench.kindAt(kind), p.bench.prog.Layout.Kinds())
}

func all[T any](p *Player, kind, first int) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		f := p.main.state
		if f == nil {
			return
		}
		for i := range f.Len(first + kind) {
			var v T
			id, vals := f.At(first+kind, i)
			entity(reflect.ValueOf(&v).Elem(), p.bench.prog.Schema.Kinds[kind].Fields, f, first+kind, vals)
			if !yield(int(id), v) {
				return
			}
		}
	}
}

// Count is how many entities All or AllPrivate has.
func Count[T any](entities iter.Seq2[int, T]) (n int) {
	for range entities {
		n++
	}
	return n
}

// Events returns all events of one sort that the player has been told, oldest first.
func Events[T any](p *Player, sort *room.EventOf[T]) (events []T) {
	p.bench.Helper()
	id := p.bench.eventAt(sort)
	for _, e := range p.main.events {
		if int(e.ID) != id {
			continue
		}
		var v T
		if err := event(reflect.ValueOf(&v).Elem(), p.bench.prog.Schema.Events[id].Fields, e.Payload); err != nil {
			p.bench.Fatalf("event %q of tick %d: %v", p.bench.prog.Schema.Events[id].Name, e.Tick, err)
		}
		events = append(events, v)
	}
	return events
}

// LastEvent returns the newest event of one sort that the player has been told.
func LastEvent[T any](p *Player, sort *room.EventOf[T]) (last T, ok bool) {
	p.bench.Helper()
	events := Events(p, sort)
	if len(events) == 0 {
		return last, false
	}
	return events[len(events)-1], true
}

func (b *Bench) kindAt(kind room.AnyKind) int {
	b.Helper()
	for i, k := range b.prog.Def.Kinds {
		if k == kind {
			return i
		}
	}
	b.Fatalf("%T is not among the Kinds of %q", kind, b.prog.Def.Name)
	return -1
}

func (b *Bench) eventAt(sort room.AnyEvent) int {
	b.Helper()
	for i, e := range b.prog.Def.Events {
		if e == sort {
			return i
		}
	}
	b.Fatalf("%T is not among the Events of %q", sort, b.prog.Def.Name)
	return -1
}
