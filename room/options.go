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
// the struct does not have, a wrong type or anything behind the JSON is an error fit for the creator's eyes. Numbers may carry
// a range in their tag:
//
//	opt := options{RoundS: 120}                 // RoundS int `json:"round_s" ring:"5..3600"`
//	if err := room.Options(raw, &opt); err != nil { return nil, err }
func Options(raw json.RawMessage, into any) error {
	if len(raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return fmt.Errorf("options: %w", err)
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
