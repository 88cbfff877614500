package roomtest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/room"
)

// A difference is the first place at which two rooms that should be alike are not.
type difference struct {
	where      string
	main, copy any
}

// frameDifference compares what two clients hold.
func frameDifference(s *view.Schema, a, b *view.Frame) *difference {
	if a.Hash() == b.Hash() {
		return nil
	}
	for sec := range a.Sections() {
		k := &s.Kinds[sec%len(s.Kinds)]
		name := k.Name
		if sec >= len(s.Kinds) {
			name = "private " + name
		}
		if d := sectionDifference(name, k, sec, a, b); d != nil {
			return d
		}
	}
	return &difference{"the hash of the view", a.Hash(), b.Hash()}
}

func sectionDifference(name string, k *view.Kind, sec int, a, b *view.Frame) *difference {
	for i := range a.Len(sec) {
		id, was := a.At(sec, i)
		is := b.Find(sec, id)
		if is == nil {
			return &difference{fmt.Sprintf("%s %d", name, id), "there", "not there"}
		}
		for j := range k.Fields {
			f := &k.Fields[j]
			if x, y := shown(f, a, sec, was[j]), shown(f, b, sec, is[j]); x != y {
				return &difference{fmt.Sprintf("%s %d, field %s", name, id, f.Name), x, y}
			}
		}
	}
	for i := range b.Len(sec) {
		if id, _ := b.At(sec, i); a.Find(sec, id) == nil {
			return &difference{fmt.Sprintf("%s %d", name, id), "not there", "there"}
		}
	}
	return nil
}

// shown is a field's value as its game thinks of it.
func shown(f *view.Field, frame *view.Frame, sec int, v int32) any {
	switch f.Type {
	case view.Text:
		return string(frame.Blob(sec, v))
	case view.Bytes:
		return fmt.Sprintf("% x", frame.Blob(sec, v))
	case view.Fixed:
		return float64(v) / float64(f.Scale)
	case view.Angle:
		return fmt.Sprintf("%d/%d of a turn", v, f.Turn)
	}
	return v
}

// stateDifference compares two games' states as far as they survive.
func stateDifference(a, b room.Game) *difference {
	if c, ok := a.(room.StateCodec); ok {
		x, y := c.AppendState(nil), b.(room.StateCodec).AppendState(nil)
		if bytes.Equal(x, y) {
			return nil
		}
		at := 0
		for at < min(len(x), len(y)) && x[at] == y[at] {
			at++
		}
		return &difference{fmt.Sprintf("what AppendState writes, from byte %d on", at), hexFrom(x, at), hexFrom(y, at)}
	}
	return valueDifference("State", reflect.ValueOf(a.State()), reflect.ValueOf(b.State()), 0)
}

func hexFrom(b []byte, at int) string {
	return fmt.Sprintf("% x (%d bytes in all)", b[at:min(at+16, len(b))], len(b))
}

// maxDepth ends the walk of a state that contains itself.
const maxDepth = 200

func valueDifference(path string, a, b reflect.Value, depth int) *difference {
	if depth > maxDepth {
		return nil
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return &difference{path, orNil(a), orNil(b)}
		}
		if a.IsNil() {
			return nil
		}
		return valueDifference(path, a.Elem(), b.Elem(), depth+1)
	case reflect.Struct:
		if isTable(a.Type()) {
			return tableDifference(path, a, b, depth)
		}
		for i := range a.NumField() {
			f := a.Type().Field(i)
			if f.Tag.Get("msgpack") == "-" {
				continue
			}
			if d := valueDifference(path+"."+f.Name, a.Field(i), b.Field(i), depth+1); d != nil {
				return d
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range min(a.Len(), b.Len()) {
			if d := valueDifference(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i), depth+1); d != nil {
				return d
			}
		}
		if a.Len() != b.Len() {
			return &difference{"the length of " + path, a.Len(), b.Len()}
		}
	default:
		if x, y := plain(a), plain(b); x != y {
			return &difference{path, a, b}
		}
	}
	return nil
}

func orNil(v reflect.Value) any {
	if v.IsNil() {
		return "nil"
	}
	return v.Elem()
}

// plain makes a number, a text or a bool comparable; NaN equals itself.
func plain(v reflect.Value) any {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat():
		return math.Float64bits(v.Float())
	case v.CanComplex():
		return [2]uint64{math.Float64bits(real(v.Complex())), math.Float64bits(imag(v.Complex()))}
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.Kind() == reflect.String:
		return v.String()
	}
	return nil // cannot be in a State: CheckState refuses it
}

func isTable(t reflect.Type) bool {
	return t.PkgPath() == reflect.TypeFor[room.Room]().PkgPath() && strings.HasPrefix(t.Name(), "Table[")
}

// tableDifference compares two Tables by the ids of their rows.
func tableDifference(path string, a, b reflect.Value, depth int) *difference {
	ids, others := a.FieldByName("ids"), b.FieldByName("ids")
	rows, otherRows := a.FieldByName("rows"), b.FieldByName("rows")
	i, j := 0, 0
	for i < ids.Len() || j < others.Len() {
		switch {
		case j == others.Len() || i < ids.Len() && ids.Index(i).Int() < others.Index(j).Int():
			return &difference{fmt.Sprintf("%s row %d", path, ids.Index(i).Int()), "there", "not there"}
		case i == ids.Len() || ids.Index(i).Int() > others.Index(j).Int():
			return &difference{fmt.Sprintf("%s row %d", path, others.Index(j).Int()), "not there", "there"}
		}
		row := fmt.Sprintf("%s row %d", path, ids.Index(i).Int())
		if d := valueDifference(row, rows.Index(i), otherRows.Index(j), depth+1); d != nil {
			return d
		}
		i++
		j++
	}
	if x, y := a.FieldByName("last").Int(), b.FieldByName("last").Int(); x != y {
		return &difference{"the last id given by " + path, x, y}
	}
	return nil
}
