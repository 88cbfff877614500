package room

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// A table is a struct type's fields as the wire sees them: where each lies, and how it becomes an int32 or bytes. It is built
// once by reflection; afterwards fields are read and written through their offsets, without reflection or allocation.
type table struct {
	fields []tableField
}

type tableField struct {
	offset uintptr
	kind   reflect.Kind
	desc   view.Field
	scale  float64 // floats: wire units per 1.0, or per radian for an angle
	turn   int32
	lo, hi int32  // what fits: the range of the tag within that of the Go type
	limits string // the tag's min..max
}

// tableOf builds the table of struct type t.
func tableOf(t reflect.Type) (*table, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	tb := &table{}
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("ring")
		if tag == "-" {
			continue
		}
		if !sf.IsExported() {
			return nil, fmt.Errorf("%s.%s is not exported; export it or tag it `ring:\"-\"`", t, sf.Name)
		}
		f, err := fieldOf(sf, tag)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, sf.Name, err)
		}
		tb.fields = append(tb.fields, f)
	}
	if len(tb.fields) > view.MaxFields {
		return nil, fmt.Errorf("%s has %d fields, at most %d", t, len(tb.fields), view.MaxFields)
	}
	return tb, nil
}

func (tb *table) describe() []view.Field {
	out := make([]view.Field, len(tb.fields))
	for i, f := range tb.fields {
		out[i] = f.desc
	}
	return out
}

// fieldOf reads one struct field and its tag.
func fieldOf(sf reflect.StructField, tag string) (tableField, error) {
	f := tableField{offset: sf.Offset, kind: sf.Type.Kind(), desc: view.Field{Name: snake(sf.Name)}}
	if err := f.defaults(sf.Type); err != nil {
		return f, err
	}
	for part := range strings.SplitSeq(tag, ",") {
		if err := f.option(strings.TrimSpace(part)); err != nil {
			return f, err
		}
	}
	return f, f.finish()
}

// defaults sets what the Go type alone says.
func (f *tableField) defaults(t reflect.Type) error {
	d := &f.desc
	f.lo, f.hi = math.MinInt32, math.MaxInt32
	switch f.kind {
	case reflect.Bool:
		d.Type, f.lo, f.hi = view.Bool, 0, 1
	case reflect.Int8:
		d.Type, f.lo, f.hi = view.Int, math.MinInt8, math.MaxInt8
	case reflect.Int16:
		d.Type, f.lo, f.hi = view.Int, math.MinInt16, math.MaxInt16
	case reflect.Int, reflect.Int32, reflect.Int64:
		d.Type = view.Int
	case reflect.Uint8:
		d.Type, f.lo, f.hi = view.Int, 0, math.MaxUint8
	case reflect.Uint16:
		d.Type, f.lo, f.hi = view.Int, 0, math.MaxUint16
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		d.Type, f.lo = view.Int, 0
	case reflect.Float32, reflect.Float64:
		d.Type, d.Scale = view.Fixed, 64
	case reflect.String:
		d.Type, d.Max = view.Text, ptr(32)
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return fmt.Errorf("type %s cannot be sent: use numbers, bool, string or []byte", t)
		}
		d.Type, d.Max = view.Bytes, ptr(32)
	default:
		return fmt.Errorf("type %s cannot be sent: use numbers, bool, string or []byte", t)
	}
	return nil
}

// option applies one part of the tag.
func (f *tableField) option(part string) error {
	d := &f.desc
	name, arg, hasArg := strings.Cut(strings.TrimSuffix(part, ")"), "(")
	switch {
	case part == "":
	case part == "pos":
		d.Pos = "?"
	case part == "owner":
		d.Owner = true
	case part == "angle":
		d.Type = view.Angle
	case strings.HasPrefix(part, "name="):
		d.Name = part[len("name="):]
	case hasArg && (name == "text" && d.Type == view.Text || name == "bytes" && d.Type == view.Bytes):
		n, err := strconv.ParseInt(arg, 10, 32)
		if err != nil {
			return fmt.Errorf("tag %q: want %s(N)", part, name)
		}
		d.Max = ptr(int32(n))
	case strings.HasPrefix(part, "1/"):
		n, err := strconv.ParseInt(part[2:], 10, 32)
		if err != nil || n < 1 || d.Type != view.Fixed && d.Type != view.Int {
			return fmt.Errorf("tag %q: a scale is 1/N on a number", part)
		}
		d.Type, d.Scale = view.Fixed, int32(n)
	case strings.Contains(part, ".."):
		f.limits = part
	case d.Type == view.Angle:
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil {
			return fmt.Errorf("tag %q: want angle,N with N units to a turn", part)
		}
		d.Turn = int32(n)
	default:
		return fmt.Errorf("tag %q is none of pos, owner, angle, 1/N, min..max, text(N), bytes(N), name=…, -", part)
	}
	return nil
}

