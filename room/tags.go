package room

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/ringside-server/ringside/internal/view"
)

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
	case strings.Contains(part, ".."):
		f.limits = part
	case hasArg && (name == "text" && d.Type == view.Text || name == "bytes" && d.Type == view.Bytes):
		n, err := number(part, arg, name+"(N)")
		d.Max = ptr(n)
		return err
	case strings.HasPrefix(part, "1/"):
		return f.setScale(part)
	case d.Type == view.Angle:
		n, err := number(part, part, "angle,N with N units to a turn")
		d.Turn = n
		return err
	default:
		return fmt.Errorf("tag %q is none of pos, owner, angle, 1/N, min..max, text(N), bytes(N), name=…, -", part)
	}
	return nil
}

// setScale reads 1/N.
func (f *tableField) setScale(part string) error {
	n, err := strconv.ParseInt(part[2:], 10, 32)
	if err != nil || n < 1 || f.desc.Type != view.Fixed && f.desc.Type != view.Int {
		return fmt.Errorf("tag %q: a scale is 1/N on a number", part)
	}
	f.desc.Type, f.desc.Scale = view.Fixed, int32(n)
	return nil
}

func number(part, digits, want string) (int32, error) {
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("tag %q: want %s", part, want)
	}
	return int32(n), nil
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
