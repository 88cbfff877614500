package roomtest

import (
	"math"
	"reflect"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// sent returns the fields of a struct that are on the wire, in order: they correspond to the schema's fields one by one.
func sent(v reflect.Value) (fields []reflect.Value) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("ring") != "-" {
			fields = append(fields, v.Field(i))
		}
	}
	return fields
}

// inputValues is a game's input as the wire has it.
func (b *Bench) inputValues(in any) []int32 {
	b.Helper()
	if b.prog.Def.Input == nil {
		b.Fatalf("Input %T: the game takes no input", in)
	}
	next, _ := reflect.TypeOf(b.prog.Def.Input).MethodByName("Next")
	if want := next.Type.Out(0); reflect.TypeOf(in) != want {
		b.Fatalf("Input %T: the game's input is %v", in, want)
	}
	var vals []int32
	for i, f := range sent(reflect.ValueOf(in)) {
		vals = append(vals, toWire(f, &b.prog.Schema.Input.Fields[i]))
	}
	return vals
}

// messageOf finds the message whose struct msg is a value of.
func (b *Bench) messageOf(msg any) int {
	b.Helper()
	found := -1
	for i, m := range b.prog.Def.Messages {
		fn, _ := reflect.TypeOf(m).Elem().FieldByName("fn")
		if fn.Type.In(3) != reflect.TypeOf(msg) {
			continue
		}
		if found >= 0 {
			b.Fatalf("Send %T: the messages %q and %q both take it; use SendAs", msg, b.prog.Schema.Messages[found].Name, b.prog.Schema.Messages[i].Name)
		}
		found = i
	}
	if found < 0 {
		b.Fatalf("Send %T: no message of the game takes it", msg)
	}
	return found
}

// appendPayload appends a struct as docs/PROTOCOL.md §5.5 wants it.
func (b *Bench) appendPayload(dst []byte, fields []view.Field, msg any) []byte {
	b.Helper()
	vals := sent(reflect.ValueOf(msg))
	if len(vals) != len(fields) {
		b.Fatalf("%T has %d fields, the message %d", msg, len(vals), len(fields))
	}
	dst = wire.AppendArrayLen(dst, len(fields))
	for i, v := range vals {
		switch fields[i].Type {
		case view.Text:
			dst = wire.AppendString(dst, v.String())
		case view.Bytes:
			dst = wire.AppendBytes(dst, v.Bytes())
		default:
			dst = wire.AppendInt(dst, int64(toWire(v, &fields[i])))
		}
	}
	return dst
}

func toWire(v reflect.Value, f *view.Field) int32 {
	x := 0.0
	switch {
	case v.Kind() == reflect.Bool:
		if v.Bool() {
			x = 1
		}
	case v.CanInt():
		x = float64(v.Int())
	case v.CanUint():
		x = float64(v.Uint())
	case f.Type == view.Angle:
		x = math.Round(v.Float() * float64(f.Turn) / (2 * math.Pi))
	default:
		x = math.Round(v.Float() * float64(f.Scale))
	}
	if f.Type == view.Angle {
		turn := float64(f.Turn)
		x = math.Mod(math.Mod(x, turn)+turn, turn)
	}
	if math.IsNaN(x) {
		return 0
	}
	return int32(min(max(x, math.MinInt32), math.MaxInt32))
}

// fromWire sets a field of a struct.
func fromWire(v reflect.Value, f *view.Field, n int32) {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(n != 0)
	case v.CanInt():
		v.SetInt(int64(n))
	case v.CanUint():
		v.SetUint(uint64(uint32(n)))
	case f.Type == view.Angle:
		v.SetFloat(float64(n) * 2 * math.Pi / float64(f.Turn))
	default:
		v.SetFloat(float64(n) / float64(f.Scale))
	}
}

// entity makes a game's struct of what a client holds.
func entity(out reflect.Value, fields []view.Field, f *view.Frame, sec int, vals []int32) {
	for i, v := range sent(out) {
		switch fields[i].Type {
		case view.Text:
			v.SetString(string(f.Blob(sec, vals[i])))
		case view.Bytes:
			v.SetBytes(append([]byte(nil), f.Blob(sec, vals[i])...))
		default:
			fromWire(v, &fields[i], vals[i])
		}
	}
}

// event makes a game's struct of an event's payload.
func event(out reflect.Value, fields []view.Field, payload []byte) error {
	r := wire.NewReader(payload)
	n := r.ArrayLen()
	for i, v := range sent(out)[:min(n, len(fields))] {
		switch fields[i].Type {
		case view.Text:
			v.SetString(string(r.String(view.MaxText)))
		case view.Bytes:
			v.SetBytes(append([]byte(nil), r.Bytes(view.MaxText)...))
		default:
			fromWire(v, &fields[i], r.Int32())
		}
	}
	return r.Err()
}