// limit reads min..max, in the field's own units.
func (f *tableField) limit(part string) error {
	lo, hi, _ := strings.Cut(part, "..")
	a, err1 := strconv.ParseFloat(lo, 64)
	b, err2 := strconv.ParseFloat(hi, 64)
	if err1 != nil || err2 != nil || a > b || f.desc.Type == view.Text || f.desc.Type == view.Bytes {
		return fmt.Errorf("tag %q: want min..max on a number", part)
	}
	if f.kind == reflect.Float32 || f.kind == reflect.Float64 {
		a, b = a*float64(f.desc.Scale), b*float64(f.desc.Scale)
	}
	f.lo, f.hi = max(f.lo, toInt32(a)), min(f.hi, toInt32(b))
	f.desc.Min, f.desc.Max = ptr(f.lo), ptr(f.hi)
	return nil
}

func (f *tableField) finish() error {
	d := &f.desc
	if f.isBlob() && (d.Type == view.Angle || d.Pos != "" || d.Owner) {
		return errors.New("pos, owner and angle are for numbers")
	}
	if d.Type == view.Angle {
		if err := f.finishAngle(); err != nil {
			return err
		}
	}
	if f.limits != "" {
		if d.Type == view.Angle {
			return fmt.Errorf("tag %q: an angle has no range", f.limits)
		}
		if err := f.limit(f.limits); err != nil {
			return err
		}
	}
	if f.kind == reflect.Float32 || f.kind == reflect.Float64 {
		f.scale = float64(d.Scale)
		if d.Type == view.Angle {
			f.scale, d.Scale = float64(d.Turn)/(2*math.Pi), 0
		}
	}
	if d.Pos == "?" {
		axis := strings.ToLower(d.Name)
		axis = axis[max(len(axis)-1, 0):]
		if axis != "x" && axis != "y" && axis != "z" {
			return errors.New("a pos field's name must end in x, y or z")
		}
		d.Pos = axis
	}
	return nil
}

func (f *tableField) finishAngle() error {
	d := &f.desc
	if d.Turn == 0 {
		switch f.kind {
		case reflect.Uint8:
			d.Turn = 1 << 8
		case reflect.Uint16:
			d.Turn = 1 << 16
		case reflect.Float32, reflect.Float64:
			d.Turn = 1024
		default:
			return fmt.Errorf("an angle in %s needs its units to a turn: angle,N", f.kind)
		}
	}
	if d.Turn < 2 || int64(d.Turn)-1 > int64(f.hi) {
		return fmt.Errorf("angle,%d does not fit %s", d.Turn, f.kind)
	}
	f.turn = d.Turn
	f.lo, f.hi = 0, d.Turn-1
	return nil
}

// load reads a number field as its wire value.
func (f *tableField) load(base unsafe.Pointer) int32 {
	p := unsafe.Add(base, f.offset)
	var v int64
	switch f.kind {
	case reflect.Float32:
		v = int64(toInt32(float64(*(*float32)(p)) * f.scale))
	case reflect.Float64:
		v = int64(toInt32(*(*float64)(p) * f.scale))
	case reflect.Int32:
		v = int64(*(*int32)(p))
	case reflect.Uint16:
		v = int64(*(*uint16)(p))
	case reflect.Uint8:
		v = int64(*(*uint8)(p))
	case reflect.Int:
		v = int64(*(*int)(p))
	case reflect.Int64:
		v = *(*int64)(p)
	case reflect.Int8:
		v = int64(*(*int8)(p))
	case reflect.Int16:
		v = int64(*(*int16)(p))
	case reflect.Uint32:
		v = int64(*(*uint32)(p))
	case reflect.Uint:
		v = int64(min(*(*uint)(p), math.MaxInt32))
	case reflect.Uint64:
		v = int64(min(*(*uint64)(p), math.MaxInt32))
	case reflect.Bool:
		if *(*bool)(p) {
			v = 1
		}
	}
	if f.turn != 0 {
		return int32(((v % int64(f.turn)) + int64(f.turn)) % int64(f.turn))
	}
	return int32(min(max(v, int64(f.lo)), int64(f.hi)))
}

