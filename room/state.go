package room

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrState is wrapped by every error about a state that cannot be encoded or restored.
var ErrState = errors.New("game state")

// RestoreState fills a game's state from the bytes of a checkpoint. The bytes are checked before they are decoded: every
// announced length against the bytes that are there, because the decoder allocates what it is told.
func RestoreState(g Game, data []byte) error {
	if c, ok := g.(StateCodec); ok {
		if err := c.RestoreState(data); err != nil {
			return fmt.Errorf("%w: restore: %w", ErrState, err)
		}
		return nil
	}
	if err := decodeState(g.State(), data); err != nil {
		return fmt.Errorf("%w: restore: %w", ErrState, err)
	}
	return nil
}

// decodeState fills what into points to, after it has checked the bytes.
func decodeState(into any, data []byte) error {
	if err := wire.CheckObject(data); err != nil {
		return err
	}
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(bytes.NewReader(data))
	return dec.Decode(into)
}

// decodeOld is the decode that a Convert is given.
func decodeOld(into any, data []byte) error {
	if raw, ok := into.(*[]byte); ok && raw != nil {
		*raw = bytes.Clone(data)
		return nil
	}
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("%w: decode into %T, want a pointer to a struct of the old layout, or to a []byte", ErrState, into)
	}
	if err := decodeState(into, data); err != nil {
		return fmt.Errorf("%w: decode into %T: %w", ErrState, into, err)
	}
	return nil
}

// CheckState reports what in a game's state would not survive: fields that are not exported, maps, whose order differs from
// run to run and which restoring merges instead of replacing, and what nests too deep. A type that contains itself may nest
// as deep as its values do; those are checked each time they are encoded.
func CheckState(g Game) error {
	if g == nil {
		return fmt.Errorf("%w: New returned no game and no error", ErrState)
	}
	if _, ok := g.(StateCodec); ok {
		return nil
	}
	v := reflect.ValueOf(g.State())
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("%w: State returns %T, want a pointer to a struct", ErrState, g.State())
	}
	if err := checkSurvives(v.Type(), v.Type().Elem().String(), map[reflect.Type]bool{}); err != nil {
		return err
	}
	if depth, bounded := nesting(v.Type(), map[reflect.Type]int{}); bounded && depth > wire.MaxDepth {
		return fmt.Errorf("%w: %s nests %d deep, at most %d can be restored", ErrState, v.Type().Elem(), depth, wire.MaxDepth)
	}
	return nil
}

func checkSurvives(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if t.Kind() == reflect.Pointer {
		return checkSurvives(t.Elem(), path, seen)
	}
	if table, ok := reflect.New(t).Interface().(interface{ rowType() reflect.Type }); ok {
		return checkSurvives(table.rowType(), path+"[]", seen)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[msgpack.CustomEncoder]()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return checkSurvives(t.Elem(), path, seen)
	case reflect.Map:
		return fmt.Errorf("%w: %s is a map; use a room.Table, which has an order", ErrState, path)
	case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
		return fmt.Errorf("%w: %s is a %s and cannot be restored", ErrState, path, t.Kind())
	case reflect.Struct:
		return checkFieldsSurvive(t, path, seen)
	}
	return nil
}

// nesting is how deeply a type's arrays nest in its encoding; bounded is false where only a value can say, for the type contains
// itself or encodes itself. known holds what was found, and -1 for the types that are being looked at.
func nesting(t reflect.Type, known map[reflect.Type]int) (depth int, bounded bool) {
	if n, ok := known[t]; ok {
		return n, n >= 0
	}
	known[t] = -1
	bounded = true
	inner := func(t reflect.Type) {
		n, ok := nesting(t, known)
		depth, bounded = max(depth, n), bounded && ok
	}
	switch table, ok := reflect.New(t).Interface().(interface{ rowType() reflect.Type }); {
	case ok:
		inner(table.rowType())
		depth++
	case t.Kind() == reflect.Pointer:
		inner(t.Elem())
	case reflect.PointerTo(t).Implements(reflect.TypeFor[msgpack.CustomEncoder]()):
		bounded = false
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		inner(t.Elem())
		depth++
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("msgpack") != "-" {
				inner(f.Type)
			}
		}
		depth++
	}
	if !bounded {
		return 0, false
	}
	known[t] = depth
	return depth, true
}

func checkFieldsSurvive(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("msgpack") == "-" {
			continue
		}
		if !f.IsExported() {
			return fmt.Errorf("%w: %s.%s is not exported and would be lost; export it or tag it `msgpack:\"-\"`", ErrState, path, f.Name)
		}
		if err := checkSurvives(f.Type, path+"."+f.Name, seen); err != nil {
			return err
		}
	}
	return nil
}
