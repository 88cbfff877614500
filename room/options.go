package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// Options reads a creator's options into the struct that into points to, which holds the defaults. It is strict: a field that
// the struct does not have, a wrong type or anything behind the JSON is an error in words fit for the creator's eyes. Numbers may carry
// a range in their tag:
//
//	opt := options{RoundS: 120}                 // RoundS int `json:"round_s" ring:"5..3600"`
//	if err := room.Options(raw, &opt); err != nil { return nil, err }
func Options(raw json.RawMessage, into any) error {
	if len(raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return optionsError(err, reflect.TypeOf(into).Elem())
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return errors.New("options: something follows the JSON object")
		}
	}
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		if err := checkOption(v.Type().Field(i), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// optionsError says what is wrong in the words of somebody who writes JSON and has never seen the struct.
func optionsError(err error, t reflect.Type) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case isUnknown:
		known := knownOptions(t, "")
		if len(known) == 0 {
			return fmt.Errorf("options: there is no %s; this game has no options", unknown)
		}
		return fmt.Errorf("options: there is no %s; there are: %s", unknown, strings.Join(known, ", "))
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("options: want an object, {…}, not %s", jsonWord(wrong.Value))
	case errors.As(err, &wrong):
		return fmt.Errorf("options: %s is %s, want %s", wrong.Field, jsonWord(wrong.Value), goWord(wrong.Type))
	case errors.As(err, &syntax):
		return fmt.Errorf("options: not JSON: byte %d is out of place", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("options: the JSON ends too early")
	}
	return fmt.Errorf("options: %w", err)
}

// knownOptions are the names that JSON may use, those of inner objects behind a dot.
func knownOptions(t reflect.Type, path string) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		switch inner := f.Type; {
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			names = append(names, knownOptions(inner, path)...)
			continue
		case name == "":
			name = f.Name
		}
		names = append(names, path+name)
		if f.Type.Kind() == reflect.Struct {
			names = append(names, knownOptions(f.Type, path+name+".")...)
		}
	}
	return names
}

// jsonWord is what the decoder calls a value.
func jsonWord(value string) string {
	number, isNumber := strings.CutPrefix(value, "number ")
	switch {
	case isNumber:
		return number
	case value == "string":
		return "text"
	case value == "array":
		return "a list"
	case value == "object":
		return "an object"
	case value == "bool":
		return "true or false"
	}
	return "a " + value
}

// goWord is what a field takes.
func goWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		if bits := t.Bits() - 1; bits < 63 {
			return fmt.Sprintf("a whole number from %d to %d", -1<<bits, 1<<bits-1)
		}
		return "a whole number"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		if t.Bits() < 64 {
			return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
		}
		return "a whole number from 0 up"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Pointer:
		return goWord(t.Elem())
	}
	return "an object"
}

func checkOption(f reflect.StructField, v reflect.Value) error {
	lo, hi, ok := strings.Cut(f.Tag.Get("ring"), "..")
	if !ok {
		return nil
	}
	a, err1 := strconv.ParseFloat(lo, 64)
	b, err2 := strconv.ParseFloat(hi, 64)
	if err1 != nil || err2 != nil {
		panic(fmt.Sprintf("room: options: tag %q of %s: want min..max", f.Tag.Get("ring"), f.Name))
	}
	var x float64
	switch {
	case v.CanInt():
		x = float64(v.Int())
	case v.CanUint():
		x = float64(v.Uint())
	case v.CanFloat():
		x = v.Float()
	}
	if x < a || x > b {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		return fmt.Errorf("options: %s is %v, want %s to %s", name, v.Interface(), lo, hi)
	}
	return nil
}