// store writes a wire value into a number field, clamped to the field's range; an angle is taken modulo its turn.
func (f *tableField) store(base unsafe.Pointer, v int32) {
	p := unsafe.Add(base, f.offset)
	if f.turn != 0 {
		v = ((v % f.turn) + f.turn) % f.turn
	}
	v = min(max(v, f.lo), f.hi)
	switch f.kind {
	case reflect.Float32:
		*(*float32)(p) = float32(float64(v) / f.scale)
	case reflect.Float64:
		*(*float64)(p) = float64(v) / f.scale
	case reflect.Int32, reflect.Uint32:
		*(*int32)(p) = v
	case reflect.Int16, reflect.Uint16:
		*(*int16)(p) = int16(v)
	case reflect.Int8, reflect.Uint8:
		*(*int8)(p) = int8(v)
	case reflect.Int, reflect.Uint:
		*(*int)(p) = int(v)
	case reflect.Int64, reflect.Uint64:
		*(*int64)(p) = int64(v)
	case reflect.Bool:
		*(*bool)(p) = v != 0
	}
}

func (f *tableField) isBlob() bool { return f.kind == reflect.String || f.kind == reflect.Slice }

// blob reads a string or []byte field, cut to its maximum, a string also before what is not UTF-8: clients would refuse the
// frame. The bytes belong to the struct.
func (f *tableField) blob(base unsafe.Pointer) []byte {
	p := unsafe.Add(base, f.offset)
	var b []byte
	if f.kind == reflect.String {
		s := *(*string)(p)
		b = unsafe.Slice(unsafe.StringData(s), len(s))
	} else {
		b = *(*[]byte)(p)
	}
	b = b[:min(len(b), int(*f.desc.Max))]
	if f.kind == reflect.String && !utf8.Valid(b) {
		return validPrefix(b)
	}
	return b
}

func validPrefix(b []byte) []byte {
	for n := 0; n < len(b); {
		c, size := utf8.DecodeRune(b[n:])
		if c == utf8.RuneError && size <= 1 {
			return b[:n]
		}
		n += size
	}
	return b
}

// appendPayload appends the struct at base as the msgpack array of docs/PROTOCOL.md §5.5.
func (tb *table) appendPayload(dst []byte, base unsafe.Pointer) []byte {
	dst = wire.AppendArrayLen(dst, len(tb.fields))
	for i := range tb.fields {
		f := &tb.fields[i]
		switch f.kind {
		case reflect.String:
			b := f.blob(base) // a copy as a string would be made on the heap
			dst = wire.AppendString(dst, unsafe.String(unsafe.SliceData(b), len(b)))
		case reflect.Slice:
			dst = wire.AppendBytes(dst, f.blob(base))
		default:
			dst = wire.AppendInt(dst, int64(f.load(base)))
		}
	}
	return dst
}

// parsePayload fills the struct at base. Missing fields stay zero, more are ignored, values are clamped to their ranges.
func (tb *table) parsePayload(payload []byte, base unsafe.Pointer) error {
	r := wire.NewReader(payload)
	n := r.ArrayLen()
	for i := range min(n, len(tb.fields)) {
		f := &tb.fields[i]
		p := unsafe.Add(base, f.offset)
		switch f.kind {
		case reflect.String:
			*(*string)(p) = string(r.String(int(*f.desc.Max)))
		case reflect.Slice:
			*(*[]byte)(p) = append([]byte(nil), r.Bytes(int(*f.desc.Max))...)
		default:
			f.store(base, r.Int32())
		}
	}
	r.Skip(n - len(tb.fields))
	if r.Err() == nil && r.Len() > 0 {
		r.Fail()
	}
	return r.Err()
}

// toInt32 rounds to nearest, half away from zero, and stays within int32; NaN is 0.
func toInt32(v float64) int32 {
	switch {
	case v >= math.MaxInt32:
		return math.MaxInt32
	case v <= math.MinInt32:
		return math.MinInt32
	case v >= 0:
		return int32(v + 0.5)
	case v < 0:
		return int32(v - 0.5)
	}
	return 0
}

func ptr(v int32) *int32 { return &v }

// snake turns a Go name into the schema's: DX → dx, OwnerSlot → owner_slot.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if i > 0 && unicode.IsUpper(c) && (unicode.IsLower(runes[i-1]) || next) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
