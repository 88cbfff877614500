package room

import (
	"fmt"
	"math"
	"reflect"
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
